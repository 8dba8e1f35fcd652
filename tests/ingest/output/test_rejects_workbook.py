"""The workbook that is handed back: every rejected row with its cells as they were, what is wrong, and nothing else."""

from __future__ import annotations

import csv
import datetime as dt
from typing import TYPE_CHECKING, Any, Literal

import openpyxl
import pytest

from ingest.errors import FileRejectedError, UnknownPlaceError
from ingest.output.rejects_workbook import write_corrected, write_rejects
from ingest.output.report import REJECTED_FILE
from ingest.table.header import REJECT_TITLES, is_own_title

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.output.kept import Corrections, KeptFile
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
def handed_back(
    workbook: Callable[..., Path],
    dataset: Callable[..., Dataset],
    parsed: Callable[..., Any],
    kept: Callable[..., KeptFile],
    tmp_path: Path,
) -> Callable[..., Path]:
    """Parse rows by fields and write what was rejected of them."""

    def make(
        rows: list[list[Any]],
        *fields: dict[str, Any],
        form: Literal["xlsx", "csv"] = "xlsx",
        sheet: str = "Sheet1",
        **keys: Any,
    ) -> Path:
        spec, path = dataset(*fields, **keys), workbook(rows, sheet=sheet)
        parsed(path, spec)
        out = tmp_path / f"rejects.{form}"
        (tmp_path / "out" / REJECTED_FILE).touch()
        write_rejects(kept(path, spec), out, form)
        return out

    return make


@pytest.fixture
def made(handed_back: Callable[..., Path]) -> Callable[..., Path]:
    """Hand back what is rejected of the rows above."""

    def make(form: str, rows: list[list[Any]] | None = None, **keys: Any) -> Path:
        return handed_back(rows or ROWS, NO, COUNT, ON, form=form, sheet="五月", primaryKey=["no"], **keys)

    return make


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_rejects_are_in_the_language_of_the_dataset(made: Callable[..., Path], form: str) -> None:
    path = made(form, language="zh-Hans")
    if form == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: list[list[Any]] = [*csv.reader(file)][2:]
    else:
        sheet = openpyxl.load_workbook(path)["五月"]
        rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)]
        assert "many 不是整数" in sheet["B4"].comment.text
    assert rows[0][4:] == ["Headgate 行号", "Headgate 代码", "Headgate 原因", "Headgate 处理办法"]
    assert all(is_own_title(title) for title in rows[0][4:])
    assert rows[1][5:] == ["cell.type", "B5: many 不是整数：应为类似 1250 的值", "请填写规定类型的值"]


def test_a_title_in_another_language_is_passed_over_when_rows_come_back(
    handed_back: Callable[..., Path], dataset: Callable[..., Dataset], parsed: Callable[..., Any]
) -> None:
    back = handed_back(ROWS[2:], NO, COUNT, ON, language="de", primaryKey=["no"])
    outcome = parsed(back, dataset(NO, COUNT, ON, contract={"columns": "discard_value"}))
    assert [record.header for record in outcome.records if record.code == "header.extra_column"] == ["备注"]


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


@pytest.mark.parametrize(("word", "standing"), [("#N/A", "#N/A"), ("#WERT!", "#VALUE!"), ("Err:502", "#VALUE!")])
def test_an_error_cell_holds_an_error_that_excel_has(
    word: str,
    standing: str,
    dataset: Callable[..., Dataset],
    parsed: Callable[..., Any],
    kept: Callable[..., KeptFile],
    tmp_path: Path,
) -> None:
    spec, path, out = dataset(NO, COUNT), tmp_path / "f.csv", tmp_path / "rejects.xlsx"
    path.write_text(f"订单号,数量\nA1,{word}\n", encoding="utf-8")
    parsed(path, spec)
    (tmp_path / "out" / REJECTED_FILE).touch()
    write_rejects(kept(path, spec), out, "xlsx")
    cell = openpyxl.load_workbook(out).active["B2"]
    assert (cell.value, cell.data_type) == (standing, "e")


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
    workbook: Callable[..., Path],
    dataset: Callable[..., Dataset],
    parsed: Callable[..., Any],
    kept: Callable[..., KeptFile],
    tmp_path: Path,
) -> None:
    kind = {"name": "kind", "type": "string", "constraints": {"enum": ["a", "b"]}}
    spec = dataset({"name": "no", "type": "string", "id": True}, COUNT, kind, primaryKey=["no", "kind"])
    path = workbook([["no", "数量", "kind"], ["7", 1, "a"], ["7", 2, "a"], ["8", 3, "b"]])
    assert {record.code for record in parsed(path, spec).records} == {"row.key_duplicate"}
    write_rejects(kept(path, spec), tmp_path / "r.xlsx", "xlsx")
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


