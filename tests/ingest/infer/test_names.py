"""Names from titles in any script: readable, legal, never twice."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.infer.names import dataset_name, file_glob, identifier, unique_name
from ingest.spec.dataset import Dataset
from ingest.spec.matching import choose_dataset

YEAR = "[0-9]" * 4
SPEC = {"fields": [{"name": "a", "type": "string"}], "load": {"table": "t"}}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        *(("订单号", "ding_dan_hao"), ("Order Date", "order_date"), ("paidAt", "paid_at"), ("2nd", "n_2nd")),
        *(("Größe (cm)", "grosse_cm"), ("Дата заказа", "data_zakaza"), ("주문번호", "ju_mun_beon_ho")),
        *(("№", "no"), ("#", "no"), ("%", "percent"), ("Rate %", "rate"), ("n° client", "n_client"), ("ctid", "ctid_")),
        *(("金额（元）", "jin_e_yuan"), ("Prix €", "prix"), ("!?", "")),
    ],
)
def test_titles_become_readable_names(title: str, name: str) -> None:
    assert identifier(title) == name


@given(st.text(max_size=200))
def test_names_are_legal(title: str) -> None:
    assert re.fullmatch(r"(?:[a-z][a-z0-9_]{0,62})?", identifier(title))


def test_a_name_is_given_once() -> None:
    assert unique_name("a", {"a", "a_2"}) == "a_3"
    question = identifier("12. How would you rate each of the following aspects of our customer service? [Speed]")
    names = list[str]()
    for _ in range(120):
        names.append(unique_name(question, names))
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 63, "what a field's name may have"


@pytest.mark.parametrize(
    ("stem", "glob"),
    [
        *(("orders", "orders*"), ("orders-2024-05", "orders*"), ("订单 (2)", "订单*"), ("2024-05", "2024-05*")),
        *(("invoices-may", "invoices*"), ("Bestellungen Mai 2026", "Bestellungen*"), ("Umsatz_März", "Umsatz*")),
        *(
            ("订单2026年5月", "订单*"),
            ("考勤5月份", "考勤*"),
            ("주문_5월", "주문*"),
            ("factures juin (2)", "factures*"),
        ),
        *(("2026-05 orders", f"{YEAR}-[0-9][0-9] orders*"), ("20260531_export", f"{YEAR}{YEAR}_export*")),
        *(("2026年5月订单", f"{YEAR}年*月订单*"), ("Store 2010 sales", "Store 2010 sales*"), ("x-marco", "x-marco*")),
        *(("orders_2026-05_final", f"orders_{YEAR}-[0-9][0-9]_final*"), ("May 2026", "May 2026*"), ("may", "may*")),
        *(
            ("dismay", "dismay*"),
            ("mayors", "mayors*"),
            ("part 12345678 list", "part 12345678 list*"),
            ("日报", "日报*"),
        ),
        *(("продажи май", "продажи*"), ("выписка за мая 2026", "выписка за*"), ("Satışlar Mayıs 2026", "Satışlar*")),
        *(
            ("omzet maart", "omzet*"),
            ("Sprzedaż maj 2026", "Sprzedaż*"),
            ("売上5月度", "売上*"),
            ("급여 1월분", "급여*"),
            ("売上(5月分)", "売上*"),
        ),
        *(
            ("5月売上", "*月売上*"),
            ("5月份考勤", "*月份考勤*"),
            ("2026년 5월 매출", f"{YEAR}년 *월 매출*"),
            ("5월", "5월*"),
            ("data mart", "data mart*"),
        ),
        *(
            ("Stand 31.05.2026 Lager", f"Stand [0-9][0-9].[0-9][0-9].{YEAR} Lager*"),
            ("Lohn 05.2026 Ulm", f"Lohn [0-9][0-9].{YEAR} Ulm*"),
        ),
        *(("نتائج مايو 2026", "نتائج*"), ("Nómina mayo de 2026", "Nómina*"), ("Прайс за май 2026 г.", "Прайс за*")),
        *(("Umsatz 1. Quartal 2026", "Umsatz*"), ("notas 2º bimestre", "notas*"), ("销售第一季度", "销售*")),
        *(("Bericht Quartal", "Bericht Quartal*"), ("Torg 5 гвоздь", "Torg 5 гвоздь*"), ("ventes de", "ventes de*")),
        *(("a[1]b", "a[[]1]b*"), ("q1", "q1*"), ("2" * 100 + "_final", "2" * 100 + "_final*")),
    ],
)
def test_the_glob_takes_the_sample_and_its_like(stem: str, glob: str) -> None:
    assert file_glob(stem) == glob


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=120))
def test_any_file_name_gives_a_dataset_that_takes_it(stem: str) -> None:
    dataset = Dataset.model_validate({"dataset": dataset_name(stem), "match": {"glob": file_glob(stem)}, **SPEC})
    assert choose_dataset({"d": dataset}, None, f"{stem}.xlsx") is dataset
