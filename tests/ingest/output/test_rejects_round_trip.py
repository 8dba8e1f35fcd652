"""Rejected rows go out, one cell is corrected, and what comes back is what the file would have had without a fault."""

from __future__ import annotations

import csv
import datetime as dt
import warnings
import zipfile
from typing import TYPE_CHECKING, Any, Literal

import openpyxl
import pytest

from ingest.errors import FileRejectedError
from ingest.output.rejects_workbook import write_corrected, write_rejects
from ingest.output.report import REJECTED_FILE
from ingest.parse import parse
from ingest.spec.corrections import for_corrections
from ingest.table.header import is_own_title

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.output.kept import KeptFile
    from ingest.spec.dataset import Dataset

Form = Literal["xlsx", "csv"]
KEY = {"name": "key", "type": "string", "id": True}
BAD = {"name": "bad", "type": "integer"}
NOTE = {"name": "note", "type": "string"}


@pytest.fixture
def loop(parsed: Callable[..., Any], kept: Callable[..., KeptFile], tmp_path: Path) -> Callable[..., Any]:
    """Parse a file, correct each text `x` in what is handed back, and parse that."""

    def run(path: Path, spec: Dataset, form: Form) -> Any:
        parsed(path, spec)
        back = tmp_path / f"back.{form}"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write_rejects(kept(path, spec), back, form)
        if form == "csv":
            back.write_text(back.read_text(encoding="utf-8-sig").replace(",x,", ",7,"), encoding="utf-8")
        else:
            book = openpyxl.load_workbook(back)
            for page in book.worksheets:
                for row in page.iter_rows():
                    for cell in row:
                        if cell.value == "x":
                            cell.value = 7
            book.save(back)
        (tmp_path / "out" / REJECTED_FILE).unlink(missing_ok=True)
        return parsed(back, for_corrections(spec))

    return run


@pytest.fixture
def write(workbook: Callable[..., Path], dataset: Callable[..., Dataset]) -> Callable[..., tuple[Path, Dataset]]:
    """Write a workbook and give it with the dataset of these fields."""

    def made(rows: list[list[Any]], *fields: dict[str, Any]) -> tuple[Path, Dataset]:
        return workbook(rows), dataset(*fields)

    return made


def padded(value: Any, form: str) -> Callable[..., None]:
    def write(book: Any, sheet: Any, row: int, column: int) -> None:
        sheet.write(row, column, value, book.add_format({"num_format": form}))

    return write


DAY = padded(dt.date(2024, 2, 29), "dd/mm/yyyy")
MOMENT = padded(dt.datetime(2024, 2, 29, 6, 30), "dd/mm/yyyy hh:mm")  # noqa: DTZ001  # cells have no zone


@pytest.mark.parametrize("form", ["xlsx", "csv"])
@pytest.mark.parametrize(
    ("field", "cell", "text"),
    [
        (NOTE, "=1+1", "=1+1"),
        (NOTE, "+49 171", "+49 171"),
        (NOTE, "-", "-"),
        (NOTE, "'=1+1", "'=1+1"),
        (NOTE, "''@x", "''@x"),
        (NOTE, "'tis", "'tis"),
        (NOTE | {"id": True}, padded(12, "00000"), "00012"),
        (NOTE | {"type": "number"}, 5, "5"),
        (NOTE | {"type": "number", "decimalChar": ",", "groupChar": "."}, 1.125, "1.125"),
        (NOTE | {"type": "decimal(9,3)", "decimalChar": ",", "groupChar": "."}, 1.125, "1.125"),
        (NOTE | {"type": "boolean", "trueValues": ["是"], "falseValues": ["否"]}, True, "t"),
        (NOTE | {"constraints": {"enum": ["=x"]}}, "=x", "=x"),
        (NOTE | {"header": ["+note"]}, "fine", "fine"),
        (NOTE | {"header": ["Headgate No."]}, "fine", "fine"),
        (NOTE | {"type": "decimal(9,1)", "negative": "parentheses"}, -5.5, "-5.5"),
        (NOTE | {"type": "integer", "negative": "trailing"}, -5, "-5"),
        (NOTE | {"type": "date", "format": ["%d.%m.%Y"]}, DAY, "2024-02-29"),
        (NOTE | {"type": "datetime", "format": ["%d.%m.%Y %H:%M"]}, MOMENT, "2024-02-29 06:30:00"),
        (NOTE | {"type": "date", "format": ["%d.%m.%Y", "excel_serial"]}, 45351, "2024-02-29"),
    ],
)
def test_what_was_right_comes_back_as_it_was(
    loop: Callable[..., Any], write: Callable[..., Any], field: dict[str, Any], cell: object, text: str, form: Form
) -> None:
    title = field.get("header", ["note"])[0]
    path, spec = write([["key", "bad", title], ["a", "x", cell], ["b", 1, cell]], KEY, BAD, field)
    back = loop(path, spec, form)
    assert back.faults == []
    ((key, bad, note),) = back.accepted.values()
    assert (key, bad) == ("a", "7")
    assert note is not None
    assert (float(note) == float(text)) if field["type"] == "number" else (note == text)


