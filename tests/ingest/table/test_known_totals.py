"""Totals that no footer of the dataset names, as only the next month's file has them, are known by word and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ingest.infer import draft_sample
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., Any]

TITLES = ["Name", "City", "Litres", "Amount"]
MAY = [["Shell", "Ulm", 10, 20], ["BP", "Bonn", 11, 22], ["Esso", "Kiel", 30, 61]]
FIELDS = (
    {"name": "name", "type": "string", "header": ["Name"]},
    {"name": "city", "type": "string", "header": ["City"]},
    {"name": "litres", "type": "integer", "header": ["Litres"]},
    {"name": "amount", "type": "integer", "header": ["Amount"]},
)
KNOWN = {"table_end": {"known_totals": True}}


@pytest.mark.parametrize(
    "last",
    [
        *(
            [word, None, 51, 103]
            for word in (
                "Total",
                "TOTAL:",
                "Grand Total",
                "Summe",
                "Total général",
                "Итого",
                "合 计",
                "합계",
                "المجموع",
                "कुल योग",
                "जोड़:",
                "รวมทั้งหมด",
                'סה"כ',
                "Ukupno",
                "جمع کل",
            )
        ),
        ["Total (EUR)", None, None, 103],
        ["Total May 2026", None, 51, None],
        [None, "Total", 51, 103],
    ],
)
def test_a_row_of_totals_that_only_the_next_file_has_is_no_data(
    workbook: Callable[..., Path], parsed: Make, last: list[Any]
) -> None:
    by_draft = parse_dataset(draft_sample(workbook([TITLES, *MAY])).text, "draft.yml")
    outcome = parsed(workbook([TITLES, *MAY, last]), by_draft)
    assert (list(outcome.accepted), outcome.report.rows.footer, outcome.faults) == ([2, 3, 4], 1, [])


@pytest.mark.parametrize(
    ("rows", "warned"),
    [
        # A station that is called so: in front, behind, among the others, and as large as the only one above.
        ([["Total", "Ulm", 10, 20], *MAY], 1),
        ([*MAY, ["Total", "Ulm", 10, 20]], 1),
        ([*MAY, ["Total", "Ulm", 51, 103]], 1),
        ([*MAY[:2], ["Total", None, 21, 42], *MAY[2:]], 1),
        ([["Shell", None, 10, 20], ["Total", None, 10, 20]], 1),
        ([["Shell", "Ulm", 0, 0], ["BP", "Bonn", 0, 0], ["Total", None, 0, 0]], 1),
        ([*MAY, ["Total", "Ulm", None, None]], 1),
        ([*MAY, ["Total", None, None, None]], 1),
        ([*MAY, ["Total", None, 52, 103]], 1),
        ([*MAY, ["Total", "3 stations", 51, 103]], 1),
        # Nothing is told of what begins so and goes on.
        ([*MAY, ["Total Wine", "Ulm", 10, 20]], 0),
        ([*MAY, ["Totally", None, 51, 103]], 0),
        ([*MAY, ["योगिता", None, 51, 103]], 0),
    ],
)
def test_data_that_begin_as_totals_do_are_loaded(
    workbook: Callable[..., Path], dataset: Make, parsed: Make, rows: list[list[Any]], warned: int
) -> None:
    outcome = parsed(workbook([TITLES, *rows]), dataset(*FIELDS, **KNOWN))
    assert list(outcome.accepted) == list(range(2, len(rows) + 2))
    assert outcome.report.codes.get("row.footer_doubtful", 0) == warned


def test_a_dataset_that_does_not_ask_for_it_knows_only_its_footers(
    workbook: Callable[..., Path], dataset: Make, parsed: Make
) -> None:
    outcome = parsed(workbook([TITLES, *MAY, ["Total", None, 51, 103]]), dataset(*FIELDS))
    assert (list(outcome.accepted), dict(outcome.report.codes)) == ([2, 3, 4, 5], {})


@pytest.mark.parametrize("table_end", [{"known_totals": True}, {"footers": ["Total*"]}])
def test_totals_of_an_empty_month_are_no_data(
    workbook: Callable[..., Path], dataset: Make, parsed: Make, table_end: dict[str, Any]
) -> None:
    outcome = parsed(workbook([TITLES, ["Total", None, 0, 0]]), dataset(*FIELDS, table_end=table_end))
    assert outcome.report.rejection.code == "table.no_rows"
    full = parsed(workbook([TITLES, ["Total", "Ulm", 0, 0]]), dataset(*FIELDS, table_end=table_end))
    assert list(full.accepted) == [2]


def test_one_row_and_its_total(workbook: Callable[..., Path], dataset: Make, parsed: Make) -> None:
    outcome = parsed(workbook([TITLES, MAY[0], ["Total", None, 10, 20]]), dataset(*FIELDS, **KNOWN))
    assert list(outcome.accepted) == [2]
