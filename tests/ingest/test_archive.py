"""Zips of workbooks: told from workbooks, named in their language, held to limits, and nothing led out of them."""

from __future__ import annotations

import random
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
import xlsxwriter

from ingest.archive import list_members, unpack_member
from ingest.errors import FileRejectedError
from ingest.spec.archive import ArchiveLimits

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = ArchiveLimits(members=5, total_bytes=8 << 20, ratio=100)


def archive(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def named(path: Path, raw: bytes) -> Path:
    """Write an archive whose only file has a name in these bytes, without a word of their encoding."""
    placeholder = b"x" * len(raw)
    archive(path, **{placeholder.decode(): b"1"})
    path.write_bytes(path.read_bytes().replace(placeholder, raw))
    return path


def names(path: Path) -> list[str]:
    found = list_members(path, LIMITS)
    assert found is not None
    return [member.name for member in found]


def code_of(path: Path, limits: ArchiveLimits = LIMITS) -> str:
    with pytest.raises(FileRejectedError) as error:
        list_members(path, limits)
    return error.value.record.code


def test_files_are_listed_and_come_out_as_they_went_in(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", **{"2019/": b"", "2019/a.csv": b"a,b\n1,2\n", "订单.csv": b"x" * 5000})
    members = list_members(path, LIMITS)
    assert members is not None
    assert [(member.name, member.size_bytes) for member in members] == [("2019/a.csv", 8), ("订单.csv", 5000)]
    for member, content in zip(members, (b"a,b\n1,2\n", b"x" * 5000), strict=True):
        unpack_member(path, member.index, tmp_path / str(member.index))
        assert (tmp_path / str(member.index)).read_bytes() == content


def test_a_workbook_is_no_archive(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "book.zip") as book:
        book.add_worksheet().write(0, 0, "x")
    assert list_members(tmp_path / "book.zip", LIMITS) is None
    ods = archive(tmp_path / "ods", mimetype=b"application/vnd.oasis.opendocument.spreadsheet")
    assert list_members(ods, LIMITS) is None
    late = archive(tmp_path / "late", **{"a.txt": b"", "xl/workbook.xml": b"<x/>"})
    assert list_members(late, LIMITS) is None
    (tmp_path / "text").write_text("PK is how a text may begin")
    assert list_members(tmp_path / "text", LIMITS) is None
    holds = archive(tmp_path / "holds.xlsx", **{"book.xlsx": (tmp_path / "book.zip").read_bytes()})
    assert names(holds) == ["book.xlsx"], "the name of the archive says nothing"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("订单2019.csv".encode("gbk"), "订单2019.csv"),
        ("订单.csv".encode(), "订单.csv"),
        ("Müller Größe.csv".encode("cp437"), "Müller Größe.csv"),
        ("¿año?.csv".encode("cp437"), "¿año?.csv"),
        ("ÄÖÜ äöü é è à ñ.csv".encode("cp437"), "ÄÖÜ äöü é è à ñ.csv"),
        (b"plain.csv", "plain.csv"),
        # Letters that came with GBK only: of names, and the simplified form of traditional ones.
        ("订单_王喆.csv".encode("gbk"), "订单_王喆.csv"),
        ("朱镕基/李瑄/订单.csv".encode("gbk"), "朱镕基/李瑄/订单.csv"),
        ("订单\\四月.csv".encode("gbk"), "订单/四月.csv"),
        ("Menü\\a.csv".encode("cp437"), "Menü/a.csv"),
    ],
)
def test_names_are_read_in_the_language_that_they_were_written_in(tmp_path: Path, raw: bytes, name: str) -> None:
    assert names(named(tmp_path / "a.zip", raw)) == [name]


@pytest.mark.parametrize("raw", ["注文ソ.csv".encode("cp932"), "訂單許.csv".encode("big5")])
def test_half_of_a_letter_is_no_separator(tmp_path: Path, raw: bytes) -> None:
    """Which letters they are is not known; what is left behind the half would be a name that is left alone."""
    assert raw.endswith(b"\\.csv")
    (name,) = names(named(tmp_path / "a.zip", raw))
    assert "/" not in name
    assert name.endswith(".csv")
    assert not name.startswith(".")


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a\\..\\b.csv", "a/b.csv"),
        ("./a//b.csv", "a/b.csv"),
        ("../..", "file"),
    ],
)
def test_no_name_leads_out_of_the_archive(tmp_path: Path, given: str, clean: str) -> None:
    assert names(archive(tmp_path / "a.zip", **{given: b"1"})) == [clean]


