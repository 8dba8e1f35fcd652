"""The real workbooks beside the repository: each ends as expected, and holds what independent readers see in it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import xlrd

from ingest.output.grid import read_grid, read_sheets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFUSED = {
    # 17 GB of cells by repetition counts.
    "issue_594_dos.ods": "file.cell_limit",
    # Made by fuzzers, or cut.
    "OOM_alloc3.xls": "file.truncated",
    "issue252.xlsx": "file.corrupt_container",
    # A page of text under a workbook's name.
    "too_small.xls": "file.format_unknown",
    "pass_protected.ods": "file.encrypted",
    "pass_protected.xlsb": "file.encrypted",
    "pass_protected.xlsx": "file.encrypted",
}
OTHERS_FAIL = {
    # xlsx: openpyxl raises TypeError, KeyError or IndexError.
    *("empty_s_attribute.xlsx", "issue_419.xlsx", "issue_530.xlsx", "minimal_package.xlsx", "pivots.xlsx"),
    "los-angeles-arrests-xlsx.xlsx",
    # openpyxl visits every cell of the sheet, though all but a few of them are empty.
    "issue_174.xlsx",
    # openpyxl does not find the worksheet of a strict document.
    "strict_iso_paths.xlsx",
    # xls: xlrd stops at an assertion, at a formula it cannot read, at a wrong string count.
    *("gh548_incorrect_sst_unique_count.xls",),
}
DIFFERENT = {
    # Excel strips white space around a text without xml:space="preserve"; openpyxl keeps it.
    "whitespace_trim.xlsx": 6,
    "Ekaterinburg_IP_9.xlsx": 165,
    "encoded_entities.xlsx": 1,
    # _x000D_ stands for a carriage return; openpyxl leaves it as it is.
    "has_x000D_.xlsx": 1,
    "has_x000D_inline.xlsx": 1,
    "new_line_errors.xlsx": 1,
    # Serial 60 is 29 February 1900 in Excel, a day that never was; the others move it to the 28th.
    "dates-leap-year-1900-xlsx.xlsx": 2,
    "dates-leap-year-1900-xls.xls": 2,
    # xlrd has no durations: it takes 255:10:10 for a date.
    "date.xls": 1,
    "date_1904.xls": 1,
}

READ_ALL = """
import io, json, sys
from pathlib import Path
from ingest.errors import FileRejectedError
from ingest.output.grid import read_grid, read_sheets
for line in sys.stdin:
    path = Path(line.rstrip("\\n"))
    print(json.dumps([path.name, "reading"]), flush=True)
    try:
        for sheet in read_sheets(path):
            read_grid(path, sheet.index, io.StringIO(), "json")
        code = None
    except FileRejectedError as error:
        code = error.record.code
    print(json.dumps([path.name, code]), flush=True)
"""


def test_every_workbook_is_read_or_refused_with_its_code(corpus: Path) -> None:
    files = sorted(path for path in corpus.glob("*/*") if path.is_file())
    assert len(files) >= 200
    # In a process of its own: what kills a reader must not take the tests along, and names its file.
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL],
        input="".join(f"{path}\n" for path in files),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{lines[-1:]}: {done.stderr[-2000:]}"
    assert {name: code for name, code in lines if code not in {None, "reading"}} == REFUSED
    assert done.stderr == ""


def test_xlsx_cells_are_those_that_openpyxl_sees(corpus: Path) -> None:
    differing = {}
    files = [path for path in sorted(corpus.glob("*/*.xls[xm]")) if path.name not in REFUSED]
    compared = [path for path in files if path.name not in OTHERS_FAIL]
    assert len(compared) > 80
    for path in compared:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, data_only=True)
        theirs = {
            (sheet.title, cell.row, cell.column): cell.value
            for sheet in book.worksheets
            for row in sheet.iter_rows()
            for cell in row
        }
        differing[path.name] = differences(path, theirs)
    assert_explained(differing)


def test_xls_cells_are_those_that_xlrd_sees(corpus: Path) -> None:
    differing = {}
    files = [path for path in sorted(corpus.glob("*/*.xls")) if path.name not in REFUSED | dict.fromkeys(OTHERS_FAIL)]
    readable = []
    for path in files:
        try:
            book = xlrd.open_workbook(path, logfile=io.StringIO())
        except (xlrd.XLRDError, AssertionError, IndexError):
            continue
        readable.append(path)
        theirs = {
            (sheet.name, row + 1, column + 1): xlrd_value(book, sheet.cell(row, column))
            for sheet in book.sheets()
            for row in range(sheet.nrows)
            for column in range(sheet.row_len(row))
        }
        differing[path.name] = differences(path, theirs)
    assert len(readable) > 60
    assert_explained(differing)


def assert_explained(differing: dict[str, list[str]]) -> None:
    """Hold the differences to `DIFFERENT`, file by file."""
    unexplained = {name: found[:5] for name, found in differing.items() if len(found) != DIFFERENT.get(name, 0)}
    assert not unexplained


def differences(path: Path, theirs: dict[tuple[str, int, int], object]) -> list[str]:
    ours = dict(cells(path))
    wanted = {place: shown for place, value in theirs.items() if (shown := text(value))}
    return [
        f"{place}: {ours.get(place)!r}, not {wanted.get(place)!r}"
        for place in sorted(ours.keys() | wanted.keys())
        if not same(ours.get(place, ""), wanted.get(place, ""))
    ]


def same(ours: str, theirs: str) -> bool:
    """Midnight is shown by its cell's format, which the other readers do not tell."""
    return ours in (theirs, f"{theirs}T00:00:00")


def cells(path: Path) -> Iterator[tuple[tuple[str, int, int], str]]:
    for sheet in read_sheets(path):
        out = io.StringIO(newline="")
        read_grid(path, sheet.index, out, "csv")
        for row, values in enumerate(csv.reader(io.StringIO(out.getvalue(), newline="")), 1):
            yield from (((sheet.name, row, column), value) for column, value in enumerate(values, 1) if value)


def xlrd_value(book: Any, cell: Any) -> object:
    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return None
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return xlrd.error_text_from_code[cell.value]
    if cell.ctype == xlrd.XL_CELL_DATE:
        moment = xlrd.xldate.xldate_as_datetime(cell.value, book.datemode)
        return moment.time() if cell.value < 1 else moment
    return cell.value


def text(value: object) -> str:
    """Return another reader's value as `headgate read` prints it."""
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
        case dt.datetime():
            day = value.date().isoformat()
            return day if value.time() == dt.time() else f"{day}T{clock(value.time())}"
        case dt.time():
            return clock(value)
        case dt.timedelta():
            return duration(round(value.total_seconds() * 1000))
    return str(value)


def clock(moment: dt.time) -> str:
    milliseconds = round(moment.microsecond / 1000)
    whole = f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}"
    return f"{whole}.{milliseconds:03d}".rstrip("0") if milliseconds else whole


def duration(milliseconds: int) -> str:
    sign = "-" if milliseconds < 0 else ""
    seconds, rest = divmod(abs(milliseconds), 1000)
    whole = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{whole}.{rest:03d}".rstrip("0") if rest else whole


@pytest.mark.parametrize("name", sorted(OTHERS_FAIL))
def test_what_others_fail_on_is_read_here(corpus: Path, name: str) -> None:
    [path] = corpus.glob(f"*/{name}")
    assert any(value for _, value in cells(path)), f"nothing was read of {name}"
