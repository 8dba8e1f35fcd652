"""Libraries write zeros as the results of formulas that nobody has calculated: no amount of a row is that."""

from __future__ import annotations

import math
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import xlsxwriter
from zips import rewrite

from ingest.infer import draft_sample
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FIELDS = ({"name": "sku", "type": "string"}, {"name": "amount", "type": "integer"})


@pytest.fixture
def outcome(tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]) -> Callable[..., Any]:
    def run(results: Sequence[Any], *, asks: bool = True) -> Any:
        path = tmp_path / "x.xlsx"
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, ["sku", "amount", "quantity"])
            for row, result in enumerate(results, 1):
                sheet.write(row, 0, f"A{row}")
                sheet.write_formula(row, 1, f"=C{row + 1}*2", None, *([] if result is None else [result]))
                sheet.write(row, 2, row)
        if not asks:
            rewrite(path, lambda _, content: content.replace(b' fullCalcOnLoad="1"', b""))
        return parsed(path, dataset(*FIELDS))

    return run


@pytest.mark.parametrize("rows", [1, 3, 400])
def test_zeros_of_formulas_that_are_to_be_calculated_are_no_results(outcome: Callable[..., Any], rows: int) -> None:
    found = outcome([None] * rows)
    assert found.refusal == "table.too_many_bad_rows"
    assert found.faults[1:] == [(f"B{row}", "cell.formula_no_cache") for row in range(2, rows + 2)]
    assert found.accepted == {}


@pytest.mark.parametrize("result", [4, "none", True, "#DIV/0!"])
def test_they_are_where_another_formula_has_a_result(outcome: Callable[..., Any], result: Any) -> None:
    found = outcome([0, result, 0])
    assert found.accepted[2] == ["A1", "0"]
    assert found.accepted[4] == ["A3", "0"]


def test_they_are_in_a_workbook_that_was_calculated(outcome: Callable[..., Any]) -> None:
    assert outcome([None, None], asks=False).accepted == {2: ["A1", "0"], 3: ["A2", "0"]}


@pytest.mark.parametrize("cell", ['t="b"><f>C2&gt;9</f><v>0', 't="s"><f>A1</f><v>0', 't="str"><f>A1</f><v>0'])
def test_a_zero_of_another_type_is_a_result(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any], cell: str
) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["sku", "amount"])
        sheet.write(1, 0, "A1")
        sheet.write_formula(1, 1, "=C2")
    rewrite(path, lambda _, content: content.replace(b"><f>C2</f><v>0", f" {cell}".encode()))
    found = parsed(path, dataset({"name": "sku", "type": "string"}, {"name": "amount", "type": "string"}))
    assert found.faults == []
    assert list(found.accepted) == [2]


def test_a_sheet_that_is_read_again_counts_once(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["sku", "amount", "check"])
        sheet.write_formula(1, 2, "=0")
        for row in range(1, 30_000):
            sheet.write_row(row, 0, [f"A{row}", row])
    with zipfile.ZipFile(path) as whole:
        megabytes = sum(part.file_size for part in whole.infolist()) / (1 << 20)
    found = parsed(path, dataset(*FIELDS, limits={"total_mb": math.ceil(megabytes)}))
    assert len(found.accepted) == 29_999


@pytest.mark.parametrize("writer", ["openpyxl", "xlsxwriter"])
def test_a_row_of_totals_with_nothing_but_such_formulas_is_one(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any], writer: str
) -> None:
    path, rows = tmp_path / "x.xlsx", [["sku", "amount"], ["A1", 5], ["A2", 7], ["Total", "=SUM(B2:B3)"]]
    if writer == "openpyxl":
        book = openpyxl.Workbook()
        for row in rows:
            book.worksheets[0].append(row)
        book.save(path)
    else:
        with xlsxwriter.Workbook(path) as made:
            sheet = made.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    found = parsed(path, dataset(*FIELDS, table_end={"footers": ["Total"]}))
    assert (found.accepted, found.report.rows.footer) == ({2: ["A1", "5"], 3: ["A2", "7"]}, 1)
    draft = draft_sample(path).text
    assert "footers: [Total]" in draft
    assert "onError" not in draft
    # Amounts are drafted with cents.
    assert parsed(path, parse_dataset(draft, "draft.yml")).accepted == {2: ["A1", "5.00"], 3: ["A2", "7.00"]}


def test_a_row_of_data_that_begins_like_totals_is_none(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    book, path = openpyxl.Workbook(), tmp_path / "x.xlsx"
    for row in [["sku", "amount"], ["A1", 5], ["A2", "=B2+1"], ["Total Wine", "=B2+2"]]:
        book.worksheets[0].append(row)
    book.save(path)
    tolerant = {"quarantine": {"max_percent": 100}, "table_end": {"footers": ["Total*"]}}
    found = parsed(path, dataset(*FIELDS, **tolerant))
    assert found.faults[:2] == [("B3", "cell.formula_no_cache"), ("B4", "cell.formula_no_cache")]
    assert found.report.rows.footer == 0