def test_bombs_are_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    assert code_of(archive(tmp_path / "many", **{str(number): b"1" for number in range(6)})) == "file.bomb"
    assert code_of(archive(tmp_path / "large", a=random.Random(1).randbytes(5 << 20), b=bytes(4 << 20))) == "file.bomb"
    assert code_of(archive(tmp_path / "ratio", a=bytes(2 << 20))) == "file.bomb"
    # Two entries of the directory lead to the same bytes.
    noise = random.Random(2).randbytes(100_000)
    whole = archive(tmp_path / "overlap", aaaa=noise, bbbb=noise).read_bytes()
    entry = whole.index(b"PK\x01\x02")
    second = whole.index(b"PK\x03\x04", 1000)
    directory, end = whole[entry : whole.index(b"PK\x05\x06")], whole[whole.index(b"PK\x05\x06") :]
    other = directory.index(b"PK\x01\x02", 4)
    doubled = directory[:other] + directory[other : other + 42] + struct.pack("<I", 0) + directory[other + 46 :]
    moved = end[:16] + struct.pack("<I", second) + end[20:]
    (tmp_path / "overlap").write_bytes(whole[:second] + doubled + moved)
    assert code_of(tmp_path / "overlap") == "file.bomb"


def test_a_file_that_is_larger_than_it_is_said_to_be_is_cut_off(tmp_path: Path) -> None:
    path = archive(tmp_path / "liar", a=bytes(3 << 20))
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 3 << 20), struct.pack("<I", 1000)))
    members = list_members(path, LIMITS)
    assert members is not None
    with pytest.raises(FileRejectedError) as error:
        unpack_member(path, 0, tmp_path / "out")
    assert error.value.record.code == "file.bomb"
    assert (tmp_path / "out").stat().st_size <= 1 << 20


def test_what_is_damaged_encrypted_or_empty_is_told(tmp_path: Path) -> None:
    whole = archive(tmp_path / "whole", a=random.Random(1).randbytes(100_000)).read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-200])
    assert code_of(tmp_path / "cut") == "file.truncated"
    assert code_of(archive(tmp_path / "empty", **{"folder/": b""})) == "file.empty"
    with zipfile.ZipFile(tmp_path / "lzma", "w", zipfile.ZIP_LZMA) as made:
        made.writestr("a.csv", b"1")
    assert code_of(tmp_path / "lzma") == "file.corrupt_container"
    locked = bytearray(whole)
    locked[whole.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked").write_bytes(locked)
    assert code_of(tmp_path / "locked") == "file.encrypted"
    (tmp_path / "wrong").write_bytes(whole[:5000] + b"\0" * 100 + whole[5100:])
    with pytest.raises(FileRejectedError) as error:
        unpack_member(tmp_path / "wrong", 0, tmp_path / "out")
    assert error.value.record.code == "file.corrupt_container"


def end_of(path: Path, folder: Path) -> str:
    """Take all files out of an archive; return the code of what refuses it, if anything does."""
    try:
        for number, member in enumerate(list_members(path, LIMITS) or ()):
            assert ".." not in member.name.split("/")
            unpack_member(path, member.index, folder / str(number))
    except FileRejectedError as error:
        return error.record.code
    return "taken out"


@pytest.mark.parametrize("seed", range(200))
def test_whatever_the_bytes_it_ends_in_an_answer(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(archive(tmp_path / "a", **{f"{n}.csv": chance.randbytes(300) for n in range(3)}).read_bytes())
    for _ in range(chance.randrange(1, 12)):
        content[chance.randrange(4, len(content))] = chance.randrange(256)
    path = tmp_path / "damaged"
    path.write_bytes(content)
    end = end_of(path, tmp_path)
    assert end == "taken out" or end.startswith("file."), end
