"""Columns of texts to types: the whole column decides, and what it does not decide is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ingest.infer import draft_sample
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset
from ingest.spec.yaml_document import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


MONEY = {"type": "decimal(18,2)", "currency": "strip"}


def drafted(folder: Path, title: str, texts: list[str]) -> tuple[dict[str, Any], str]:
    """Return the field that a column of a semicolon-separated file is drafted as, and the whole draft."""
    path = folder / "x.csv"
    path.write_text("".join(f"{text};x\n" for text in [f"{title};other", *texts]).replace("other;x", "other"), "utf-8")
    text = draft_sample(path).text
    report = parse(path, parse_dataset(text, "draft.yml"), folder)
    assert report.rows.accepted == len(texts), text
    field = parse_yaml(text, "draft.yml").data["fields"][0]
    return {name: value for name, value in field.items() if name not in ("name", "header")}, text


@pytest.mark.parametrize(
    ("texts", "settings"),
    [
        (["01.05.2026", "28.05.2026"], {"type": "date", "format": "%d.%m.%Y"}),
        (["1.5.26", "2.6.26"], {"type": "date", "format": "%d.%m.%y"}),
        (["31.12.99", "01.01.98"], {"type": "date", "format": "%d.%m.%y"}),
        (["99-05-31", "98-05-01"], {"type": "date", "format": "%y-%m-%d"}),
        (["32/05/31", "26/05/01"], {"type": "date", "format": "%y/%m/%d"}),
        (["05/28/2026", "05/01/2026"], {"type": "date", "format": "%m/%d/%Y"}),
        (["28-05-2026", "01-05-2026"], {"type": "date", "format": "%d-%m-%Y"}),
        (["2026/05/01", "2026/12/31"], {"type": "date", "format": "%Y/%m/%d"}),
        (["20260501", "20261231"], {"type": "date", "format": "%Y%m%d"}),
        (["2026年5月1日", "2026年12月31日"], {"type": "date", "format": "%Y年%m月%d日"}),
        (["1 Mar 2026", "31 Dec 2026"], {"type": "date", "format": "%d %b %Y"}),
        (["March 1, 2026", "May 31, 2026"], {"type": "date", "format": "%B %d, %Y"}),
        (["2026-05-01", "2026-12-31"], {"type": "date"}),
        (["2026-05-01T10:00:00", "2026-12-31T23:59:59"], {"type": "datetime"}),
        (["01.05.2026 10:15", "28.05.2026 23:59"], {"type": "datetime", "format": "%d.%m.%Y %H:%M"}),
        (["5/28/2026 1:15 PM", "5/1/2026 2:00 AM"], {"type": "datetime", "format": "%m/%d/%Y %I:%M %p"}),
        (["08:15", "23:59"], {"type": "time"}),
        (["8:15", "23:59"], {"type": "time", "format": "%H:%M"}),
        (["36:00", "8:15:30"], {"type": "duration"}),
        (["PT1H", "P2D"], {"type": "duration"}),
        (["12,50", "1.000,00"], {"type": "decimal(18,2)", "decimalChar": ",", "groupChar": "."}),
        (["12.50", "1,000.00"], {"type": "decimal(18,2)", "groupChar": ","}),
        (["1 234,5", "0,125"], {"type": "decimal(18,3)", "decimalChar": ",", "groupChar": " "}),
        (["1'234.50", "2.00"], {"type": "decimal(18,2)", "groupChar": "'"}),
        (["1.234.567", "12"], {"type": "integer", "decimalChar": ",", "groupChar": "."}),
        (["1,234,567", "12"], {"type": "integer", "groupChar": ","}),
        (["0,125", "1,250"], {"type": "decimal(18,3)", "decimalChar": ","}),
        (["5", "-7"], {"type": "integer"}),
        (["5,0", "7,25-"], {"type": "decimal(18,2)", "decimalChar": ",", "negative": ["minus", "trailing"]}),
        (["5", "(7)"], {"type": "integer", "negative": ["minus", "parentheses"]}),
        (["€ 12,50", "3,00 €"], {"type": "decimal(18,2)", "decimalChar": ",", "currency": "strip"}),
        (["$1,200.50", "$3.00"], {"type": "decimal(18,2)", "groupChar": ",", "currency": "strip"}),
        (["CHF 1'200.50", "3.00 CHF"], {"type": "decimal(18,2)", "groupChar": "'", "currency": "strip"}),
        (["R$ 1.200,50"], {"type": "decimal(18,2)", "decimalChar": ",", "groupChar": ".", "currency": "strip"}),
        (["5 kr", "7 kr"], {"type": "decimal(18,2)", "currency": "strip"}),
        (["5\u5186", "7\u5186"], {"type": "decimal(18,2)", "currency": "strip"}),
        (["R1", "R2"], {"type": "string"}),
        (["TOP 5", "TOP 6"], {"type": "string"}),
        (["38 CUP", "40 CUP"], {"type": "string"}),
        (["2 PEN", "3 PEN"], {"type": "string"}),
        (["5 MOP", "7 MOP"], {"type": "string"}),
        (["2.50 PEN", "3 PEN"], {"type": "decimal(18,2)", "currency": "strip"}),
        (["12 KM", "7 KM"], {"type": "string"}),
        (["USD5", "USD6"], {"type": "string"}),
        (["0.19", "1.0", "0.07"], {"type": "decimal(18,4)"}),
        (["0,19", ",5", "-0,07"], {"type": "decimal(18,4)", "decimalChar": ","}),
        (["€ 0,50", "0,20 €"], {"type": "decimal(18,2)", "decimalChar": ",", "currency": "strip"}),
        (["0.19", "1.5"], {"type": "decimal(18,2)"}),
        (["19 %", "7 %"], {"type": "decimal(18,4)", "percent": "fraction"}),
        (["19,5%", "7%"], {"type": "decimal(18,4)", "decimalChar": ",", "percent": "fraction"}),
        (["12,5", "-", "7,0"], {"type": "decimal(18,2)", "decimalChar": ","}),
        (["007", "123"], {"type": "string", "id": True}),
        (["$(1,234.50)", "$ 2.00"], {**MONEY, "groupChar": ",", "negative": ["minus", "parentheses"]}),
        (["1.234,50- €", "2,00 €"], {**MONEY, "decimalChar": ",", "groupChar": ".", "negative": ["minus", "trailing"]}),
        (["5 (2)", "7"], {"type": "string"}),
        (["1618-05-23", "9999-12-31"], {"type": "date"}),
        (["9999-12-31", "9999-12-31"], {"type": "date"}),
        (["1.50", "\\N"], {"type": "decimal(18,2)"}),
        (["2026-05-01", "(null)"], {"type": "date"}),
        (["+49170123", "+49171123"], {"type": "string"}),
        (["€ 5", "$ 5"], {"type": "string"}),
        (["5 %", "5"], {"type": "string"}),
        (["1E3", "2E4"], {"type": "string"}),
        (["2026-02-30", "2026-05-01"], {"type": "string"}),
    ],
)
def test_texts_are_typed_by_what_all_of_them_are(tmp_path: Path, texts: list[str], settings: dict[str, Any]) -> None:
    assert drafted(tmp_path, "value", texts)[0] == settings


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        *(("yes", "no"), ("Ja", "Nein"), ("oui", "non"), ("sí", "no"), ("sì", "no"), ("sim", "não"), ("ja", "nee")),
        *(
            ("tak", "nie"),
            ("да", "нет"),
            ("evet", "hayır"),
            ("是", "否"),
            ("はい", "いいえ"),
            ("예", "아니오"),
            ("Y", "N"),
        ),
    ],
)
def test_yes_and_no_in_many_languages(tmp_path: Path, yes: str, no: str) -> None:
    settings = {"type": "boolean", "trueValues": yes.lower(), "falseValues": no.lower()}
    assert drafted(tmp_path, "value", [yes, no, yes])[0] == settings
    assert drafted(tmp_path, "value", [yes, no, "perhaps"])[0] == {"type": "string"}
    assert drafted(tmp_path, "value", [no, no])[0] == {"type": "string"}


@pytest.mark.parametrize(("yes", "no"), [("S", "N"), ("O", "N"), ("T", "N")])
def test_letters_that_may_be_something_else_than_yes_and_no_are_asked(tmp_path: Path, yes: str, no: str) -> None:
    settings, text = drafted(tmp_path, "value", [yes, no, yes])
    assert settings == {"type": "string"}
    words = f"trueValues: [{yes.lower()}], falseValues: [{no.lower()}]"
    assert f"# or: {{name: value, header: [value], type: boolean, {words}}}" in text.replace("'", "")


@pytest.mark.parametrize(
    ("texts", "others"),
    [
        (["03/04/2026", "05/06/2026"], ["type: date, format: '%d/%m/%Y'", "type: date, format: '%m/%d/%Y'"]),
        (["05-05-2026"], ["type: date, format: '%d-%m-%Y'", "type: date, format: '%m-%d-%Y'"]),
        (["26-05-01", "26-05-13"], ["type: date, format: '%d-%m-%y'", "type: date, format: '%y-%m-%d'"]),
        (["01.02.03", "10.11.12"], ["type: date, format: '%d.%m.%y'", "type: date, format: '%y.%m.%d'"]),
        (["26/05/13"], ["type: date, format: '%d/%m/%y'", "type: date, format: '%y/%m/%d'"]),
        (["26.05.01 10:15"], ["type: datetime, format: '%d.%m.%y %H:%M'", "type: datetime, format: '%y.%m.%d %H:%M'"]),
        (["1,234", "2,345"], ["type: 'decimal(18,3)', decimalChar: ','", "type: integer, groupChar: ','"]),
        (["1.234"], ["type: 'decimal(18,3)'", "type: integer, decimalChar: ',', groupChar: ."]),
        (["01/05/2569", "13/05/2569", "31/12/9999"], ["type: date, format: '%d/%m/%Y'"]),
        (["2569-05-01 10:15"], ["type: datetime"]),
        (["14050211", "14050223"], ["type: date, format: '%Y%m%d'"]),
    ],
)
def test_what_the_column_does_not_decide_is_asked(tmp_path: Path, texts: list[str], others: list[str]) -> None:
    settings, text = drafted(tmp_path, "value", texts)
    assert settings == {"type": "string"}
    for other in others:
        assert f"  # or: {{name: value, header: [value], {other}}}" in text


IDENTIFIERS = (
    *("Kundennr.", "Customer ID", "PLZ", "zip code", "电话", "订单号", "Phone", "Code postal", "Código", "CEP", "BLZ"),
    *(
        "Kostenstelle",
        "N° commande",
        "Téléphone",
        "Phone 2",
        "Code client",
        "GL Account",
        "Cost Center",
        "品番",
        "发票号码",
    ),
    *(
        "CP",
        "Numéro client",
        "N° de compte",
        "Nº factura",
        "Referencia",
        "Расчётный счёт",
        "Код товара",
        "학번",
        "رقم الطالب",
    ),
)


@pytest.mark.parametrize("title", IDENTIFIERS)
def test_digits_below_a_title_of_identifiers_are_no_quantity(tmp_path: Path, title: str) -> None:
    assert drafted(tmp_path, title, ["10115", "20095"])[0] == {"type": "string", "id": True}


@pytest.mark.parametrize(
    "title",
    [
        *("N° de pièces", "N° colli", "Number of items", "Market cap", "Kontostand", "Décompte", "Sconto", "Skonto"),
        *("Phones", "Mobile (%)", "COD Amount", "Кубик"),
    ],
)
def test_digits_below_other_titles_are_a_quantity(tmp_path: Path, title: str) -> None:
    assert drafted(tmp_path, title, ["10115", "20095"])[0] == {"type": "integer"}


def test_few_words_are_perhaps_a_closed_list(tmp_path: Path) -> None:
    _, text = drafted(tmp_path, "value", ["open", "closed", "null"] * 5)
    assert 'perhaps constraints: {enum: ["closed", "null", "open"]}' in text


@pytest.fixture
def year_2026(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it 2026: which years dates are likely of changes with the year."""
    monkeypatch.setattr("ingest.infer.text_forms._this_year", lambda: 2026)


