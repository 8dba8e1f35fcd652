"""Whatever other libraries write is read back the same, and every row has exactly one fate, for any input."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import openpyxl
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.output.grid import read_grid
from ingest.output.report import ACCEPTED_FILE
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset

# Characters that XML 1.0 has; a carriage return is a line feed there, and "_x0041_" means a character to Excel.
# openpyxl does not say of a text of white space alone that it is to be kept.
TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t", exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=20,
).filter(lambda text: "_x" not in text and text.strip())
NUMBERS = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=64).filter(
        # Rounded to the digits that are written, the largest doubles are none any more.
        lambda number: number == 0 or 1e-300 < abs(number) < 1.7e308
    ),
)
CELLS = st.one_of(st.none(), TEXTS, NUMBERS, st.booleans())
ROWS = st.lists(st.lists(CELLS, max_size=5), min_size=1, max_size=8)
WRITTEN_DIGITS = 16
"""Both writers put numbers down with so many digits."""
BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read_back(path: Path) -> list[list[Any]]:
    out = io.StringIO()
    read_grid(path, 0, out, "json")
    return [json.loads(line) for line in out.getvalue().splitlines()]


def padded(rows: list[list[Any]]) -> list[list[Any]]:
    """Return rows as a grid from A1 to the last cell that holds anything."""
    filled = [[place for place, value in enumerate(row) if value is not None] for row in rows]
    height = max((number + 1 for number, places in enumerate(filled) if places), default=0)
    width = max((places[-1] + 1 for places in filled if places), default=0)
    return [[row[place] if place < len(row) else None for place in range(width)] for row in rows[:height]]


def same(ours: list[list[Any]], theirs: list[list[Any]]) -> bool:
    """Compare cell by cell; a bool is not a 1."""
    if [len(row) for row in ours] != [len(row) for row in theirs]:
        return False
    pairs = [pair for row, other in zip(ours, theirs, strict=True) for pair in zip(row, other, strict=True)]
    return all(_same(mine, other) for mine, other in pairs)


def _same(mine: Any, other: Any) -> bool:
    if isinstance(mine, bool) or isinstance(other, bool) or not isinstance(other, (int, float)):
        return mine is other or (type(mine) is type(other) and mine == other)
    return isinstance(mine, (int, float)) and float(mine) == float(f"{float(other):.{WRITTEN_DIGITS}g}")


@BOUNDED
@given(ROWS)
def test_what_xlsxwriter_writes(rows: list[list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.xlsx"
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                for place, value in enumerate(row):
                    if isinstance(value, bool):
                        sheet.write_boolean(number, place, value)
                    elif isinstance(value, str):
                        sheet.write_string(number, place, value)
                    elif value is not None:
                        sheet.write_number(number, place, value)
        assert same(read_back(path), padded(rows))


@BOUNDED
@given(ROWS)
def test_what_openpyxl_writes(rows: list[list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.xlsx"
        book = openpyxl.Workbook()
        for number, row in enumerate(rows, 1):
            for place, value in enumerate(row, 1):
                if value is not None:
                    cell = book.active.cell(number, place)
                    cell.value = value
                    # It takes a text that begins with "=" for a formula, and "#N/A" for an error.
                    cell.data_type = "s" if isinstance(value, str) else cell.data_type
        book.save(path)
        assert same(read_back(path), padded(rows))


SPEC = {
    "dataset": "d",
    "header": {"mode": "none"},
    "fields": [
        {"name": "a", "type": "string"},
        {"name": "b", "type": "integer"},
        {"name": "c", "type": "decimal(9,2)", "onError": "null_value"},
        {"name": "d", "type": "boolean"},
    ],
    "table_end": {"blank_rows": 2, "footers": ["t*", "*1*"]},
    "load": {"table": "t"},
    "quarantine": {"max_percent": 100},
}


@BOUNDED
@given(ROWS, st.sampled_from([[], ["a"], ["b", "d"]]), st.sampled_from(["reject", "last_wins"]))
def test_every_row_has_one_fate(rows: list[list[Any]], key: list[str], in_file: str) -> None:
    spec = parse_dataset(json.dumps({**SPEC, "primaryKey": key, "duplicates": {"in_file": in_file}}), "d.yml")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with xlsxwriter.Workbook(folder / "x.xlsx", {"strings_to_formulas": False, "strings_to_urls": False}) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
        report = parse(folder / "x.xlsx", spec, folder)
        accepted = (folder / ACCEPTED_FILE).read_bytes().count(b"\n")
    counts = report.rows
    assert counts.read == counts.accepted + counts.duplicate + counts.rejected + counts.blank + counts.footer
    if report.rejection is None:
        assert counts.read == len(padded(rows))
        assert accepted == counts.accepted > 0
    else:
        assert report.rejection.code in {"table.no_rows", "table.too_many_bad_rows"}
        assert accepted == 0