@pytest.mark.parametrize("sign", ["\x00", "\x01", "\x07", "\x0b", "\x1b", "\ufffe", "\uffff"])
def test_a_sign_that_xml_has_no_place_for_keeps_no_row_from_being_handed_back(
    handed_back: Callable[..., Path], sign: str
) -> None:
    note = {"name": "note", "type": "string", "header": ["备注"]}
    written = f"_x{ord(sign):04X}_"
    path = handed_back([["数量", "备注"], [f"1{written}2", f"a{written}b"], ["many", "fine"]], COUNT, note)
    sheet = openpyxl.load_workbook(path).active
    assert [sheet["C2"].value, sheet["C3"].value] == [2, 3]
    assert "is no whole number" in sheet["A2"].comment.text


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
    package: Callable[..., Path],
    dataset: Callable[..., Dataset],
    parsed: Callable[..., Any],
    kept: Callable[..., KeptFile],
    tmp_path: Path,
) -> None:
    row = '<row r="2"><c r="A2"><v>123456789012345679</v></c><c r="B2" t="str"><v>x</v></c></row>'
    head = '<row r="1"><c r="A1" t="str"><v>no</v></c><c r="B1" t="str"><v>n</v></c></row>'
    path = package(head + row)
    spec = dataset({"name": "no", "type": "string"}, {"name": "n", "type": "integer"})
    parsed(path, spec)
    out = tmp_path / "rejects.xlsx"
    write_rejects(kept(path, spec), out, "xlsx")
    assert openpyxl.load_workbook(out)["Sheet1"]["A2"].value == "123456789012345679"


def test_without_a_rejected_row_there_is_nothing_to_hand_back(made: Callable[..., Path]) -> None:
    with pytest.raises(FileRejectedError, match=r"table\.no_rows"):
        made("xlsx", rows=ROWS[:4])


def lists(path: Path) -> dict[str, Any]:
    """Return the rules of cells by where they are."""
    sheet = openpyxl.load_workbook(path).active
    return {str(rule.sqref): rule for rule in sheet.data_validations.dataValidation}


def test_what_is_typed_into_an_empty_text_or_over_a_number_in_one_keeps_its_zeros(
    handed_back: Callable[..., Path], dataset: Callable[..., Dataset], parsed: Callable[..., Any]
) -> None:
    name = {"name": "name", "type": "string"}
    path = handed_back([["name", "数量"], [None, "x"], [7, "y"], ["a", "z"]], name, COUNT)
    book = openpyxl.load_workbook(path)
    assert [book.active[f"A{row}"].number_format for row in (2, 3, 4)] == ["@", "@", "@"]
    for row in (2, 3, 4):
        book.active[f"B{row}"] = row
    book.save(path)
    assert parsed(path, dataset(name, COUNT)).column() == [None, "7", "a"]


def test_the_first_bad_cell_is_where_the_cursor_is(made: Callable[..., Path]) -> None:
    view = openpyxl.load_workbook(made("xlsx"))["五月"].sheet_view
    assert [(one.activeCell, one.sqref) for one in view.selection] == [("B4", "B4")]
    assert (view.topLeftCell, view.pane.ySplit) == (None, 3)


def test_a_header_far_down_is_what_stays_in_view(handed_back: Callable[..., Path]) -> None:
    path = handed_back(
        [*([f"note {row}"] for row in range(8)), ["数量", "name"], ["many", "a"]],
        COUNT,
        {"name": "name", "type": "string"},
    )
    sheet = openpyxl.load_workbook(path).active
    view = sheet.sheet_view
    assert (view.topLeftCell, view.pane.ySplit, view.pane.topLeftCell) == ("A9", 1, "A10")
    assert sheet["A10"].value == "many"


def test_a_list_of_allowed_values_asks_and_does_not_refuse(handed_back: Callable[..., Path]) -> None:
    kind = {"name": "kind", "type": "string", "constraints": {"enum": ["a", "b"]}}
    rule = lists(handed_back([["kind", "数量"], ["c", 1]], kind, COUNT))["A2"]
    assert (rule.type, rule.formula1, rule.showErrorMessage, rule.errorStyle) == ("list", '"a,b"', True, "warning")


@pytest.mark.parametrize("values", [["a,b", "c"], [f"value {number}" for number in range(60)]], ids=["comma", "long"])
def test_lists_that_do_not_fit_into_a_rule_stand_on_a_hidden_sheet(
    handed_back: Callable[..., Path], dataset: Callable[..., Dataset], parsed: Callable[..., Any], values: list[str]
) -> None:
    fields = [{"name": name, "type": "string", "constraints": {"enum": values}} for name in ("one", "two")]
    path = handed_back([["one", "two", "数量"], ["x", values[0], 1]], *fields, COUNT)
    assert {rule.formula1 for rule in lists(path).values()} == {f"'Headgate lists'!$A$1:$A${len(values)}"}
    book = openpyxl.load_workbook(path)
    assert book["Headgate lists"].sheet_state == "veryHidden"
    assert [cell.value for (cell,) in book["Headgate lists"].iter_rows()] == values
    book["Sheet1"]["A2"] = values[1]
    book.save(path)
    assert parsed(path, dataset(*fields, COUNT)).accepted == {2: [values[1], values[0], "1"]}


