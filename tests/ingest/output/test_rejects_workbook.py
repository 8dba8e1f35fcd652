"""The workbook that is handed back: every rejected row with its cells as they were, what is wrong, and nothing else."""

from __future__ import annotations

import csv
import datetime as dt
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from ingest.errors import FileRejectedError
from ingest.output.rejects_workbook import write_rejects
from ingest.output.report import REJECTED_FILE
from ingest.table.header import REJECT_TITLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

NO = {"name": "no", "type": "string", "header": ["订单号"], "id": True}
COUNT = {"name": "count", "type": "integer", "header": ["数量"]}
ON = {"name": "on", "type": "date", "header": ["日期"]}


def styled(value: Any, form: str) -> Callable[..., None]:
    def write(book: Any, sheet: Any, row: int, column: int) -> None:
        sheet.write(row, column, value, book.add_format({"num_format": form}))

    return write


def failing(book: Any, sheet: Any, row: int, column: int) -> None:
    del book
    sheet.write_formula(row, column, "=1/0", None, "#DIV/0!")


DAY = styled(dt.date(2024, 2, 29), "dd/mm/yyyy")
ROWS: list[list[Any]] = [
    ["报表"],
    [],
    ["订单号", "数量", "日期", "备注"],
    ["A1", 1, DAY, "fine"],
    ["012345678901234567", "many", DAY, "=HYPERLINK(1)"],
    ["A3", 3, "31.31.2024", "@x"],
    ["A4", failing, DAY, True],
    ["A5", 5, DAY, "fine"],
    ["A1", 2, styled(45351.25, "hh:mm"), 12.5],
]


@pytest.fixture
def made(
    workbook: Callable[..., Path], dataset: Callable[..., Dataset], parsed: Callable[..., Any], tmp_path: Path
) -> Callable[..., Path]:
    """Parse the rows and write what was rejected of them."""

    def make(form: str, rows: list[list[Any]] | None = None, **keys: Any) -> Path:
        spec = dataset(NO, COUNT, ON, primaryKey=["no"], **keys)
        path = workbook(rows or ROWS, sheet="五月")
        parsed(path, spec)
        out, records = tmp_path / f"rejects.{form}", tmp_path / "out" / REJECTED_FILE
        records.touch()
        write_rejects(path, spec, records, path.name, out, "csv" if form == "csv" else "xlsx")
        return out

    return make


def test_the_workbook_has_the_head_and_the_rejected_rows_as_they_were(made: Callable[..., Path]) -> None:
    book = openpyxl.load_workbook(made("xlsx"))
    assert book.sheetnames == ["五月"]
    sheet = book["五月"]
    assert sheet["A1"].value == "报表"
    assert [cell.value for cell in sheet[3]] == ["订单号", "数量", "日期", "备注", *REJECT_TITLES]
    found = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=4)]
    assert [row[4] for row in found] == [5, 6, 7, 9]
    assert [row[:4] for row in found] == [
        ["012345678901234567", "many", dt.datetime(2024, 2, 29), "=HYPERLINK(1)"],  # noqa: DTZ001
        ["A3", 3, "31.31.2024", "@x"],
        ["A4", "#DIV/0!", dt.datetime(2024, 2, 29), True],  # noqa: DTZ001
        ["A1", 2, dt.datetime(2024, 2, 29, 6), 12.5],  # noqa: DTZ001
    ]
    assert [row[5] for row in found] == ["cell.type", "cell.date_ambiguous", "cell.excel_error", "cell.type"]
    assert found[0][6].startswith("B5: ")
    assert all(row[7] for row in found)


def test_bad_cells_are_marked_and_the_others_are_not(made: Callable[..., Path]) -> None:
    sheet = openpyxl.load_workbook(made("xlsx"))["五月"]
    assert sheet["B4"].fill.fgColor.rgb == "FFF4B6B6"
    assert "cell.type" in sheet["B4"].comment.text
    assert "enter a value" in sheet["B4"].comment.text
    assert sheet["A4"].comment is None
    assert sheet["A4"].fill.fill_type is None


