"""xlsb workbooks: every record that holds a cell, the list of sheets, styles, and damage."""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from shown import code, grid
from xlsb_records import cell, real, record, rk, row, short, wide

from ingest.errors import FileRejectedError
from ingest.formats.open import open_book
from ingest.formats.zip.container import sniff
from ingest.output.grid import read_sheets
from ingest.spec.dataset import FileLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Xlsb = Callable[..., Path]

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


FORMATS = [0, 14, 22, 46, 164, 165]
STYLES = (
    record(44, struct.pack("<H", 164) + wide('yyyy"年"m"月"'))
    + record(44, struct.pack("<H", 165) + wide('0.0 "days"'))
    + record(626)
    + record(47, struct.pack("<HH", 0xFFFF, 14) + bytes(12))
    + record(627)
    + record(617)
    + b"".join(record(47, struct.pack("<HH", 0, number) + bytes(12)) for number in FORMATS)
    + record(618)
)
STRINGS = record(159, bytes(8)) + record(19, b"\0" + wide("zero")) + record(19, b"\1" + wide("rich") + bytes(8))


@pytest.fixture
def xlsb(tmp_path: Path) -> Xlsb:
    def write(*sheets: bytes, date1904: bool = False, kind: str = "worksheet") -> Path:
        path = tmp_path / "x.xlsb"
        listed = b"".join(
            record(156, struct.pack("<II", number % 3, number + 1) + wide(f"r{number}") + wide(f"Sheet {number}"))
            for number in range(len(sheets))
        )
        targets = "".join(
            f'<Relationship Id="r{number}" Type="{RELATIONS}/{kind}" Target="worksheets/s{number}.bin"/>'
            for number in range(len(sheets))
        )
        parts: dict[str, bytes | str] = {
            "[Content_Types].xml": "<Types/>",
            "xl/workbook.bin": record(131)
            + record(153, struct.pack("<I", int(date1904)) + bytes(4))
            + listed
            + record(132),
            "xl/_rels/workbook.bin.rels": f"<Relationships>{targets}"
            f'<Relationship Id="a" Type="{RELATIONS}/styles" Target="styles.bin"/>'
            f'<Relationship Id="b" Type="{RELATIONS}/sharedStrings" Target="/xl/strings.bin"/></Relationships>',
            "xl/styles.bin": STYLES,
            "xl/strings.bin": STRINGS,
            **{f"xl/worksheets/s{number}.bin": sheet for number, sheet in enumerate(sheets)},
        }
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return path

    return write


CELLS = [
    (cell(1, 0), ""),
    (cell(2, 0, rk(-5)), "-5"),
    (cell(2, 0, rk(1234, hundredth=True)), "12.34"),
    (cell(2, 0, struct.pack("<d", 1.5)[4:]), "1.5"),
    (cell(3, 0, b"\x2a"), "#N/A"),
    (cell(4, 0, b"\1"), "TRUE"),
    (cell(5, 0, real(0.1)), "0.1"),
    (cell(5, 0, real(123456789012345680.0)), "1.2345678901234568e+17"),
    (cell(6, 0, wide("in place")), "in place"),
    (cell(7, 0, struct.pack("<I", 1)), "rich"),
    (cell(8, 0, wide("of a formula") + bytes(10)), "of a formula"),
    (cell(9, 0, real(3) + bytes(10)), "3"),
    (cell(10, 0, b"\0" + bytes(10)), "FALSE"),
    (cell(11, 0, b"\x07" + bytes(10)), "#DIV/0!"),
    (cell(62, 0, b"\1" + wide("rich in place") + bytes(8)), "rich in place"),
    (short(12), ""),
    (short(13, rk(7)), "7"),
    (short(14, b"\x0f"), "#VALUE!"),
    (short(15, b"\1"), "TRUE"),
    (short(16, real(2.5)), "2.5"),
    (short(17, wide("short")), "short"),
    (short(18, struct.pack("<I", 0)), "zero"),
]


@pytest.mark.parametrize(("content", "shown"), CELLS)
def test_every_record_of_a_cell(xlsb: Xlsb, content: bytes, shown: str) -> None:
    sheet = record(145) + row(0) + content + cell(5, 2, real(9)) + row(4) + short(13, rk(1)) + short(13, rk(2))
    assert grid(xlsb(sheet + record(146))) == [[shown, "", "9"], *[[""] * 3] * 3, ["1", "2", ""]]


def test_a_sheet_that_breaks_off_between_two_rows_is_no_shorter_one(xlsb: Xlsb) -> None:
    rows = row(0) + cell(5, 0, real(1)) + row(1) + cell(5, 0, real(2))
    assert grid(xlsb(record(145) + rows + record(146))) == [["1"], ["2"]]
    for sheet in (record(145) + rows, record(145)):
        with pytest.raises(FileRejectedError, match=r"file\.truncated.*ends in the middle of its rows"):
            grid(xlsb(sheet))


@pytest.mark.parametrize(
    ("style", "serial", "shown"),
    [
        (1, 61, "1900-03-01"),
        (1, 45351.5, "2024-02-29T12:00:00"),
        (2, 45351, "2024-02-29T00:00:00"),
        (3, 1.5, "36:00:00"),
        (4, 45351, "2024-02-29"),
        (5, 45351, "45351"),
        (9, 1, "1"),
    ],
)
def test_styles_tell_dates(xlsb: Xlsb, style: int, serial: float, shown: str) -> None:
    assert grid(xlsb(row(0) + cell(5, 0, real(serial), style))) == [[shown]]
    assert grid(xlsb(row(0) + short(16, real(serial), style))) == [[shown]]


def test_the_1904_system(xlsb: Xlsb) -> None:
    assert grid(xlsb(row(0) + cell(2, 0, rk(0), 1), date1904=True)) == [["1904-01-01"]]


def test_sheets_merges_and_places(xlsb: Xlsb) -> None:
    merge = record(176, struct.pack("<4I", 2, 5, 0, 1))
    path = xlsb(row(2) + cell(2, 0, rk(1)) + merge, b"", row(0) + cell(2, 3, rk(1)))
    assert [(sheet.name, sheet.visibility, sheet.rows, sheet.columns) for sheet in read_sheets(path)] == [
        ("Sheet 0", "visible", 3, 1),
        ("Sheet 1", "hidden", 0, 0),
        ("Sheet 2", "veryhidden", 1, 4),
    ]
    with open_book(path, sniff(path, FileLimits()), FileLimits()) as book:
        [found] = book.read(0).merges
    assert (found.top, found.bottom, found.left, found.right) == (2, 5, 0, 1)


def test_other_sheets_are_passed_over(xlsb: Xlsb) -> None:
    assert read_sheets(xlsb(row(0), kind="chartsheet")) == ()


@pytest.mark.parametrize(
    ("sheet", "expected"),
    [
        (row(0) + cell(7, 0, struct.pack("<I", 99)), "file.corrupt_container"),
        (row(0) + cell(6, 0, struct.pack("<I", 99)), "file.corrupt_container"),
        (row(0) + cell(5, 0, real(1))[:-1], "file.corrupt_container"),
        (row(0) + b"\x85", "file.corrupt_container"),
        (row(2_000_000) + cell(2, 0, rk(1)), "file.corrupt_xml"),
        (row(0) + cell(2, 0, rk(1)) + row(1_048_575) + cell(2, 16_383, rk(1)), "file.cell_limit"),
    ],
)
def test_damaged_and_hostile_sheets(xlsb: Xlsb, sheet: bytes, expected: str) -> None:
    assert code(xlsb(sheet)) == expected