def test_a_double_keeps_its_seventeen_digits(
    parsed: Callable[..., Any],
    kept: Callable[..., KeptFile],
    package: Callable[..., Path],
    dataset: Callable[..., Dataset],
    tmp_path: Path,
) -> None:
    head = "".join(f'<c t="inlineStr"><is><t>{title}</t></is></c>' for title in ("key", "bad", "note"))
    cells = '<c><v>1</v></c><c t="inlineStr"><is><t>x</t></is></c><c><v>0.30000000000000004</v></c>'
    path, spec = package(f"<row>{head}</row><row>{cells}</row>"), dataset(KEY, BAD, NOTE | {"type": "number"})
    parsed(path, spec)
    write_rejects(kept(path, spec), tmp_path / "back.xlsx", "xlsx")
    write_rejects(kept(path, spec), tmp_path / "back.csv", "csv")
    assert b"<v>0.30000000000000004</v>" in zipfile.ZipFile(tmp_path / "back.xlsx").read("xl/worksheets/sheet1.xml")
    assert b"1,x,0.30000000000000004," in (tmp_path / "back.csv").read_bytes()


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_titles_in_two_rows_and_merged_are_found_again(
    loop: Callable[..., Any],
    workbook: Callable[..., Path],
    dataset: Callable[..., Dataset],
    form: Form,
) -> None:
    def over_two_columns(book: Any, sheet: Any, row: int, column: int) -> None:
        del book
        sheet.merge_range(row, column, row, column + 1, "Order")

    def over_two_rows(book: Any, sheet: Any, row: int, column: int) -> None:
        del book
        sheet.merge_range(row, column, row + 1, column, "Note")

    fields = [
        KEY | {"header": ["Order / key"]},
        BAD | {"header": ["Order / bad"]},
        NOTE | {"header": ["Note"]},
    ]
    rows = [[over_two_columns, None, over_two_rows], ["key", "bad"], ["a", "x", "fine"], ["b", 2, "fine"]]
    back = loop(workbook(rows), dataset(*fields, header={"rows": 2}), form)
    assert list(back.accepted.values()) == [["a", "7", "fine"]]


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_without_titles_what_is_wrong_is_no_data(
    loop: Callable[..., Any], workbook: Callable[..., Path], dataset: Callable[..., Dataset], form: Form
) -> None:
    more = {"name": "more", "type": "string"}
    spec = dataset(KEY, BAD, NOTE, more, header={"mode": "none"})
    back = loop(workbook([["a", "x"], ["b", 2]]), spec, form)
    assert list(back.accepted.values()) == [["a", "7"]] or list(back.accepted.values()) == [["a", "7", None, None]]


@pytest.mark.parametrize("forms", [("csv", "csv"), ("csv", "xlsx"), ("xlsx", "csv"), ("xlsx", "xlsx"), ("page", "csv")])
def test_rows_without_titles_are_known_when_they_come_back(
    parsed: Callable[..., Any],
    kept: Callable[..., KeptFile],
    workbook: Callable[..., Path],
    dataset: Callable[..., Dataset],
    tmp_path: Path,
    forms: tuple[Literal["xlsx", "csv", "page"], Form],
) -> None:
    spec = dataset(KEY, BAD, NOTE, header={"mode": "none"})
    rows = [["a", 1, "n"], ["b", "x", "+49 171"], ["c", "x", "'=1"], ["d", 2, "n"]]
    path, out = workbook(rows), tmp_path / "out"
    parsed(path, spec)
    if forms[0] == "page":
        first = tmp_path / "first.xlsx"
        texts = {"Sheet1": {row: {2: "x"} for row in (2, 3)}}
        assert write_corrected(kept(path, spec), texts, first) == 2
    else:
        first = tmp_path / f"first.{forms[0]}"
        write_rejects(kept(path, spec), first, forms[0])
    (out / REJECTED_FILE).unlink()
    parsed(first, spec)  # nothing of it is corrected

    again, few = tmp_path / f"again.{forms[1]}", for_corrections(spec)
    write_rejects(kept(first, few), again, forms[1])
    if forms[1] == "xlsx":
        book = openpyxl.load_workbook(again)
        [page] = book.worksheets
        assert page.max_column == 7
        page["B1"] = page["B2"] = 7
        book.save(again)
    else:
        again.write_text(again.read_text(encoding="utf-8-sig").replace(",x,", ",7,"), encoding="utf-8")
    report = parse(again, few, out, loaded=frozenset({"3"}))
    assert (report.rejection, report.rows.accepted, report.loaded_before, report.codes) == (
        None,
        1,
        1,
        {"row.loaded_before": 1, **({"cell.number_as_text": 1} if forms[1] == "csv" else {})},
    )
    assert (out / "accepted.copy").read_text(encoding="utf-8") == "b\t7\t+49 171\n"
    assert (out / "accepted.originals").read_text(encoding="utf-8") == "2\n"
    assert report.handed_back
    parse(again, few, out)
    assert (out / "accepted.copy").read_text(encoding="utf-8") == "b\t7\t+49 171\nc\t7\t'=1\n"


