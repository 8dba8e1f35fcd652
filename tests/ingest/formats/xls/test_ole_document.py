"""Workbooks in OLE documents that are damaged: what is beside the workbook costs nothing, what is in it is told."""

from __future__ import annotations

import random
import struct
import time
from typing import TYPE_CHECKING

import pytest
import xlwt
from shown import code, grid

from ingest.errors import FileRejectedError
from ingest.formats.xls.ole_document import workbook_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECTOR = 512
SHOWN = [[f"Größe 中文 {row}", f"{row + 0.5}"] for row in range(300)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    book = xlwt.Workbook()
    page = book.add_sheet("S")
    for row, (text, _) in enumerate(SHOWN):
        page.write(row, 0, text)
        page.write(row, 1, row + 0.5)
    book.save(tmp_path / "x.xls")
    return tmp_path / "x.xls"


def put(content: bytearray, place: int, number: int) -> None:
    struct.pack_into("<I", content, place, number)


def table(content: bytes | bytearray) -> int:
    """Return where the first sector of the table of sectors begins."""
    return int((struct.unpack_from("<I", content, 76)[0] + 1) * SECTOR)


def directory(content: bytes | bytearray) -> int:
    return int((struct.unpack_from("<I", content, 48)[0] + 1) * SECTOR)


def a_table_that_is_none(content: bytearray) -> None:
    put(content, 76 + 4 * 50, 0xFFFFFFFD)


def no_root(content: bytearray) -> None:
    content[directory(content) + 66] = 1


def a_short_last_sector(content: bytearray) -> None:
    del content[-100:]


def sectors_of_two_streams(content: bytearray) -> None:
    place = directory(content)
    put(content, place + 116, 0)
    put(content, place + 120, 4096)


@pytest.mark.parametrize("damage", [a_table_that_is_none, no_root, a_short_last_sector, sectors_of_two_streams])
def test_what_is_wrong_beside_the_workbook_costs_nothing(path: Path, damage: Callable[[bytearray], None]) -> None:
    content = bytearray(path.read_bytes())
    damage(content)
    path.write_bytes(content)
    assert workbook_records(path) is not None  # xlrd does not open it
    assert grid(path) == SHOWN


def test_a_sound_document_is_left_to_xlrd(path: Path) -> None:
    assert workbook_records(path) is None


def test_sectors_in_a_circle_are_told_at_once(path: Path) -> None:
    content = bytearray(path.read_bytes())
    put(content, table(content) + 4 * 10, 3)
    path.write_bytes(content)
    begin = time.monotonic()
    with pytest.raises(FileRejectedError, match=r"file\.corrupt_container.*do not lead to its workbook"):
        grid(path)
    assert time.monotonic() - begin < 5


def test_a_document_of_large_sectors(path: Path) -> None:
    content = path.read_bytes()
    stream = content[SECTOR : directory(content)]
    stream = stream.ljust(-(-len(stream) // 4096) * 4096, b"\0")
    count = len(stream) // 4096
    following = [*range(1, count), 0xFFFFFFFE, 0xFFFFFFFE, 0xFFFFFFFD]
    head = bytearray(content[:SECTOR])
    struct.pack_into("<HHHH", head, 26, 4, 0xFFFE, 12, 6)
    put(head, 48, count)
    put(head, 76, count + 1)
    tables = struct.pack(f"<{len(following)}I", *following).ljust(4096, b"\xff")
    entries = content[directory(content) : directory(content) + SECTOR].ljust(4096, b"\0")
    path.write_bytes(bytes(head).ljust(4096, b"\0") + stream + entries + tables)
    assert grid(path) == SHOWN


def test_nothing_is_lost_where_a_document_is_damaged_at_random(path: Path) -> None:
    """Its values are in sectors that stay as they are."""
    content, chance = path.read_bytes(), random.Random(7)
    within = [*range(24, SECTOR), *range(table(content), len(content))]
    for _ in range(60):
        damaged = bytearray(content)
        for place in chance.sample(within, 3):
            damaged[place] = chance.choice((0, 1, 127, 255))
        path.write_bytes(damaged)
        try:
            assert grid(path) == SHOWN
        except FileRejectedError as error:
            assert error.record.code in ("file.corrupt_container", "file.truncated", "file.format_unknown")  # noqa: PT017


def test_a_cell_outside_of_any_sheet_takes_no_memory(path: Path) -> None:
    content = path.read_bytes()
    place = content.rindex(struct.pack("<HHHH", 0x27E, 10, 200, 1)) + 6
    path.write_bytes(content[:place] + b"\xf0\xff" + content[place + 2 :])
    assert code(path) == "file.corrupt_xml"
