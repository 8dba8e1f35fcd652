"""xls workbooks: dates by their formats, other kinds of values, and the password that Excel tries by itself."""

from __future__ import annotations

import datetime as dt
import errno
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import xlwt
from msoffcrypto.format.ooxml import OOXMLFile
from shown import grid

from ingest.errors import FileRejectedError, rejected
from ingest.formats.xls import xlrd_book
from ingest.output.grid import read_sheets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def written(path: Path, cells: list[tuple[Any, str]], *, date1904: bool = False) -> Path:
    """Write values with their formats, one below the other."""
    book = xlwt.Workbook()
    book.dates_1904 = date1904
    page = book.add_sheet("S")
    for row, (value, form) in enumerate(cells):
        page.write(row, 0, value, xlwt.easyxf(num_format_str=form))
    book.save(path)
    return path


VALUES = [
    (45351, "yyyy-mm-dd", "2024-02-29"),
    (45351.5, "d/m/yy h:mm", "2024-02-29T12:00:00"),
    (0.25, "h:mm", "06:00:00"),
    (1.5, "[h]:mm", "36:00:00"),
    (1.5, "[h]", "36:00:00"),
    (60, "d/m/yy", "1900-02-29"),
    (1.5, '0.0 "days"', "1.5"),
    (1.5, "[Red]0.00", "1.5"),
    (1.5, "General", "1.5"),
    (-12, '_(* #,##0_);_(* (#,##0);_(* "-"_)', "-12"),
    (45351, 'yyyy"年"m"月"d"日"', "2024-02-29"),
    (True, "General", "TRUE"),
    (" text ", "@", " text "),
    ("中文\nzwei", "General", "中文\nzwei"),
]


def test_values_by_their_formats(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xls", [(value, form) for value, form, _ in VALUES])
    assert grid(path) == [[shown] for _, _, shown in VALUES]


def test_the_1904_system(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xls", [(dt.date(2024, 2, 29), "d/m/yy"), (0, "d/m/yy")], date1904=True)
    assert grid(path) == [["2024-02-29"], ["1904-01-01"]]


def test_damaged_formats_cost_no_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "x.xls", [(45351, "yyyy-mm-dd"), (0.25, "h:mm"), (45351.5, "d/m/yy h:mm"), (7, "0")])
    opened = xlrd_book._opened

    def refuse_formats(path: Path, *, formats: bool) -> Any:
        if formats:
            raise rejected("file.corrupt_container", "a format is damaged")
        return opened(path, formats=formats)

    monkeypatch.setattr(xlrd_book, "_opened", refuse_formats)
    assert grid(path) == [["2024-02-29"], ["06:00:00"], ["2024-02-29T12:00:00"], ["7"]]


@pytest.mark.parametrize("shift", range(4))
def test_a_sheet_with_a_hole_is_no_shorter_one(tmp_path: Path, shift: int) -> None:
    path = written(tmp_path / "x.xls", [(row + 1 / 3, "General") for row in range(2000)])
    content = path.read_bytes()
    place = content.rindex(struct.pack("<HHHH", 0x203, 14, 1500, 0)) + shift
    # As a copy has it that was not finished.
    path.write_bytes(content[:place] + bytes(512) + content[place + 512 :])
    with pytest.raises(FileRejectedError, match="S is damaged"):
        grid(path)


def test_a_text_that_is_not_there_is_no_empty_cell(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xls", [("one", "General"), ("two", "General")])
    content = path.read_bytes()
    place = content.rindex(struct.pack("<HHHH", 0xFD, 10, 1, 0)) + 10
    path.write_bytes(content[:place] + struct.pack("<I", 7) + content[place + 4 :])
    with pytest.raises(FileRejectedError, match="S refers to a shared string that is not there"):
        grid(path)


def test_a_sheet_without_an_end_is_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xls", [(1 / 3, "General"), (2 / 3, "General")])
    content = path.read_bytes()
    place = content.index(struct.pack("<HHHH", 0x203, 14, 1, 0)) + 18
    # What follows claims more bytes than there are.
    path.write_bytes(content[:place] + struct.pack("<HH", 0x203, 0xFFFF) + content[place + 4 :])
    with pytest.raises(FileRejectedError, match=r"file\.truncated.*S ends in the middle of its rows"):
        grid(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_a_document_without_its_end_is_cut(tmp_path: Path, share: float) -> None:
    path = written(tmp_path / "x.xls", [(row, "General") for row in range(2000)])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FileRejectedError, match=r"file\.truncated"):
        read_sheets(path)


def encrypted(path: Path, password: str) -> Path:
    target = path.with_name(f"encrypted-{path.name}")
    with path.open("rb") as plain, target.open("wb") as out:
        OOXMLFile(plain).encrypt(password, out)
    return target


def test_excels_own_password_opens_a_workbook(workbook: Callable[..., Path]) -> None:
    path = encrypted(workbook([["no", "x"], ["A1", 1]]), "VelvetSweatshop")
    assert grid(path) == [["no", "x"], ["A1", "1"]]


def test_any_other_password_does_not(workbook: Callable[..., Path]) -> None:
    path = encrypted(workbook([["no"]]), "secret")
    with pytest.raises(FileRejectedError) as caught:
        read_sheets(path)
    assert caught.value.record.code == "file.encrypted"


def test_no_room_for_its_plain_copy_is_nobodys_fault(workbook: Callable[..., Path]) -> None:
    """A limit of the kernel lets the process write as little as full disks do, into every temporary folder."""
    path = encrypted(workbook([["no"]]), "VelvetSweatshop")
    script = (
        "import pathlib, resource, sys\n"
        "from ingest.formats.zip.unlock import unlocked\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try:\n"
        f"    with unlocked(pathlib.Path({str(path)!r})):\n"
        "        pass\n"
        "except OSError as error:\n"
        "    sys.exit(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert done.returncode == errno.ENOSPC


def test_an_xls_protected_from_changes_only(corpus: Path) -> None:
    assert [sheet.name for sheet in read_sheets(corpus / "calamine" / "issue_385.xls")]
