"""Libraries write zeros, or nothing, as the results of formulas that nobody has calculated: no amount is that."""

from __future__ import annotations

import math
import re
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


@pytest.fixture
def of_cells(tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]) -> Callable[..., Any]:
    """Load a sheet whose second column has these cells, as the XML behind their references has them."""

    def run(*cells: str, asks: bool) -> Any:
        path = tmp_path / "x.xlsx"
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, ["sku", "amount"])
            for row in range(1, len(cells) + 1):
                sheet.write_row(row, 0, [f"A{row}", -row])

        def cell(found: re.Match[bytes]) -> bytes:
            return cells[int(found[1]) - 1].encode() + b"</c>"

        def rewritten(name: str, content: bytes) -> bytes:
            if name == "xl/workbook.xml" and not asks:
                return content.replace(b' fullCalcOnLoad="1"', b"")
            return re.sub(rb"><v>-([0-9]+)</v></c>", cell, content) if "worksheets" in name else content

        rewrite(path, rewritten)
        fields = ({"name": "sku", "type": "string"}, {"name": "amount", "type": "string"})
        return parsed(path, dataset(*fields))

    return run


TEXT_WITHOUT_RESULT = ' t="str"><f>C2*2</f>'
QUOTED_OTHERWISE = " t='str'><f>C2*2</f>"
"""Of a form that only the XML parser reads."""


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 400])
@pytest.mark.parametrize("cell", [TEXT_WITHOUT_RESULT, QUOTED_OTHERWISE])
def test_a_formula_that_is_called_a_text_and_has_no_result_has_none(
    of_cells: Callable[..., Any], cell: str, rows: int, *, asks: bool
) -> None:
    found = of_cells(*[cell] * rows, asks=asks)
    assert found.faults[1:] == [(f"B{row}", "cell.formula_no_cache") for row in range(2, rows + 2)]
    assert found.accepted == {}


@pytest.mark.parametrize("beside", ["><f>C2</f><v>0</v>", ' t="str"><f>C2</f><v></v>', "><v>5</v>"])
def test_zeros_and_empty_texts_beside_it_are_what_they_are(of_cells: Callable[..., Any], beside: str) -> None:
    found = of_cells(TEXT_WITHOUT_RESULT, beside, asks=False)
    assert (found.faults, list(found.accepted)) == ([("B2", "cell.formula_no_cache")], [3])


@pytest.mark.parametrize("asks", [True, False])
def test_it_is_an_empty_text_where_another_formula_has_a_result(of_cells: Callable[..., Any], *, asks: bool) -> None:
    """There are libraries that calculate, and leave out the results that are empty."""
    found = of_cells(TEXT_WITHOUT_RESULT, "><f>C2</f><v>7</v>", asks=asks)
    assert found.accepted == {2: ["A1", None], 3: ["A2", "7"]}


@pytest.mark.parametrize("end", ["<v></v>", "<v/>", "<v />"])
def test_an_empty_text_is_a_result_unless_all_are_to_be_calculated(of_cells: Callable[..., Any], end: str) -> None:
    cells = [f' t="str"><f>C{row}</f>{end}' for row in (2, 3)]
    assert of_cells(*cells, asks=False).accepted == {2: ["A1", None], 3: ["A2", None]}
    assert of_cells(*cells, asks=True).accepted == {}


def test_a_zero_with_a_fraction_is_one(of_cells: Callable[..., Any]) -> None:
    cells = [f' t="n"><f>C{row}</f><v>0.0</v>' for row in (2, 3)]
    assert of_cells(*cells, asks=True).faults[1:] == [("B2", "cell.formula_no_cache"), ("B3", "cell.formula_no_cache")]
    assert of_cells(*cells, asks=False).accepted == {2: ["A1", "0"], 3: ["A2", "0"]}


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
