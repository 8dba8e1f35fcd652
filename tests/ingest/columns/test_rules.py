"""Rules beyond one cell: headers of several rows, merged ranges, constants, sums, several sheets, transforms."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from ingest.output.report import ACCEPTED_FILE
from ingest.parse import parse
from ingest.spec.yaml_document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

NUMBER = {"name": "no", "type": "string"}
COUNT = {"name": "count", "type": "integer"}


def test_a_header_of_two_rows_is_read_as_one(dataset: Make, tmp_path: Path, parsed: Parse) -> None:
    path = tmp_path / "two.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.merge_range("A2:A3", "订单号")
        sheet.merge_range("B2:C2", "金额")
        sheet.write_row(2, 1, ["含税", "不含税"])
        sheet.write_row(3, 0, ["A1", 113, 100])
    gross = {"name": "gross", "type": "integer", "header": ["金额 / 含税"]}
    net = {"name": "net", "type": "integer", "header": ["金额 / 不含税"]}
    spec = dataset({**NUMBER, "header": ["订单号"]}, net, gross, header={"rows": 2})
    outcome = parsed(path, spec)
    assert outcome.accepted == {4: ["A1", "100", "113"]}
    assert outcome.report.header_row == 2


@pytest.mark.parametrize("name", ["merged.xlsx", "merged.xls"])
def test_merged_ranges_fill_the_named_fields_only(dataset: Make, tmp_path: Path, parsed: Parse, name: str) -> None:
    path = tmp_path / name
    if name.endswith("x"):
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, ["no", "note", "count"])
            sheet.merge_range("A2:A4", "A1")
            sheet.merge_range("B2:B4", "once")
            sheet.write_column(1, 2, [1, 2, 3])
            sheet.write_row(4, 0, [None, None, 4])
    else:
        import xlwt  # noqa: PLC0415

        old = xlwt.Workbook()
        sheet = old.add_sheet("Sheet1")
        for column, title in enumerate(["no", "note", "count"]):
            sheet.write(0, column, title)
        sheet.write_merge(1, 3, 0, 0, "A1")
        sheet.write_merge(1, 3, 1, 1, "once")
        for row in range(1, 5):
            sheet.write(row, 2, row)
        old.save(str(path))
    spec = dataset(NUMBER, {"name": "note", "type": "string"}, COUNT, merged={"fill": ["no"]})
    outcome = parsed(path, spec)
    assert list(outcome.accepted.values()) == [
        ["A1", "once", "1"],
        ["A1", None, "2"],
        ["A1", None, "3"],
        [None, None, "4"],
    ]
    assert [(record.cell, record.code, record.severity) for record in outcome.notes] == [
        ("A3", "cell.merged_fill", "info")
    ]


def test_constants_come_from_the_path_the_sheet_and_the_dataset(dataset: Make, workbook: Write, tmp_path: Path) -> None:
    constants = {
        "shop": {"from": "path", "regex": r"shop=(\w+)"},
        "month": {"from": "sheet"},
        "year": {"value": "2024"},
    }
    spec = dataset(NUMBER, {"name": "year", "type": "integer"}, constants=constants, primaryKey=["shop", "no"])
    path = workbook([["no"], ["A1"]], sheet="May")
    report = parse(path, spec, tmp_path, "in/shop=x7/orders.xlsx")
    assert report.rejection is None
    assert (tmp_path / ACCEPTED_FILE).read_text() == "A1\t2024\tx7\tMay\n"
    refused = parse(path, spec, tmp_path, "in/orders.xlsx")
    assert refused.rejection is not None
    assert refused.rejection.code == "header.missing_required"
    assert "'in/orders.xlsx'" in refused.rejection.message


def test_rows_must_add_up_to_the_footer(dataset: Make, workbook: Write, parsed: Parse) -> None:
    amount = {"name": "amount", "type": "decimal(9,2)"}
    rules = {"table_end": {"footers": ["Total*"]}, "expect": {"reconcile": {"amount": "footer"}}}
    spec = dataset(NUMBER, COUNT, amount, **rules)
    rows = [["no", "count", "amount"], ["A1", 1, 0.1], ["A2", "bad", 0.2]]
    assert parsed(workbook([*rows, ["Total", None, 0.3]]), spec).refusal is None
    outcome = parsed(workbook([*rows, ["Total", None, 0.31]]), spec)
    assert outcome.refusal == "table.reconcile_mismatch"
    assert outcome.report.rejection is not None
    assert "0.30" in outcome.report.rejection.message
    assert "C4" in outcome.report.rejection.message
    assert parsed(workbook([*rows, ["Total", 3, "?"]]), spec).refusal == "table.reconcile_mismatch"
    assert parsed(workbook(rows), spec).refusal == "table.reconcile_mismatch"


def test_a_file_with_fewer_rows_than_expected_is_refused(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["no", "count"], ["A1", 1], ["A2", 2]])
    assert parsed(path, dataset(NUMBER, COUNT, expect={"min_rows": 2})).refusal is None
    assert parsed(path, dataset(NUMBER, COUNT, expect={"min_rows": 3})).refusal == "table.no_rows"


@pytest.fixture
def three_sheets(tmp_path: Path) -> Path:
    path = tmp_path / "sheets.xlsx"
    with xlsxwriter.Workbook(path) as book:
        tables: list[tuple[str, list[str], list[list[Any]]]] = [
            ("Jan", ["no", "count"], [["A1", 1], ["A2", 2]]),
            ("Notes", ["see", "below"], [["x", "y"]]),
            ("Feb", ["count", "no"], [[3, "A3"], ["bad", "A4"], [1, "A1"]]),
        ]
        for name, titles, rows in tables:
            sheet = book.add_worksheet(name)
            for row, values in enumerate([titles, *rows]):
                sheet.write_row(row, 0, values)
    return path


def test_all_sheets_with_the_header_make_one_table(dataset: Make, three_sheets: Path, parsed: Parse) -> None:
    spec = dataset(NUMBER, COUNT, primaryKey=["no"], workbook={"sheets": {"index": "all"}})
    outcome = parsed(three_sheets, spec)
    assert outcome.column() == ["A1", "A2", "A3"]
    assert outcome.report.rows.duplicate == 1
    assert [(record.sheet, record.cell, record.code) for record in outcome.records] == [("Feb", "A3", "cell.type")]


def test_each_of_several_named_sheets_has_its_own_totals(dataset: Make, tmp_path: Path, parsed: Parse) -> None:
    def book(second: int) -> Path:
        path = tmp_path / f"{second}.xlsx"
        with xlsxwriter.Workbook(path) as written:
            for name, total in (("May 1", 3), ("May 2", second), ("Sum", 99)):
                sheet = written.add_worksheet(name)
                for row, values in enumerate([["no", "count"], ["A1", 1], [f"B {name}", 2], ["Total", total]]):
                    sheet.write_row(row, 0, values)
        return path

    rules = {"table_end": {"footers": ["Total*"]}, "expect": {"reconcile": {"count": "footer"}}}
    spec = dataset(NUMBER, COUNT, workbook={"sheets": {"name": ["May*"], "index": "all"}}, **rules)
    assert parsed(book(3), spec).column() == ["A1", "B May 1", "A1", "B May 2"]
    outcome = parsed(book(4), spec)
    assert outcome.refusal == "table.reconcile_mismatch"
    assert outcome.report.rejection is not None
    assert outcome.report.rejection.sheet == "May 2"


def test_a_sheet_with_the_titles_alone_is_no_second_table(dataset: Make, parsed: Parse, tmp_path: Path) -> None:
    """A form for next month, or of the last one that nobody has filled in."""
    path = tmp_path / "months.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in ("April", "May", "June"):
            sheet = book.add_worksheet(name)
            for row, values in enumerate([["no", "count"], *([["A1", 1], ["A2", 2]] if name == "May" else [])]):
                sheet.write_row(row, 0, values)
    assert parsed(path, dataset(NUMBER, COUNT)).column() == ["A1", "A2"]


def test_the_largest_sheet_with_the_header(dataset: Make, three_sheets: Path, parsed: Parse) -> None:
    assert parsed(three_sheets, dataset(NUMBER, COUNT)).refusal == "sheet.ambiguous"
    spec = dataset(NUMBER, COUNT, workbook={"sheets": {"index": "largest_matching"}})
    assert parsed(three_sheets, spec).column() == ["A3", "A1"]


@pytest.mark.parametrize(
    ("word", "accepted", "faults"),
    [
        ("discard_row", ["A1"], [("row 3", "row.extra_cells")]),
        ("discard_value", ["A1", "A2"], [("C1", "header.extra_column")]),
    ],
)
def test_the_contract_on_columns(
    dataset: Make, workbook: Write, parsed: Parse, word: str, accepted: list[str], faults: list[tuple[str, str]]
) -> None:
    path = workbook([["no", "count", "new"], ["A1", 1, None], ["A2", 2, "x"]])
    outcome = parsed(path, dataset(NUMBER, COUNT, contract={"columns": word}))
    assert outcome.column() == accepted
    assert outcome.faults == faults


def test_the_contract_on_types(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["no", "count"], ["A1", "many"], ["A2", 2]])
    outcome = parsed(path, dataset(NUMBER, COUNT, contract={"types": "discard_value"}))
    assert outcome.accepted == {2: ["A1", None], 3: ["A2", "2"]}
    assert [record.severity for record in outcome.records] == ["warning"]
    assert parsed(path, dataset(NUMBER, COUNT, contract={"types": "discard_row"})).column() == ["A2"]
    with pytest.raises(DocumentError, match="evolve"):
        dataset(NUMBER, contract={"types": "evolve"})


def test_times_of_a_zone(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset({"name": "at", "type": "datetime", "timezone": "Europe/Berlin"}, COUNT)
    texts = ["2024-07-01T12:00:00", "2024-01-01T12:00:00", "2024-03-31T02:30:00", "2024-10-27T02:30:00"]
    outcome = parsed(workbook([["at", "count"], *([text, 1] for text in texts)]), spec)
    assert outcome.column() == ["2024-07-01 10:00:00+00:00", "2024-01-01 11:00:00+00:00"]
    assert outcome.faults == [("A4", "cell.date_ambiguous"), ("A5", "cell.date_ambiguous")]
    with pytest.raises(DocumentError, match="time zone"):
        dataset({"name": "at", "type": "datetime", "timezone": "Europe/Bielefeld"})


TRANSFORMS = """
import sys