@pytest.mark.usefixtures("year_2026")
@pytest.mark.parametrize("sign", "./-")
@pytest.mark.parametrize("clock", ["", " %H:%M"])
def test_days_before_years_of_two_digits_are_told_by_the_years(tmp_path: Path, sign: str, clock: str) -> None:
    days = [day.replace(".", sign) for day in ("31.12.24", "15.03.25", "28.11.25")]
    settings, text = drafted(tmp_path, "value", [f"{day}{' 10:15' if clock else ''}" for day in days])
    assert settings == {"type": "datetime" if clock else "date", "format": f"%d{sign}%m{sign}%y{clock}"}
    assert "not the year in front" in text


@pytest.mark.usefixtures("year_2026")
@pytest.mark.parametrize(
    ("texts", "decided"),
    [
        # Of few years, the others of many that are all past; of one day; of a day that is a year to come.
        (["03.01.25", "15.02.25", "20.03.26"], "./"),
        (["15.11.26"], "./"),
        (["28.11.26"], "./"),
        # A year in front that is likely, whatever the day is like.
        (["26.05.01", "26.05.13"], ""),
        (["26.05.25", "26.05.26"], ""),
        (["24.05.01", "25.06.14", "26.07.28"], ""),
        (["27.12.31", "28.12.31"], ""),
        # Neither is.
        (["01.02.03", "10.11.12"], ""),
    ],
)
@pytest.mark.parametrize("sign", "./-")
def test_what_is_likely_both_ways_is_asked(tmp_path: Path, texts: list[str], decided: str, sign: str) -> None:
    settings, _ = drafted(tmp_path, "value", [text.replace(".", sign) for text in texts])
    assert settings == ({"type": "date", "format": f"%d{sign}%m{sign}%y"} if sign in decided else {"type": "string"})