def test_where_hidden_sheets_are_read_no_list_stands_on_one(handed_back: Callable[..., Path]) -> None:
    kind = {"name": "kind", "type": "string", "constraints": {"enum": ["a,b", "c"]}}
    path = handed_back([["kind", "数量"], ["x", 1]], kind, COUNT, workbook={"hidden_sheets": "include"})
    assert openpyxl.load_workbook(path).sheetnames == ["Sheet1"]
    assert lists(path) == {}


def test_a_rejected_row_keeps_what_a_merged_range_gave_it(
    handed_back: Callable[..., Path],
) -> None:
    def region(book: Any, sheet: Any, row: int, column: int) -> None:
        del book
        sheet.merge_range(row, column, row + 2, column, "North")

    rows = [["region", "数量"], [region, 1], [None, "many"], [None, 3]]
    path = handed_back(rows, {"name": "region", "type": "string"}, COUNT, merged={"fill": ["region"]})
    assert openpyxl.load_workbook(path).active["A2"].value == "North"


# -- corrected rows --------------------------------------------------------------------------------------


@pytest.fixture
def bad(
    workbook: Callable[..., Path],
    dataset: Callable[..., Dataset],
    parsed: Callable[..., Any],
    kept: Callable[..., KeptFile],
) -> KeptFile:
    """What is kept of a workbook with bad rows 5, 6, 7 and 9."""
    spec, path = dataset(NO, COUNT, ON, primaryKey=["no"]), workbook(ROWS, sheet="五月")
    parsed(path, spec)
    return kept(path, spec)


def test_corrected_rows_are_the_original_with_new_texts(
    bad: KeptFile, dataset: Callable[..., Dataset], parsed: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "corrected.xlsx"
    assert write_corrected(bad, {"五月": {9: {1: "0009", 3: "2024-05-02", 4: ""}, 5: {2: "2"}}}, out) == 2
    sheet = openpyxl.load_workbook(out)["五月"]
    assert sheet["A1"].value == "报表"
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)] == [
        ["订单号", "数量", "日期", "备注", "Headgate row"],
        ["012345678901234567", "2", dt.datetime(2024, 2, 29), "=HYPERLINK(1)", 5],  # noqa: DTZ001
        ["0009", 2, "2024-05-02", None, 9],
    ]
    outcome = parsed(out, dataset(NO, COUNT, ON, primaryKey=["no"]))
    assert outcome.faults == []
    assert outcome.accepted == {4: ["012345678901234567", "2", "2024-02-29"], 5: ["0009", "2", "2024-05-02"]}


@pytest.mark.parametrize(
    "text", ["_x0041_", "a\nb", "a\r\nb", "=1+1", "_x005F_x0041_", "007", "'007", "ä\u3000", "a\ufffeb\uffff"]
)
def test_a_text_is_read_back_as_it_was_typed(
    text: str, bad: KeptFile, dataset: Callable[..., Dataset], parsed: Callable[..., Any], tmp_path: Path
) -> None:
    write_corrected(bad, {"五月": {5: {2: "1", 4: text}}}, tmp_path / "corrected.xlsx")
    note = {"name": "note", "type": "string", "header": ["备注"]}
    assert parsed(tmp_path / "corrected.xlsx", dataset(NO, COUNT, note)).column(2) == [text]


def test_the_same_corrections_are_the_same_bytes(bad: KeptFile, tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("first.xlsx", "second.xlsx", "other.xlsx"))
    write_corrected(bad, {"五月": {5: {2: "2"}, 7: {2: "4"}}}, first)
    write_corrected(bad, {"五月": {7: {2: "4"}, 5: {2: "2"}}}, second)
    write_corrected(bad, {"五月": {5: {2: "3"}, 7: {2: "4"}}}, other)
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()


@pytest.mark.parametrize(
    ("corrections", "words"),
    [
        ({"六月": {5: {}}}, "'六月' has no rejected rows"),
        ({"五月": {4: {}}}, "row 4 of sheet '五月' was not rejected"),
        ({"五月": {5: {5: "x"}}}, "'五月' has no column 5"),
        ({"五月": {5: {0: "x"}}}, "'五月' has no column 0"),
    ],
)
def test_corrections_of_what_was_not_rejected_are_refused(
    bad: KeptFile, tmp_path: Path, corrections: Corrections, words: str
) -> None:
    with pytest.raises(UnknownPlaceError, match=words):
        write_corrected(bad, corrections, tmp_path / "corrected.xlsx")
    assert not (tmp_path / "corrected.xlsx").exists()
