"""Workbooks in OLE documents that are damaged: what is beside the workbook costs nothing, what is in it is told."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest
import xlwt
from shown import code, grid
from xlrd.compdoc import SIGNATURE

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
    with pytest.raises(FileRejectedError, match=r"file\.corrupt_container.*do not lead to its workbook"):
        grid(path)


def small(stream: bytes) -> bytearray:
    """Return a document with a workbook of less than 4096 bytes, and with another one in a storage."""
    sectors = stream.ljust(8 * SECTOR, b"\0")
    head = bytearray(SIGNATURE.ljust(SECTOR, b"\0"))
    struct.pack_into("<HHHHH", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    for place, number in ((44, 1), (48, 8), (56, 4096), (60, 9), (64, 1), (68, 0xFFFFFFFE), (76, 10)):
        put(head, place, number)
    head[80:] = b"\xff" * (SECTOR - 80)
    nobody = 0xFFFFFFFF
    entries = (
        entry("Root Entry", 5, (nobody, nobody, 2), (0, 8 * SECTOR)),
        entry("Workbook", 2, (nobody, nobody, nobody), (60, 64)),
        entry("Held", 1, (nobody, 3, 1), (0, 0)),
        entry("Workbook", 2, (nobody, nobody, nobody), (0, len(stream))),
    )
    count = -(-len(stream) // 64)
    following = [*range(1, count), 0xFFFFFFFE, *[nobody] * (60 - count), 0xFFFFFFFE]
    chains = struct.pack("<12I", *range(1, 8), 0xFFFFFFFE, 0xFFFFFFFE, 0xFFFFFFFE, 0xFFFFFFFD, nobody)
    tables = (struct.pack(f"<{len(following)}I", *following), chains)
    return head + sectors + b"".join(entries) + b"".join(part.ljust(SECTOR, b"\xff") for part in tables)


def entry(name: str, kind: int, beside_and_below: tuple[int, int, int], first_and_size: tuple[int, int]) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    places = struct.pack("<HBB3I36x2I4x", len(text), kind, 1, *beside_and_below, *first_and_size)
    return text.ljust(64, b"\0") + places


@pytest.fixture
def tiny(tmp_path: Path) -> bytearray:
    """Return such a document of one cell."""
    book = xlwt.Workbook()
    book.add_sheet("S").write(0, 0, "small")
    book.save(tmp_path / "tiny.xls")
    content = (tmp_path / "tiny.xls").read_bytes()
    end = content.rindex(struct.pack("<HH", 10, 0)) + 4
    return small(content[SECTOR:end])


def test_a_workbook_in_small_sectors_is_that_of_the_document_itself(path: Path, tiny: bytearray) -> None:
    path.write_bytes(tiny)
    assert grid(path) == [["small"]]


def test_small_sectors_in_a_circle_are_told_at_once(path: Path, tiny: bytearray) -> None:
    put(tiny, 10 * SECTOR + 4 * 5, 3)
    path.write_bytes(tiny)
    with pytest.raises(FileRejectedError, match=r"file\.corrupt_container.*do not lead to its workbook"):
        grid(path)


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
