"""The row that Excel itself calls the totals of a table is no data, whatever is written in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import xlsxwriter
from zips import rewrite

from ingest.infer import draft_sample
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIELDS = ({"name": "sku", "type": "string"}, {"name": "qty", "type": "integer"}, {"name": "note", "type": "string"})
ROWS = [["A1", 5, "x"], ["A2", 7, "y"], ["A3", 10, "z"]]
GOOD = {2: ["A1", "5", "x"], 3: ["A2", "7", "y"], 4: ["A3", "10", "z"]}


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    def write(label: str | None, function: str, value: float, below: list[list[Any]] | None = None) -> Path:
        path = tmp_path / "x.xlsx"
        with xlsxwriter.Workbook(path) as made:
            sheet = made.add_worksheet()
            columns = [
                {"header": "sku", **({"total_string": label} if label else {})},
                {"header": "qty", "total_function": function, "total_value": value},
                {"header": "note", "total_function": "count", "total_value": 3},
            ]
            sheet.add_table(0, 0, 4, 2, {"data": ROWS, "total_row": True, "columns": columns})
            for number, row in enumerate(below or [], 5):
                sheet.write_row(number, 0, row)
        return path

    return write


@pytest.mark.parametrize(
    ("label", "function", "value"),
    [(None, "sum", 22), ("Total", "average", 7.33), ("Wynik", "sum", 22), ("A4", "max", 10)],
)
def test_it_is_known_whatever_it_says(
    book: Callable[..., Path],
    dataset: Callable[..., Any],
    parsed: Callable[..., Any],
    label: str | None,
    function: str,
    value: float,
) -> None:
    path = book(label, function, value)
    outcome = parsed(path, dataset(*FIELDS))
    assert (outcome.accepted, outcome.report.rows.footer, outcome.faults) == (GOOD, 1, [])
    draft = draft_sample(path).text
    assert "# Mend" not in draft
    drafted = parsed(path, parse_dataset(draft, "draft.yml"))
    assert (drafted.accepted, drafted.report.rows.footer) == (GOOD, 1)


def test_what_stands_below_a_blank_row_is_told_apart(
    book: Callable[..., Path], dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    outcome = parsed(book(None, "sum", 22, [[], ["printed", None, None]]), dataset(*FIELDS))
    assert (outcome.accepted, outcome.report.rows.footer) == (GOOD, 2)


def test_a_template_that_a_program_filled_beyond_its_table_has_no_totals(
    book: Callable[..., Path], dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    path = book(None, "sum", 22)
    template = openpyxl.load_workbook(path)
    for row, cells in enumerate([["A4", 1, "u"], ["A5", 2, "v"], ["A6", 3, "w"]], 5):
        for column, value in enumerate(cells, 1):
            template.worksheets[0].cell(row, column, value)
    template.save(path)
    outcome = parsed(path, dataset(*FIELDS))
    assert list(outcome.accepted) == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    "part", [b"", b"<table", b'<table ref="A1:C5" totalsRowCount="1"><a></table>', b'<t ref="A1:C5"/>']
)
def test_a_table_that_is_damaged_says_nothing(
    book: Callable[..., Path], dataset: Callable[..., Any], parsed: Callable[..., Any], part: bytes
) -> None:
    path = book(None, "sum", 22)
    rewrite(path, lambda name, content: part if name.startswith("xl/tables/") else content)
    assert parsed(path, dataset(*FIELDS)).accepted == {**GOOD, 5: [None, "22", "3"]}


def test_a_row_of_totals_that_was_written_over_is_data(
    book: Callable[..., Path], dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    path = book("Total", "sum", 22)
    template = openpyxl.load_workbook(path)
    for column, value in enumerate(["A4", 1, "u"], 1):
        template.worksheets[0].cell(5, column, value)
    template.save(path)
    assert parsed(path, dataset(*FIELDS)).accepted == {**GOOD, 5: ["A4", "1", "u"]}


def test_totals_of_another_table_end_nothing(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    path = tmp_path / "x.xlsx"
    other = [
        {"header": "region", "total_string": "Zusammen"},
        {"header": "pcs", "total_function": "sum", "total_value": 3},
    ]
    with xlsxwriter.Workbook(path) as made:
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, [field["name"] for field in FIELDS])
        for number, row in enumerate(ROWS, 1):
            sheet.write_row(number, 0, row)
        sheet.write_row(4, 0, ["Total", 22])
        sheet.add_table(6, 0, 9, 1, {"data": [["N", 1], ["S", 2]], "total_row": True, "columns": other})
        sheet.add_table(0, 4, 2, 5, {"data": [["N", 3]], "total_row": True, "columns": other})
    outcome = parsed(path, dataset(*FIELDS, table_end={"footers": ["Total"]}))
    assert outcome.accepted == GOOD
    beside = [*FIELDS, {"name": "region", "type": "string"}, {"name": "pcs", "type": "integer"}]
    assert list(parsed(path, dataset(*beside, table_end={"footers": ["Total"]})).accepted) == [2, 3, 4]


def test_tables_without_totals_and_tables_elsewhere_end_nothing(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as made:
        sheet = made.add_worksheet()
        sheet.add_table(0, 0, 3, 2, {"data": ROWS, "columns": [{"header": field["name"]} for field in FIELDS]})
        aside = [{"header": "shop"}, {"header": "sum", "total_function": "sum", "total_value": 3}]
        sheet.add_table(0, 4, 2, 5, {"data": [["north", 3]], "total_row": True, "columns": aside})
    assert parsed(path, dataset(*FIELDS)).accepted == GOOD