def test_names_of_sheets_that_no_workbook_can_have(
    parsed: Callable[..., Any], kept: Callable[..., KeptFile], dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    names = ["Q1/2026: Sales", "May", "may", "Q1/2026? Sales", "x" * 40, "'quoted'"]
    sheet = "".join(
        f'<table:table table:name="{name}">'
        + "".join(
            "<table:table-row>"
            + "".join(
                f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
                for text in row
            )
            + "</table:table-row>"
            for row in (("key", "bad"), ("a", "x"), ("b", "2"))
        )
        + "</table:table>"
        for name in names
    )
    space = "urn:oasis:names:tc:opendocument:xmlns"
    path = tmp_path / "sheets.fods"
    path.write_text(
        f'<office:document xmlns:office="{space}:office:1.0" xmlns:table="{space}:table:1.0" '
        f'xmlns:text="{space}:text:1.0" office:mimetype="application/vnd.oasis.opendocument.spreadsheet">'
        f"<office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body></office:document>"
    )
    spec = dataset(KEY, BAD, workbook={"sheets": {"index": "all"}})
    parsed(path, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert write_rejects(kept(path, spec), tmp_path / "back.xlsx", "xlsx") == len(names)
    titles = openpyxl.load_workbook(tmp_path / "back.xlsx").sheetnames
    assert titles == ["Q1_2026_ Sales", "May", "may (2)", "Q1_2026_ Sales (2)", "x" * 31, "_quoted_"]


@pytest.mark.parametrize("sheets", [{"index": 0}, {"name": ["May*"]}])
def test_sheets_that_a_dataset_chooses(
    loop: Callable[..., Any], workbook: Callable[..., Path], dataset: Callable[..., Dataset], sheets: dict[str, Any]
) -> None:
    path = workbook([["key", "bad", "note"], ["a", "x", "fine"], ["b", 2, "fine"]], sheet="May 2026")
    spec = dataset(KEY, BAD, NOTE, workbook={"sheets": sheets})
    for form in ("xlsx", "csv"):
        assert list(loop(path, spec, form).accepted.values()) == [["a", "7", "fine"]]
    named = dataset(KEY, BAD, NOTE, workbook={"sheets": sheets}, constants={"month": {"from": "sheet"}})
    assert list(loop(path, named, "xlsx").accepted.values()) == [["a", "7", "fine", "May 2026"]]
    with pytest.raises(FileRejectedError, match="has no sheet"):
        loop(path, named, "csv")


@pytest.mark.parametrize("forms", [("csv", "csv"), ("csv", "xlsx"), ("xlsx", "csv"), ("xlsx", "xlsx")])
def test_what_is_handed_back_a_second_time_is_the_same(
    loop: Callable[..., Any],
    kept: Callable[..., KeptFile],
    write: Callable[..., Any],
    tmp_path: Path,
    forms: tuple[Form, Form],
) -> None:
    path, spec = write([["key", "bad", "note"], ["a", "y", "+49 171"], ["b", "y", "'=1"]], KEY, BAD, NOTE)
    loop(path, spec, forms[0])  # nothing of it is corrected
    again, few = tmp_path / f"again.{forms[1]}", for_corrections(spec)
    write_rejects(kept(tmp_path / f"back.{forms[0]}", few), again, forms[1])
    if forms[1] == "xlsx":
        (page,) = openpyxl.load_workbook(again).worksheets
        rows = [[str(value) for value in row] for row in page.iter_rows(values_only=True)]
    else:
        with again.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    assert [sum(is_own_title(text) for text in rows[0]), len(rows[0])] == [4, 7]
    assert [row[2] for row in rows] == ["note", "+49 171" if forms[1] == "xlsx" else "'+49 171", "''=1"]


def test_titles_below_the_first_one_of_a_merged_range_are_kept(
    loop: Callable[..., Any], workbook: Callable[..., Path], dataset: Callable[..., Dataset]
) -> None:
    def over(book: Any, sheet: Any, row: int, column: int) -> None:
        del book
        sheet.merge_range(row, column, row, column + 1, "key")
        sheet.write_string(row, column + 1, "bad")

    path = workbook([[over, None, "note"], ["a", "x", "n"]])
    assert list(loop(path, dataset(KEY, BAD, NOTE), "xlsx").accepted.values()) == [["a", "7", "n"]]


def test_digits_that_were_lost_are_not_found_again(
    loop: Callable[..., Any], package: Callable[..., Path], dataset: Callable[..., Dataset]
) -> None:
    head = "".join(f'<c t="inlineStr"><is><t>{title}</t></is></c>' for title in ("key", "bad", "note"))
    cells = '<c><v>1</v></c><c t="inlineStr"><is><t>x</t></is></c><c><v>1.2345678901234568E16</v></c>'
    path = package(f"<row>{head}</row><row>{cells}</row>")
    for field in (NOTE | {"type": "integer"}, NOTE | {"id": True}):
        for form in ("xlsx", "csv"):
            assert loop(path, dataset(KEY, BAD, field), form).lines == []


def test_many_reasons_of_a_row_do_not_keep_it_from_being_handed_back(
    write: Callable[..., Any], parsed: Callable[..., Any], kept: Callable[..., KeptFile], tmp_path: Path
) -> None:
    names = [f"n{number}" for number in range(400)]
    path, spec = write([names, ["many"] * 400], *({"name": name, "type": "integer"} for name in names))
    parsed(path, spec)
    assert write_rejects(kept(path, spec), tmp_path / "back.xlsx", "xlsx") == 1


def test_a_text_that_no_cell_takes_goes_out_as_csv_and_not_cut(
    parsed: Callable[..., Any], kept: Callable[..., KeptFile], dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    path, text = tmp_path / "long.csv", "y" * 40_000
    path.write_text(f"key,bad,note\na,x,{text}\nb,2,fine\n")
    spec = dataset(KEY, BAD, NOTE)
    parsed(path, spec)
    with pytest.raises(FileRejectedError, match="as CSV") as refused:
        write_rejects(kept(path, spec), tmp_path / "back.xlsx", "xlsx")
    assert refused.value.record.code == "cell.length"
    write_rejects(kept(path, spec), tmp_path / "back.csv", "csv")
    with (tmp_path / "back.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[1][2] == text


def test_corrected_rows_join_the_others_and_are_no_whole_file(
    workbook: Callable[..., Path], dataset: Callable[..., Dataset], parsed: Callable[..., Any]
) -> None:
    load = {"table": "t", "mode": "replace"}
    whole = dataset(KEY, BAD, primaryKey=["key"], load=load, expect={"min_rows": 4}, quarantine={"max_percent": 5})
    few = for_corrections(whole)
    assert (few.load.mode, for_corrections(dataset(KEY, load=load)).load.mode) == ("upsert", "insert")
    assert for_corrections(dataset(KEY)).load.mode == "insert"
    back = parsed(workbook([["key", "bad"], ["a", 1], ["b", "still wrong"]]), few)
    assert (back.refusal, list(back.accepted.values())) == (None, [["a", "1"]])
    assert parsed(workbook([["key", "bad"], ["a", 1], ["b", "x"]]), whole).refusal is not None


def test_what_has_no_room_in_a_sheet_is_refused_and_not_written_damaged(
    parsed: Callable[..., Any],
    kept: Callable[..., KeptFile],
    write: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, spec = write([["key", "bad", "note"], ["a", "x", "fine"], ["b", "x", "fine"]], KEY, BAD, NOTE)
    parsed(path, spec)
    rows, out = kept(path, spec), tmp_path / "out"
    monkeypatch.setattr("ingest.output.rejects_workbook.MAX_COLUMNS", 7)
    monkeypatch.setattr("ingest.output.rejects_workbook.MAX_ROWS", 2)
    with pytest.raises(FileRejectedError, match="the 2 rejected rows of sheet 'Sheet1' are more than a workbook takes"):
        write_rejects(rows, out / "back.xlsx", "xlsx")
    assert write_rejects(rows, out / "back.csv", "csv") == 2
    monkeypatch.setattr("ingest.output.rejects_workbook.MAX_COLUMNS", 6)
    forms: tuple[Form, ...] = ("xlsx", "csv")
    for form in forms:
        with pytest.raises(FileRejectedError, match="have 3 columns: there is no room for what is wrong"):
            write_rejects(rows, out / f"back.{form}", form)
