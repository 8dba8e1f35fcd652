"""What a scan of a watched folder sees."""

from __future__ import annotations

import os
from pathlib import Path

from daemon.intake import list_files


def seen(folder: Path, *, recursive: bool = True) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in list_files(folder, recursive=recursive))


def test_a_scan_sees_regular_files_and_leaves_unfinished_ones_alone(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "2026" / "11").mkdir(parents=True)
    names = ("a.xlsx", "~$a.xlsx", "b.xlsx.part", "c.tmp", ".hidden.xlsx", "2026/d.xlsx", "2026/11/e.xls")
    for name in names:
        (inbox / name).write_bytes(b"x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.xlsx").write_bytes(b"x")
    (inbox / "link.xlsx").symlink_to(outside / "secret.xlsx")
    (inbox / "linked").symlink_to(outside)
    os.mkfifo(inbox / "pipe.xlsx")
    assert seen(inbox) == ["2026/11/e.xls", "2026/d.xlsx", "a.xlsx"]
    assert seen(inbox, recursive=False) == ["a.xlsx"]


def test_a_change_of_content_or_of_the_file_itself_changes_the_signature(tmp_path: Path) -> None:
    book = tmp_path / "a.xlsx"
    book.write_bytes(b"one")
    first = list_files(tmp_path, recursive=True)[book]
    assert list_files(tmp_path, recursive=True)[book] == first
    os.utime(book, ns=(1, 1))
    assert list_files(tmp_path, recursive=True)[book] != first
    other = tmp_path / "other.part"
    other.write_bytes(b"one")
    stat = book.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = list_files(tmp_path, recursive=True)[book]
    other.rename(book)
    assert list_files(tmp_path, recursive=True)[book] != second


def test_a_folder_that_vanishes_during_a_scan_is_no_error(tmp_path: Path) -> None:
    assert list_files(tmp_path / "gone", recursive=True) == {}
