"""What a file's last bytes say of whether it is whole, and how long it is waited for then."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
import xlwt

from daemon.intake.folder_notify import Seen
from daemon.intake.wholeness import End, Patience, end_of, ends_within

PATIENCE = Patience(scan=1.0, settle=10.0, unfinished=300.0)


def end(path: Path, content: bytes) -> End:
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = end_of(descriptor, len(content))
        return End.DOUBTED if found is End.OPEN and is_within(descriptor) else found
    finally:
        os.close(descriptor)


def is_within(descriptor: int) -> bool:
    """Read to the end."""
    pieces = ends_within(descriptor)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return bool(end.value)


def zipped(comment: bytes = b"", entries: int = 3) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(entries):
            archive.writestr(f"{number}.xml", os.urandom(2000).hex())
        archive.comment = comment
    return out.getvalue()


def compound(rows: int) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("one")
    for number in range(rows):
        sheet.write(number, 0, f"value {number}")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("comment", [b"", b"a comment", bytes(60_000)])
def test_a_zip_file_ends_with_its_record_wherever_it_is_cut(tmp_path: Path, comment: bytes) -> None:
    whole = zipped(comment)
    assert end(tmp_path / "a", whole) is End.PROVEN
    for cut in range(4, len(whole) - len(comment) - 1, 97):
        assert end(tmp_path / "a", whole[:cut]) is End.MISSING, cut


def test_a_zip_file_whose_room_was_taken_before_is_not_whole(tmp_path: Path) -> None:
    whole = zipped()
    for written in (0, 4, len(whole) // 2, len(whole) - 100):
        assert end(tmp_path / "a", whole[:written].ljust(len(whole), b"\0")) is End.MISSING, written
    hole = len(whole) - 300
    assert end(tmp_path / "a", bytes(hole) + whole[hole:]) is End.MISSING


@pytest.mark.parametrize("rows", [1, 500, 30_000])
def test_an_old_workbook_has_the_sectors_that_its_table_speaks_of(tmp_path: Path, rows: int) -> None:
    whole = compound(rows)
    assert end(tmp_path / "a", whole) is End.PROVEN
    for cut in (100, len(whole) // 2, len(whole) - 1024):
        assert end(tmp_path / "a", whole[:cut]) is End.MISSING, cut


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"sku,qty\nA,1\n", End.OPEN),
        (b"sku,qty\r\nA,1\r\n\x1a", End.OPEN),
        ("sku,qty\nA,1\n".encode("utf-16-le"), End.OPEN),
        (b"<table><tr><td>1</td></tr></table>", End.OPEN),
        (b"sku,qty\nA,1", End.DOUBTED),
        (b"sku,amount\nA,12", End.DOUBTED),
        (b'sku,qty\n"A\n', End.DOUBTED),
        (b"", End.NOTHING),
        (b"sku,qty\nA,1\n" + bytes(500), End.MISSING),
        (bytes(500), End.MISSING),
    ],
)
def test_a_text_may_end_after_a_line(tmp_path: Path, content: bytes, expected: End) -> None:
    assert end(tmp_path / "a", content) is expected


@pytest.mark.parametrize(
    ("seen", "leased", "ends", "expected"),
    [
        (Seen.RENAMED, None, End.OPEN, 1.0),
        (Seen.RENAMED, True, End.OPEN, 300.0),
        (Seen.RENAMED, None, End.MISSING, 300.0),
        (Seen.CLOSED, None, End.PROVEN, 1.0),
        (Seen.CLOSED, False, End.OPEN, 10.0),
        (Seen.CLOSED, False, End.DOUBTED, 30.0),
        (Seen.NOTHING, False, End.PROVEN, 1.0),
        (Seen.NOTHING, None, End.PROVEN, 10.0),
        (Seen.NOTHING, None, End.OPEN, 10.0),
        (Seen.NOTHING, True, End.PROVEN, 300.0),
        (Seen.WRITING, None, End.OPEN, 300.0),
        (Seen.WRITING, False, End.PROVEN, 300.0),
        (Seen.LINKED, None, End.PROVEN, 10.0),
        (Seen.OPENED, None, End.PROVEN, 300.0),
        (Seen.OPENED, True, End.PROVEN, 300.0),
        (Seen.OPENED, False, End.PROVEN, 1.0),
        (Seen.OPENED, False, End.OPEN, 10.0),
        (Seen.OPENED, False, End.MISSING, 300.0),
        (Seen.OPENED, False, End.NOTHING, 300.0),
        (Seen.CLOSED, False, End.NOTHING, 30.0),
    ],
)
def test_the_less_is_known_the_longer_it_takes(seen: Seen, leased: object, ends: End, expected: float) -> None:
    known = leased if isinstance(leased, bool) else None
    assert PATIENCE.needed(seen=seen, leased=known, end=ends) == expected


def test_a_file_is_near_when_it_waits_for_two_more_looks() -> None:
    assert [PATIENCE.is_near(left) for left in (10.0, 2.1, 2.0, -5.0)] == [False, False, True, True]