def test_cells_keep_zeros_and_the_page_is_readable(made: Callable[..., Path]) -> None:
    sheet = openpyxl.load_workbook(made("xlsx"))["五月"]
    assert (sheet["A4"].value, sheet["A4"].number_format) == ("012345678901234567", "@")
    # What is typed over a text in a column of numbers or dates becomes one.
    assert (sheet["B4"].value, sheet["B4"].number_format) == ("many", "General")
    assert (sheet["C5"].value, sheet["C5"].number_format) == ("31.31.2024", "General")
    assert sheet.freeze_panes == "A4"
    assert sheet.column_dimensions["A"].width > len("012345678901234567")


def test_every_cell_of_a_key_that_is_there_twice_is_marked(
    workbook: Callable[..., Path], dataset: Callable[..., Dataset], parsed: Callable[..., Any], tmp_path: Path
) -> None:
    kind = {"name": "kind", "type": "string", "constraints": {"enum": ["a", "b"]}}
    spec = dataset({"name": "no", "type": "string", "id": True}, COUNT, kind, primaryKey=["no", "kind"])
    path = workbook([["no", "数量", "kind"], ["7", 1, "a"], ["7", 2, "a"], ["8", 3, "b"]])
    assert {record.code for record in parsed(path, spec).records} == {"row.key_duplicate"}
    write_rejects(path, spec, tmp_path / "out" / REJECTED_FILE, path.name, tmp_path / "r.xlsx", "xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx").active
    marked = [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.comment]
    assert marked == ["A2", "C2", "A3", "C3"]
    [allowed] = sheet.data_validations.dataValidation
    assert (allowed.formula1, str(allowed.sqref)) == ('"a,b"', "C2:C3")


def test_texts_stay_texts(made: Callable[..., Path]) -> None:
    """Nothing that came as a text may become a formula where the workbook is opened."""
    sheet = openpyxl.load_workbook(made("xlsx"))["五月"]
    assert sheet["D4"].data_type == "s"
    assert sheet["D4"].quotePrefix
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


def test_the_csv_form_is_harmless_and_complete(made: Callable[..., Path]) -> None:
    with made("csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[2] == ["订单号", "数量", "日期", "备注", *REJECT_TITLES]
    assert rows[3][:5] == ["012345678901234567", "many", "2024-02-29", "'=HYPERLINK(1)", "5"]
    assert rows[4][3] == "'@x"


def test_the_corrected_workbook_loads_only_its_rows(
    made: Callable[..., Path], dataset: Callable[..., Dataset], parsed: Callable[..., Any]
) -> None:
    path = made("xlsx", contract={"columns": "freeze"}, rows=[row[:3] for row in ROWS])
    book = openpyxl.load_workbook(path)
    sheet = book["五月"]
    sheet["B4"], sheet["C5"], sheet["B6"] = 2, dt.date(2024, 5, 1), 4
    sheet.delete_rows(7)
    book.save(path)
    outcome = parsed(path, dataset(NO, COUNT, ON, primaryKey=["no"], contract={"columns": "freeze"}))
    assert outcome.faults == []
    assert outcome.accepted == {
        4: ["012345678901234567", "2", "2024-02-29"],
        5: ["A3", "3", "2024-05-01"],
        6: ["A4", "4", "2024-02-29"],
    }


def test_digits_that_only_the_file_has_are_not_lost(
    package: Callable[..., Path], dataset: Callable[..., Dataset], parsed: Callable[..., Any], tmp_path: Path
) -> None:
    row = '<row r="2"><c r="A2"><v>123456789012345679</v></c><c r="B2" t="str"><v>x</v></c></row>'
    head = '<row r="1"><c r="A1" t="str"><v>no</v></c><c r="B1" t="str"><v>n</v></c></row>'
    path = package(head + row)
    spec = dataset({"name": "no", "type": "string"}, {"name": "n", "type": "integer"})
    parsed(path, spec)
    out = tmp_path / "rejects.xlsx"
    write_rejects(path, spec, tmp_path / "out" / REJECTED_FILE, path.name, out, "xlsx")
    assert openpyxl.load_workbook(out)["Sheet1"]["A2"].value == "123456789012345679"


def test_without_a_rejected_row_there_is_nothing_to_hand_back(made: Callable[..., Path]) -> None:
    with pytest.raises(FileRejectedError, match=r"table\.no_rows"):
        made("xlsx", rows=ROWS[:4])
