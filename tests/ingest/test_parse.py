"""Rows: which are loaded, which are told of and where, which make a whole file be refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from .conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

NUMBER = {"name": "no", "type": "string", "header": ["订单号", "Order ID"]}
COUNT = {"name": "count", "type": "integer", "header": ["数量"]}
REQUIRED = {**NUMBER, "constraints": {"required": True}}


def test_each_row_below_the_header_has_one_fate(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset(REQUIRED, COUNT, primaryKey=["no"], table_end={"footers": ["合计*"]})
    path = workbook(
        [
            ["订单报表"],
            [],
            ["订单号", "数量"],
            ["A1", 1],
            ["A2", "many"],
            ["A1", 1],
            [None, 5],
            [],
            ["A3", 7],
            ["合计：", 14],
            ["printed on Monday"],
        ]
    )
    outcome = parsed(path, spec)
    assert outcome.report.header_row == 3
    assert outcome.accepted == {4: ["A1", "1"], 9: ["A3", "7"]}
    rows = outcome.report.rows
    assert (rows.read, rows.accepted, rows.duplicate, rows.rejected, rows.blank, rows.footer) == (8, 2, 1, 2, 1, 2)
    assert outcome.faults == [("B5", "cell.type"), ("A7", "cell.required")]
    told = {"row.blank": 8, "row.footer": 10, "row.duplicate_exact": 6}
    assert {note.code: note.row for note in outcome.notes} == told
    assert outcome.report.codes == {"cell.type": 1, "cell.required": 1, **dict.fromkeys(told, 1)}


def test_a_record_says_where_what_and_what_to_do(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["订单号", "备注", "数量"], ["A1", "x", "three"], ["A2", "x", 2]], sheet="五月")
    [record] = parsed(path, dataset(NUMBER, COUNT, version=7)).records
    assert (record.code, record.severity, record.sheet, record.row, record.column, record.cell) == (
        *("cell.type", "error", "五月", 2, 3, "C2"),
    )
    assert (record.field, record.header, record.raw, record.expected) == ("count", "数量", "three", "integer")
    assert record.spec_version == 7
    assert record.message
    assert record.hint


def test_titles_are_compared_without_width_case_and_white_space(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([[" ＯＲＤＥＲ id ", "数量"], ["A1", 1]])
    assert parsed(path, dataset(NUMBER, COUNT)).accepted == {2: ["A1", "1"]}


def test_columns_are_found_by_title_in_any_order(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["数量", "other", "Order ID"], [1, "x", "A1"]])
    assert parsed(path, dataset(NUMBER, COUNT)).accepted == {2: ["A1", "1"]}


def test_the_header_may_stand_in_a_fixed_row_or_nowhere(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["订单号", "数量"], ["Order ID", "数量"], ["A1", 1]])
    assert parsed(path, dataset(NUMBER, COUNT, header={"mode": "row", "row": 2})).accepted == {3: ["A1", "1"]}
    path = workbook([["A1", 1], ["A2", 2]])
    assert parsed(path, dataset(NUMBER, COUNT, header={"mode": "none"})).accepted == {1: ["A1", "1"], 2: ["A2", "2"]}


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ([["订单", "件数"], ["A1", 1]], "header.not_found", ["订单号", "Order ID"]),
        ([["订单号", "数量"], ["Order ID", "数量"], ["A1", 1]], "header.ambiguous", ["1, 2"]),
        ([["订单号", "Order ID", "数量"], ["A1", "A1", 1]], "header.duplicate_label", ["订单号", "Order ID"]),
        ([["数量", "备注"], [1, "x"]], "header.missing_required", ["no", "订单号"]),
        ([["订单号", "数量"]], "table.no_rows", []),
        ([["订单号", "数量"], [None, "  "]], "table.no_rows", []),
        ([], "table.no_rows", []),
    ],
)
def test_a_file_without_its_table_is_refused(
    dataset: Make, workbook: Write, parsed: Parse, rows: list[list[Any]], code: str, words: list[str]
) -> None:
    outcome = parsed(workbook(rows), dataset(REQUIRED, COUNT))
    assert outcome.refusal == code
    rejection = outcome.report.rejection
    assert rejection is not None
    assert all(word in rejection.message for word in words), rejection.message
    assert outcome.accepted == {}
    assert outcome.records[0] == rejection


def test_an_optional_field_without_a_column_is_null_and_told_of(dataset: Make, workbook: Write, parsed: Parse) -> None:
    outcome = parsed(workbook([["订单号"], ["A1"]]), dataset(NUMBER, COUNT))
    assert outcome.accepted == {2: ["A1", None]}
    assert [(record.code, record.severity, record.field) for record in outcome.records] == [
        ("header.drift", "warning", "count")
    ]


def test_frozen_columns_refuse_a_title_that_nobody_declared(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["订单号", "数量", "新栏"], ["A1", 1, "x"]])
    outcome = parsed(path, dataset(NUMBER, COUNT, contract={"columns": "freeze"}))
    assert outcome.refusal == "header.extra_column"
    assert outcome.records[0].cell == "C1"
    assert parsed(path, dataset(NUMBER, COUNT)).refusal is None


def test_of_rows_with_one_key_equal_ones_collapse_and_others_contradict(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    rows = [["订单号", "数量"], ["A1", 1], ["A2", 1], ["A2", 2], ["A1", 1], ["A3", 3]]
    outcome = parsed(workbook(rows), dataset(NUMBER, COUNT, primaryKey=["no"]))
    assert outcome.accepted == {2: ["A1", "1"], 6: ["A3", "3"]}
    assert outcome.faults == [("row 3", "row.key_duplicate"), ("row 4", "row.key_duplicate")]
    assert outcome.report.rows.duplicate == 1
    last = dataset(NUMBER, COUNT, primaryKey=["no"], duplicates={"in_file": "last_wins"})
    outcome = parsed(workbook(rows), last)
    assert outcome.accepted == {2: ["A1", "1"], 4: ["A2", "2"], 6: ["A3", "3"]}
    assert outcome.report.rows.duplicate == 2
    told = {note.code: note.row for note in outcome.notes if note.code.startswith(("row.duplicate", "row.key"))}
    assert told == {"row.duplicate_exact": 5, "row.key_superseded": 3}


def test_a_key_without_a_value_is_a_fault_of_its_own(dataset: Make, workbook: Write, parsed: Parse) -> None:
    outcome = parsed(workbook([["订单号", "数量"], [None, 1], ["A1", 1]]), dataset(NUMBER, COUNT, primaryKey=["no"]))
    assert outcome.faults == [("A2", "row.key_null")]


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        ({"max_rows": 2, "max_percent": 100}, False),
        ({"max_rows": 1, "max_percent": 100}, True),
        ({"max_rows": 100, "max_percent": 20}, False),
        ({"max_rows": 100, "max_percent": 19.9}, True),
    ],
)
def test_beyond_the_tolerance_nothing_is_loaded(
    dataset: Make, workbook: Write, parsed: Parse, limits: dict[str, float], *, refused: bool
) -> None:
    rows = [["订单号", "数量"], *(["A", "bad" if number < 2 else number] for number in range(10))]
    outcome = parsed(workbook(rows), dataset(NUMBER, COUNT, quarantine=limits))
    assert outcome.refusal == ("table.too_many_bad_rows" if refused else None)
    assert outcome.report.codes["cell.type"] == 2
    assert outcome.report.rows.rejected == 2
    assert len(outcome.accepted) == (0 if refused else 8)


def test_a_file_whose_rows_all_fail_is_refused_whatever_the_tolerance(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    outcome = parsed(workbook([["订单号", "数量"], ["A1", "x"], ["A2", "y"]]), dataset(NUMBER, COUNT))
    assert outcome.refusal == "table.too_many_bad_rows"
    assert [record.cell for record in outcome.records] == [None, "B2", "B3"]


def test_the_remedy_is_no_limit_where_none_is_exceeded(dataset: Make, workbook: Write, parsed: Parse) -> None:
    limits = {"max_rows": 100, "max_percent": 100}
    outcome = parsed(workbook([["订单号", "数量"], ["A1", "x"], ["", 7]]), dataset(REQUIRED, COUNT, quarantine=limits))
    told = outcome.report.rejection
    assert told is not None
    assert (told.code, told.message) == ("table.too_many_bad_rows", "all 2 rows are bad")
    assert "limits" not in told.hint


def test_data_below_the_footer_is_told_of_not_lost(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset(REQUIRED, COUNT, table_end={"footers": ["Total*"]})
    outcome = parsed(workbook([["订单号", "数量"], ["A1", 1], ["Total", 1], ["A2", 2], ["A3", 2]]), spec)
    assert outcome.faults == [("row 4", "row.extra_cells"), ("row 5", "row.extra_cells")]
    assert outcome.report.rows.footer == 1


def test_many_blank_rows_end_the_table(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset(REQUIRED, COUNT, table_end={"blank_rows": 3})
    outcome = parsed(workbook([["订单号", "数量"], ["A1", 1], [], [], ["A2", 2], [], [], [], ["notes"]]), spec)
    assert outcome.accepted == {2: ["A1", "1"], 5: ["A2", "2"]}
    assert outcome.report.rows.footer == 1


def test_the_sheet_is_the_visible_one_with_the_header(dataset: Make, tmp_path: Path, parsed: Parse) -> None:
    import xlsxwriter  # noqa: PLC0415

    path = tmp_path / "many.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Read me").write_row(0, 0, ["some", "words"])
        for name in ("Data", "Copy"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["订单号", "数量"])
            sheet.write_row(1, 0, [name, 1])
        sheet.hide()
    assert parsed(path, dataset(NUMBER, COUNT)).accepted == {2: ["Data", "1"]}
    both = dataset(NUMBER, COUNT, workbook={"hidden_sheets": "include"})
    assert parsed(path, both).refusal == "sheet.ambiguous"
    named = dataset(NUMBER, COUNT, workbook={"hidden_sheets": "include", "sheets": {"name": "co*"}})
    assert parsed(path, named).accepted == {2: ["Copy", "1"]}
    hidden = dataset(NUMBER, COUNT, workbook={"sheets": {"name": "Copy"}})
    assert parsed(path, hidden).refusal == "sheet.hidden_only"
    absent = parsed(path, dataset(NUMBER, COUNT, workbook={"sheets": {"name": "Orders"}}))
    assert absent.refusal == "sheet.missing"
    assert absent.report.rejection is not None
    assert "'Data'" in absent.report.rejection.message


def test_where_the_shown_sheets_are_empty_the_hidden_one_with_the_table_is_named(
    dataset: Make, tmp_path: Path, parsed: Parse
) -> None:
    import xlsxwriter  # noqa: PLC0415

    def refusal(titles: list[str], shown: str | None = None, **keys: Any) -> str:
        path = tmp_path / "hidden.xlsx"
        with xlsxwriter.Workbook(path) as book:
            book.add_worksheet("Shown").write(0, 0, shown)
            sheet = book.add_worksheet("Data")
            sheet.write_row(0, 0, titles)
            sheet.write_row(1, 0, ["A1", 1])
            sheet.very_hidden()
        rejection = parsed(path, dataset(NUMBER, COUNT, **keys)).report.rejection
        assert rejection is not None
        return f"{rejection.code}: {rejection.message}"

    assert refusal(["订单号", "数量"]) == "sheet.hidden_only: only hidden sheets would do: 'Data'"
    assert refusal(["other", "titles"]) == "table.no_rows: the sheets are empty"
    assert refusal(["订单号", "数量"], workbook={"sheets": {"name": "Shown"}}) == "table.no_rows: the sheets are empty"
    assert refusal(["订单号", "数量"], "Auftrag").startswith("header.not_found")


def test_a_wrong_extension_is_told_of_and_harmless(dataset: Make, workbook: Write, parsed: Parse) -> None:
    outcome = parsed(workbook([["订单号", "数量"], ["A1", 1]], name="w.xls"), dataset(NUMBER, COUNT))
    assert outcome.accepted == {2: ["A1", "1"]}
    assert outcome.faults == [(None, "file.format_mismatch")]


def test_only_the_first_records_travel_and_all_are_on_disk(dataset: Make, workbook: Write, parsed: Parse) -> None:
    rows = [["订单号", "数量"], *([f"A{number}", "x" if number < 150 else 1] for number in range(400))]
    outcome = parsed(workbook(rows), dataset(NUMBER, COUNT))
    assert len(outcome.report.errors) == 100
    assert outcome.report.errors_total == len(outcome.records) == 150


def test_stages_are_timed(dataset: Make, workbook: Write, parsed: Parse) -> None:
    report = parsed(workbook([["订单号", "数量"], ["A1", 1]]), dataset(NUMBER, COUNT)).report
    assert set(report.seconds) == {"sniff", "read", "validate", "spool"}
    assert all(seconds > 0 for seconds in report.seconds.values())