import pandas as pd

def double(frame):
    assert frame.index.tolist() == [2, 4]
    assert isinstance(frame["count"].dtype, pd.ArrowDtype)
    return frame.assign(count=frame["count"] * 2, no=frame["no"].str.lower())

def fails_on_b(frame):
    if (frame["no"] == "B").any():
        raise ValueError("no B please")
    return frame

def drops(frame):
    return frame.iloc[1:]

def no_frame(frame):
    return None

def other_type(frame):
    return frame.assign(count="many")

def half(frame):
    return frame.assign(count=frame["count"] / 2)

def objects(frame):
    return frame.assign(count=pd.Series([2**70, 1], frame.index, dtype=object))

def odd_letters(frame):
    raise ValueError("\\ud800" + "x" * 5000)

class Odd(Exception):
    def __str__(self):
        raise KeyError

def no_words(frame):
    raise Odd

def leaves(frame):
    sys.exit(3)

def twice(frame):
    return pd.concat([frame, frame[["no"]]], axis=1)

def empties(frame):
    return frame.assign(no=pd.NA)
"""


@pytest.fixture
def transforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_transforms.py").write_text(TRANSFORMS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_transforms", raising=False)


@pytest.mark.usefixtures("transforms")
def test_a_transform_changes_the_rows_that_are_fine(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["no", "count"], ["A", 1], ["X", "bad"], ["B", 2]])
    outcome = parsed(path, dataset(NUMBER, COUNT, transform="my_transforms:double"))
    assert outcome.accepted == {2: ["a", "2"], 4: ["b", "4"]}
    assert outcome.faults == [("B3", "cell.type")]


@pytest.mark.usefixtures("transforms")
@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("fails_on_b", ["row 4", "ValueError: no B please"]),
        ("drops", ["1 rows", "2 rows"]),
        ("no_frame", ["NoneType"]),
        ("other_type", ["count", "type"]),
        ("half", ["row 2", "count", "0.5", "not a whole number"]),
        ("objects", ["row 2", "count", "too large"]),
        ("twice", ["two columns no"]),
        ("empties", ["row 2", "no"]),
        ("odd_letters", ["row 2", "ValueError: \\ud800x", "x …"]),
        ("no_words", ["row 2", "Odd: its message cannot be told: KeyError"]),
        ("leaves", ["row 2", "SystemExit: 3"]),
        ("absent", ["cannot be imported", "absent"]),
    ],
)
def test_a_transform_that_fails_is_named_with_its_row(
    dataset: Make, workbook: Write, parsed: Parse, function: str, words: list[str]
) -> None:
    path = workbook([["no", "count"], ["A", 1], ["X", "bad"], ["B", 2]])
    name = f"my_transforms:{function}"
    outcome = parsed(path, dataset({**NUMBER, "constraints": {"required": True}}, COUNT, transform=name))
    assert outcome.refusal == "table.transform_failed"
    rejection: Any = outcome.report.rejection
    assert all(word in rejection.message for word in [*words, name, "dataset d"]), rejection.message


@pytest.mark.usefixtures("transforms")
def test_a_transform_is_not_asked_where_no_row_is_fine(dataset: Make, workbook: Write, parsed: Parse) -> None:
    outcome = parsed(
        workbook([["no", "count"], ["A", "bad"]]), dataset(NUMBER, COUNT, transform="my_transforms:no_frame")
    )
    assert outcome.refusal == "table.too_many_bad_rows"


@pytest.mark.parametrize(
    ("word", "cells"),
    [
        ("İptal", ["İptal", "İPTAL", "iptal", "i\u0307ptal"]),
        ("Kapalı", ["Kapalı", "KAPALI"]),
        ("ΕΝΕΡΓΟΣ", ["ΕΝΕΡΓΟΣ", "ενεργος"]),
        ("weiß", ["weiß", "WEISS", "Weiß"]),
    ],
)
def test_words_for_booleans_are_the_same_without_case(
    dataset: Make, workbook: Write, parsed: Parse, word: str, cells: list[str]
) -> None:
    spec = dataset({"name": "b", "type": "boolean", "trueValues": [word]})
    outcome = parsed(workbook([["b"], *([cell] for cell in cells)]), spec)
    assert (outcome.column(), outcome.faults) == (["t"] * len(cells), [])
