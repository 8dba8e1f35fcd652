"""Values: what a cell becomes by the type of its field, and what it is refused for; nothing is bent to fit."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from ingest.output.grid import read_grid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]


def styled(value: Any, form: str) -> Callable[..., None]:
    """A number shown by a number format."""

    def write(book: Any, sheet: Any, row: int, column: int) -> None:
        sheet.write(row, column, value, book.add_format({"num_format": form}))

    return write


def formula(text: str, cached: Any) -> Callable[..., None]:
    def write(_book: Any, sheet: Any, row: int, column: int) -> None:
        sheet.write_formula(row, column, text, None, cached)

    return write


def rich(*runs: str) -> Callable[..., None]:
    def write(book: Any, sheet: Any, row: int, column: int) -> None:
        bold = book.add_format({"bold": True})
        sheet.write_rich_string(row, column, runs[0], bold, *runs[1:])

    return write


DAY = dt.date(2024, 2, 29)
VALUES = [
    # -- strings
    ("string", {}, "plain", "plain"),
    ("string", {}, "  kept  ", "  kept  "),
    ("string", {}, "tab\there\nand \\ there", "tab\there\nand \\ there"),
    ("string", {}, 42, "42"),
    ("string", {}, 0.1, "0.1"),
    ("string", {}, 1.50, "1.5"),
    ("string", {}, True, "TRUE"),
    ("string", {}, styled(DAY, "yyyy-mm-dd"), "2024-02-29"),
    ("string", {}, "007", "007"),
    ("string", {}, rich("bold", "er", " text"), "bolder text"),
    ("string", {}, formula("=A1", "cached"), "cached"),
    ("string", {"id": True}, "123456789012345678", "123456789012345678"),
    ("string", {"id": True}, "012345678901234567890123456789", "012345678901234567890123456789"),
    ("string", {"id": True}, 123456789012345, "123456789012345"),
    ("string", {"id": True}, "12,5E3", "12,5E3"),
    ("string", {"id": True}, "1,23E", "1,23E"),
    ("string", {"id": True}, styled(1067, '"0"#'), "01067"),
    ("string", {"id": True}, styled(1067, "\\0#"), "01067"),
    ("integer", {}, styled(1067, '"0"#'), "1067"),
    ("integer", {}, styled(5, '00"0"'), "5"),
    # -- integers
    ("integer", {}, 7, "7"),
    ("integer", {}, -0.0, "0"),
    ("integer", {}, "７", "7"),
    ("integer", {}, " +12 ", "12"),
    ("integer", {}, "9223372036854775807", "9223372036854775807"),
    ("integer", {"groupChar": ","}, "1,234,567", "1234567"),
    # -- decimals
    ("decimal(18,2)", {}, 0.1 + 0.2, "0.30"),
    ("decimal(18,2)", {}, 1234.5, "1234.50"),
    ("decimal(18,2)", {}, "1234.500", "1234.50"),
    ("decimal(18,2)", {"groupChar": ",", "currency": "strip"}, "￥1,234.50", "1234.50"),
    ("decimal(18,2)", {"groupChar": ",", "currency": "strip"}, "-$1,234.50", "-1234.50"),
    ("decimal(18,2)", {"groupChar": ".", "decimalChar": ",", "currency": "strip"}, "1.234,50 €", "1234.50"),
    ("decimal(9,4)", {"percent": "fraction"}, "12.5%", "0.1250"),
    ("decimal(9,4)", {"percent": "fraction"}, styled(0.125, "0.0%"), "0.1250"),
    # -- booleans
    ("boolean", {}, True, "t"),
    ("boolean", {}, "FALSE", "f"),
    ("boolean", {}, 1, "t"),
    ("boolean", {"trueValues": ["是"], "falseValues": ["否"]}, "否", "f"),
    # -- dates and times
    ("date", {}, styled(DAY, "yyyy-mm-dd"), "2024-02-29"),
    ("date", {}, styled(1, "dd/mm/yyyy"), "1900-01-01"),
    ("date", {}, styled(59, "dd/mm/yyyy"), "1900-02-28"),
    ("date", {}, styled(61, "dd/mm/yyyy"), "1900-03-01"),
    ("date", {}, "2024-02-29", "2024-02-29"),
    ("date", {"format": ["%d.%m.%Y"]}, "29.02.2024", "2024-02-29"),
    ("date", {"format": ["excel_serial"]}, 45351, "2024-02-29"),
    (
        "datetime",
        {},
        styled(dt.datetime.fromisoformat("2024-02-29 12:30:15"), "yyyy-mm-dd hh:mm:ss"),
        "2024-02-29 12:30:15",
    ),
    ("datetime", {}, "2024-02-29T12:30:15.25", "2024-02-29 12:30:15.250000"),
    ("time", {}, styled(dt.time(23, 59, 59), "hh:mm:ss"), "23:59:59"),
    ("time", {}, "08:15", "08:15:00"),
    ("duration", {}, styled(1.5, "[h]:mm:ss"), "129600 seconds"),
    ("duration", {}, "36:00:00", "129600 seconds"),
    ("duration", {}, "PT1.5S", "1.5 seconds"),
    ("duration", {}, styled(106751991, "[h]:mm:ss"), "9223372022400 seconds"),
    ("duration", {}, styled(-106751991, "[h]:mm:ss"), "-9223372022400 seconds"),
    ("datetime", {"timezone": "Asia/Shanghai"}, "0001-01-01T09:00", "0001-01-01 00:54:17+00:00"),
    ("datetime", {"timezone": "America/New_York"}, "0001-01-01", "0001-01-01 04:56:02+00:00"),
    ("datetime", {"timezone": "America/New_York"}, "9999-12-31T18:59:59", "9999-12-31 23:59:59+00:00"),
    ("datetime", {"timezone": "Asia/Shanghai"}, "9999-12-31T23:59:59", "9999-12-31 15:59:59+00:00"),
    ("number", {}, 1.25e300, "1.25e+300"),
    ("number", {}, "1e-3", "0.001"),
]

FAULTS = [
    ("string", {"id": True}, 123456789012345678, "cell.precision_lost"),
    ("string", {}, 1e15, "cell.precision_lost"),
    ("string", {"id": True}, "1.23457E+17", "cell.scientific_id"),
    ("string", {"id": True}, "1,23457E+17", "cell.scientific_id"),
    ("string", {"id": True}, "-1,23457E+17", "cell.scientific_id"),
    ("string", {"id": True}, "1\u066b23457E+17", "cell.scientific_id"),
    ("string", {"id": True}, "\u0661\u066b\u0662\u0663E+\u0661\u0667", "cell.scientific_id"),
    ("string", {"id": True}, "1\u00b723E+17", "cell.scientific_id"),
    ("string", {"id": True}, "1,23E17", "cell.scientific_id"),
    ("string", {"id": True}, "123,5E+15", "cell.scientific_id"),
    ("string", {"id": True}, "1E+17", "cell.scientific_id"),
    ("string", {}, "bell\x07", "cell.control_char"),
    ("string", {}, formula("=1/0", "#DIV/0!"), "cell.excel_error"),
    ("string", {"constraints": {"required": True}}, None, "cell.required"),
    ("string", {"constraints": {"required": True}}, "N/A", "cell.required"),
    ("string", {"constraints": {"pattern": "[0-9]{3}"}}, "0123", "cell.pattern"),
    ("string", {"constraints": {"maxLength": 3}}, "订单号码", "cell.length"),
    ("string", {"constraints": {"minLength": 3}}, "订单", "cell.length"),
    ("string", {"constraints": {"enum": ["a", "b"]}}, "A", "cell.enum"),
    ("integer", {}, 1.5, "cell.type"),
    ("integer", {}, "12 pcs", "cell.type"),
    ("integer", {}, True, "cell.type"),
    ("integer", {}, "1,234", "cell.type"),
    ("integer", {"groupChar": ","}, "1,23", "cell.type"),
    ("integer", {}, 123456789012345678, "cell.precision_lost"),
    ("integer", {}, "9223372036854775808", "cell.range"),
    ("integer", {"constraints": {"minimum": 1}}, 0, "cell.range"),
    ("integer", {"constraints": {"maximum": 9}}, 10, "cell.range"),
    ("decimal(18,2)", {}, 1.005, "cell.scale_overflow"),
    ("decimal(5,2)", {}, 1000, "cell.range"),
    ("decimal(18,2)", {"decimalChar": ","}, "1.5", "cell.type"),
    ("decimal(18,2)", {}, "$1.50", "cell.type"),
    ("boolean", {}, "yes", "cell.type"),
    ("date", {}, "03/04/2024", "cell.date_ambiguous"),
    ("date", {"format": ["%d/%m/%Y", "%m/%d/%Y"]}, "03/04/2024", "cell.date_ambiguous"),
    ("date", {}, "2024-02-30", "cell.type"),
    ("date", {}, 45351, "cell.type"),
    ("date", {}, styled(60, "dd/mm/yyyy"), "cell.date_out_of_range"),
    ("date", {}, styled(2958466, "dd/mm/yyyy"), "cell.date_out_of_range"),
    ("date", {}, styled(45351.5, "dd/mm/yyyy"), "cell.type"),
    ("date", {"timezone": "America/New_York"}, "0001-01-01T01:00Z", "cell.date_out_of_range"),
    ("datetime", {}, "0001-01-01T00:00+08:00", "cell.date_out_of_range"),
    ("datetime", {"format": "%d.%m.%Y %H:%M %z"}, "31.12.9999 23:00 -0200", "cell.date_out_of_range"),
    ("datetime", {"timezone": "Asia/Shanghai"}, "0001-01-01", "cell.date_out_of_range"),
    ("datetime", {"timezone": "America/New_York"}, "9999-12-31T19:00", "cell.date_out_of_range"),
    ("datetime", {"timezone": "Etc/GMT+12"}, styled(2958465.9, "yyyy-mm-dd hh:mm"), "cell.date_out_of_range"),
    ("time", {}, styled(45351.5, "hh:mm"), "cell.type"),
    ("time", {}, 0.5, "cell.type"),
    ("duration", {}, 1.5, "cell.type"),
    ("duration", {}, styled(106751992, "[h]:mm:ss"), "cell.range"),
    ("duration", {}, styled(-2e8, "[h]:mm:ss"), "cell.range"),
    ("duration", {}, styled(1e305, "[h]:mm:ss"), "cell.range"),
    ("number", {}, "1e999", "cell.range"),
]


@pytest.mark.parametrize("case", VALUES)
def test_a_value_is_loaded(
    dataset: Make, workbook: Write, parsed: Parse, case: tuple[str, dict[str, Any], Any, str]
) -> None:
    kind, keys, cell, loaded = case
    outcome = parsed(workbook([["v"], [cell]]), dataset({"name": "v", "type": kind, **keys}))
    assert outcome.faults == []
    assert outcome.column() == [loaded]


@pytest.mark.parametrize("case", FAULTS)
def test_a_value_is_refused(
    dataset: Make, workbook: Write, parsed: Parse, case: tuple[str, dict[str, Any], Any, str]
) -> None:
    """Alone it makes the file be refused; beside a good one of the same field only its own row."""
    kind, keys, cell, code = case
    spec = dataset({"name": "n", "type": "integer"}, {"name": "v", "type": kind, **keys}, missingValues=["", "N/A"])
    fine = next((good for other, extra, good, _ in VALUES if (other, extra) == (kind, keys)), None)
    rows = [["n", "v"], [1, cell]]
    outcome = parsed(workbook(rows), spec)
    assert outcome.refusal == "table.too_many_bad_rows", "its only row is bad"
    assert [(record.cell, record.code) for record in outcome.records[1:]] == [("B2", code)]
    if fine is not None:
        assert parsed(workbook([*rows, [2, fine]]), spec).faults == [("B2", code)]


def test_words_for_nothing_are_null(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset(
        {"name": "n", "type": "integer"}, {"name": "v", "type": "decimal(9,2)"}, missingValues=["", "-", "无", "0"]
    )
    outcome = parsed(workbook([["n", "v"], [1, "-"], [2, " 无 "], [3, None], [4, 0], [5, 5]]), spec)
    assert outcome.column(1) == [None, None, None, None, "5.00"]


def test_a_bad_cell_may_be_loaded_as_null_by_choice(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset({"name": "n", "type": "integer"}, {"name": "v", "type": "integer", "onError": "null_value"})
    outcome = parsed(workbook([["n", "v"], [1, "many"]]), spec)
    assert outcome.accepted == {2: ["1", None]}
    assert [(record.cell, record.code, record.severity) for record in outcome.records] == [
        ("B2", "cell.type", "warning")
    ]


def test_error_cells_may_count_as_empty_by_choice(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset({"name": "n", "type": "integer"}, {"name": "v", "type": "integer"}, errorCells=None)
    outcome = parsed(workbook([["n", "v"], [1, formula("=NA()", "#N/A")]]), spec)
    assert outcome.accepted == {2: ["1", None]}


def test_a_formula_without_its_result_is_told_of(dataset: Make, tmp_path: Path, parsed: Parse) -> None:
    spec = dataset({"name": "n", "type": "integer"}, {"name": "v", "type": "integer"})
    path = tmp_path / "uncached.xlsx"
    book = openpyxl.Workbook()
    for row in (["n", "v"], [1, "=A2"], [2, 2]):
        book.active.append(row)
    book.save(path)
    outcome = parsed(path, spec)
    assert outcome.faults == [("B2", "cell.formula_no_cache")]
    assert outcome.accepted == {3: ["2", "2"]}


def test_digits_that_no_double_has_are_kept(dataset: Make, package: Callable[..., Path], parsed: Parse) -> None:
    """Some writers put integers down with all their digits; those that a double yields too may be a guess."""
    numbers = ("123456789012345679", "12345678901234567890123", "123456789012345680")
    cells = "".join(f'<row r="{row}"><c r="A{row}"><v>{text}</v></c></row>' for row, text in enumerate(numbers, 2))
    path = package(f'<row r="1"><c r="A1" t="str"><v>v</v></c></row>{cells}')
    outcome = parsed(path, dataset({"name": "v", "type": "string", "id": True}))
    assert outcome.column() == ["123456789012345679", "12345678901234567890123"]
    assert outcome.faults == [("A4", "cell.precision_lost")]
    outcome = parsed(path, dataset({"name": "v", "type": "decimal(38,2)"}))
    assert outcome.column() == ["123456789012345679.00", "12345678901234567890123.00"]


@pytest.mark.parametrize(
    "text", ["1234567890123456800", "1234567890123457000", "1234567890123460000", "-1234567890123456800"]
)
@pytest.mark.parametrize("kind", ["string", "integer", "decimal(38,2)"])
def test_zeros_in_the_place_of_lost_digits_are_none(
    dataset: Make, package: Callable[..., Path], parsed: Parse, text: str, kind: str
) -> None:
    """JavaScript writes 1234567890123456789 with the 17 digits that tell a double from others, then zeros."""
    path = package(f'<row r="1"><c r="A1" t="str"><v>v</v></c></row><row r="2"><c r="A2"><v>{text}</v></c></row>')
    assert parsed(path, dataset({"name": "v", "type": kind})).faults[1:] == [("A2", "cell.precision_lost")]


@pytest.mark.filterwarnings("error")
def test_a_number_that_is_too_large_for_its_decimals_is_told_by_its_cell_alone(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    outcome = parsed(workbook([["v"], [1.7e308], [5]]), dataset({"name": "v", "type": "decimal(18,2)"}))
    assert outcome.faults == [("A2", "cell.precision_lost")]


def test_zero_has_no_sign(dataset: Make, package: Callable[..., Path], parsed: Parse) -> None:
    """Writers put down what a calculation left, and other formats have it as a double."""
    cells = "".join(f'<row r="{row}"><c r="A{row}"><v>{text}</v></c></row>' for row, text in ((2, "-0"), (3, "-0.0")))
    path = package(f'<row r="1"><c r="A1" t="str"><v>v</v></c></row>{cells}')
    assert parsed(path, dataset({"name": "v", "type": "string", "id": True})).column() == ["0", "0"]
    spec = dataset({"name": "v", "type": "boolean", "trueValues": ["1"], "falseValues": ["0"]})
    assert parsed(path, spec).column() == ["f", "f"]


def test_dates_of_the_1904_system(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset({"name": "v", "type": "date"})
    path = workbook([["v"], [styled(DAY, "yyyy-mm-dd")], [styled(0, "yyyy-mm-dd")]], options={"date_1904": True})
    assert parsed(path, spec).column() == ["2024-02-29", "1904-01-01"]


def test_a_repeated_value_of_a_unique_field_is_told_of_in_each_row(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    spec = dataset({"name": "v", "type": "string", "constraints": {"unique": True}})
    outcome = parsed(workbook([["v"], ["a"], ["b"], ["a"]]), spec)
    assert outcome.faults == [("A2", "row.key_duplicate"), ("A4", "row.key_duplicate")]


SHOWN = [
    (-1, "-1", "-1", "-1"),
    (-0.5, "-0.5", "-0.5", "-0.5"),
    (0, "00:00:00", "00:00:00", "00:00:00"),
    (0.5, "12:00:00", "12:00:00", "12:00:00"),
    (1, "1900-01-01", "1900-01-01T00:00:00", "1900-01-01T00:00:00"),
    (60, "1900-02-29", "1900-02-29T00:00:00", "1900-02-29T00:00:00"),
    (60.75, "1900-02-29T18:00:00", "1900-02-29T18:00:00", "1900-02-29T18:00:00"),
    (45351.6, "2024-02-29T14:24:00", "2024-02-29T14:24:00", "2024-02-29T14:24:00"),
    (45351.123456789, "2024-02-29T02:57:46.667", "2024-02-29T02:57:46.667", "2024-02-29T02:57:46.667"),
    (45350.9999999999, "2024-02-29", "2024-02-29T00:00:00", "2024-02-29T00:00:00"),
    (2958465, "9999-12-31", "9999-12-31T00:00:00", "9999-12-31T00:00:00"),
    (2958466, "2958466", "2958466", "2958466"),
]


def test_the_grid_shows_dates_as_their_formats_mean_them(workbook: Callable[..., Path]) -> None:
    forms = ("yyyy-mm-dd", "yyyy-mm-dd hh:mm", "hh:mm:ss")

    def dated(value: float, form: str) -> Callable[..., None]:
        return lambda book, page, row, column: page.write_number(
            row, column, value, book.add_format({"num_format": form})
        )

    path = workbook([[dated(value, form) for form in forms] for value, *_ in SHOWN])
    out = io.StringIO()
    read_grid(path, 0, out, "csv")
    assert out.getvalue().splitlines() == [",".join(texts) for _, *texts in SHOWN]


def test_numbers_read_from_texts_are_told_of(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset({"name": "a", "type": "integer"}, {"name": "b", "type": "string"}, {"name": "c", "type": "number"})
    outcome = parsed(workbook([["a", "b", "c"], [1, "2", 1.5], ["2", "2", 2.5], ["３", "x", 3], ["no", "", 4]]), spec)
    [note] = outcome.notes
    assert (note.code, note.cell, note.message) == (
        "cell.number_as_text",
        "A3",
        "2 numbers of field a were read from texts",
    )
    assert outcome.faults == [("A5", "cell.type")]


def test_characters_that_no_database_takes(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset({"name": "a", "type": "string"})
    path = workbook([["a"], ["fine\tand\nwell"], ["nul \0"], ["bell \a"]])
    assert parsed(path, spec).faults == [("A3", "cell.nul_char"), ("A4", "cell.control_char")]