@pytest.mark.usefixtures("year_2026")
@pytest.mark.parametrize(
    ("texts", "form"),
    [(["31.12.62", "1.7.01"], "%d.%m.%y"), (["15-Mar-50", "31-Dec-99"], "%d-%b-%y"), (["15.03.38 08:15"], None)],
)
def test_the_century_of_birthdays_is_asked(tmp_path: Path, texts: list[str], form: str | None) -> None:
    settings, text = drafted(tmp_path, "born", texts)
    assert settings == {"type": "string"}
    assert form is None or f"  # or: {{name: born, header: [born], type: date, format: '{form}'}}" in text


@pytest.mark.usefixtures("year_2026")
def test_years_soon_to_come_are_no_birthdays(tmp_path: Path) -> None:
    assert drafted(tmp_path, "ends", ["31.12.36", "1.7.28"])[0] == {"type": "date", "format": "%d.%m.%y"}


@pytest.mark.parametrize(
    "title",
    [
        *(
            "Phone number",
            "Account No.",
            "Kontonummer",
            "Kto.-Nr.",
            "Handy",
            "N° de téléphone",
            "Nº de cuenta",
            "DNI",
            "Agência",
        ),
        *(
            "Номер счета",
            "Мобильный",
            "手机号",
            "银行账号",
            "電話番号",
            "郵便番号",
            "우편번호",
            "계좌번호",
            "الهاتف",
            "رقم الحساب",
        ),
    ],
)
def test_numbers_below_a_title_of_phones_accounts_and_postcodes_are_texts(
    workbook: Callable[..., Path], title: str
) -> None:
    """The next file has some with zeros in front, as texts; a whole number would lose them."""
    dataset = parse_dataset(draft_sample(workbook([["Name", title], ["a", 1234567], ["b", 2345678]])).text, "draft.yml")
    assert (str(dataset.fields[1].type), dataset.fields[1].id) == ("string", True)


@pytest.mark.parametrize(
    "title",
    [
        *(
            "Mobile",
            "Card payments",
            "Number of contacts",
            "Kontostand",
            "Cap",
            "CIF",
            "Nombre de comptes",
        ),
        *("N° de jours", "Número de clientes", "Количество", "数量", "卡数", "수량", "الكمية", "CP"),
    ],
)
def test_quantities_below_titles_like_those_stay_numbers(workbook: Callable[..., Path], title: str) -> None:
    dataset = parse_dataset(draft_sample(workbook([["Name", title], ["a", 12], ["b", 345]])).text, "draft.yml")
    assert str(dataset.fields[1].type) == "integer"
