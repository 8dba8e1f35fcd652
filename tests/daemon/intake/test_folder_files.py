"""What a scan of a watched folder sees, what is opened and moved below it, and that no link leads out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.config.intake_settings import IGNORED
from daemon.intake.folder_files import (
    Ignored,
    Listing,
    is_being_written,
    is_there,
    move,
    opened,
    place_of,
    remove_marker,
    write_beside,
)
from daemon.intake.folder_files import list_files as list_folder

ASK = """
import json, pathlib, sys
from daemon.intake.folder_files import Ignored, list_files
found = list_files(pathlib.Path(sys.argv[1]), recursive=True, ignored=Ignored(()))
print(json.dumps([list(found.files), found.unread]))
"""


def list_files(folder: Path, *, recursive: bool = True, skip: tuple[str, ...] = ()) -> Listing:
    return list_folder(folder, recursive=recursive, ignored=Ignored(IGNORED), skip=skip)


def seen(folder: Path, *, recursive: bool = True, skip: tuple[str, ...] = ()) -> list[str]:
    return list(list_files(folder, recursive=recursive, skip=skip).files)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.xlsx").write_bytes(b"secret")
    return folder


def test_a_scan_sees_regular_files_and_leaves_unfinished_ones_alone(inbox: Path, outside: Path) -> None:
    (inbox / "2026" / "11").mkdir(parents=True)
    (inbox / ".sync").mkdir()
    names = (
        "a.xlsx",
        "~$a.xlsx",
        "b.xlsx.part",
        "c.tmp",
        ".hidden.xlsx",
        "2026/d.xlsx",
        "2026/11/e.xls",
        ".sync/f.xls",
    )
    for name in names:
        (inbox / name).write_bytes(b"x")
    (inbox / "link.xlsx").symlink_to(outside / "secret.xlsx")
    (inbox / "linked").symlink_to(outside)
    os.mkfifo(inbox / "pipe.xlsx")
    assert seen(inbox) == ["a.xlsx", "2026/d.xlsx", "2026/11/e.xls"]
    assert seen(inbox, recursive=False) == ["a.xlsx"]
    assert list(list_files(inbox, recursive=True).folders) == [inbox, inbox / "2026", inbox / "2026" / "11"]


@pytest.mark.parametrize(
    "name",
    [
        *("a.xlsx.filepart", "a.xlsx.PARTIAL", "a.xlsx.Tmp", "a.xlsx.crdownload", "a.xlsx.download", "a.opdownload"),
        *("a.xlsx.part", ".a.xlsx.swp", "a.swp", "~$a.xlsx", "Thumbs.db", "THUMBS.DB", "Desktop.ini", ".DS_Store"),
        *(".~lock.a.xlsx#", "a.lock", "a.xlsx~", "#a.csv#"),
    ],
)
def test_unfinished_and_foreign_names_are_left_alone_in_any_case(inbox: Path, name: str) -> None:
    (inbox / name).write_bytes(b"x")
    (inbox / "partial.tmp.xlsx").write_bytes(b"x")
    (inbox / "a.xlsx.download.d").mkdir()
    (inbox / "a.xlsx.d.download").mkdir()
    (inbox / "a.xlsx.d.download" / "a.xlsx").write_bytes(b"x")
    assert seen(inbox) == ["partial.tmp.xlsx"]


@pytest.mark.parametrize("name", ["$RECYCLE.BIN", "#recycle", "@Recycle", "@eaDir", "lost+found", ".Trash-1000"])
def test_what_was_deleted_comes_in_no_more(inbox: Path, name: str) -> None:
    for folder in (inbox / name, inbox / "2026" / name.lower()):
        folder.mkdir(parents=True)
        (folder / "a.xlsx").write_bytes(b"x")
    (inbox / "recycle.xlsx").write_bytes(b"x")
    assert seen(inbox) == ["recycle.xlsx"]


def test_the_list_of_ignored_names_can_be_another(inbox: Path) -> None:
    for name in ("a.NEW", "b.tmp", "new"):
        (inbox / name).write_bytes(b"x")
    assert list(list_folder(inbox, recursive=True, ignored=Ignored(["*.new"])).files) == ["b.tmp", "new"]
    assert len(list_folder(inbox, recursive=True, ignored=Ignored([])).files) == 3


def test_a_folder_that_is_one_no_more_cannot_be_read(inbox: Path, outside: Path) -> None:
    inbox.rmdir()
    with pytest.raises(FileNotFoundError):
        seen(inbox)
    inbox.write_bytes(b"x")
    with pytest.raises(NotADirectoryError, match="inbox"):
        seen(inbox)
    inbox.unlink()
    inbox.symlink_to(outside)
    with pytest.raises(OSError, match="a link by now: restart Headgate"):
        seen(inbox)


def test_folders_are_skipped_at_the_top_only(inbox: Path) -> None:
    for folder in ("done", "x/done"):
        (inbox / folder).mkdir(parents=True)
        (inbox / folder / "a.xlsx").write_bytes(b"x")
    assert seen(inbox, skip=("done",)) == ["x/done/a.xlsx"]


def test_a_change_of_content_or_of_the_file_itself_changes_the_stamp(inbox: Path) -> None:
    book = inbox / "a.xlsx"
    book.write_bytes(b"one")
    first = list_files(inbox, recursive=True).files["a.xlsx"]
    assert list_files(inbox, recursive=True).files["a.xlsx"] == first
    os.utime(book, ns=(1, 1))
    second = list_files(inbox, recursive=True).files["a.xlsx"]
    assert second != first
    other = inbox / "other.part"
    other.write_bytes(b"one")
    os.utime(other, ns=(1, 1))
    other.rename(book)
    assert list_files(inbox, recursive=True).files["a.xlsx"] != second


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give capabilities away")
def test_what_cannot_be_looked_at_is_told_by_its_path(inbox: Path) -> None:
    (inbox / "a" / "locked").mkdir(parents=True)
    (inbox / "a" / "locked" / "orders.xlsx").write_bytes(b"x")
    (inbox / "named").mkdir()
    (inbox / "named" / os.fsdecode(b"orders-\xff.xlsx")).write_bytes(b"x")
    (inbox / "b.xlsx").write_bytes(b"x")
    (inbox / "a" / "locked").chmod(0)
    (inbox / "named").chmod(0o400)
    (inbox / "link").symlink_to(inbox / "a" / "locked")
    bounded = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    asked = subprocess.run([*bounded, sys.executable, "-c", ASK, inbox], capture_output=True, check=True, timeout=60)
    files, unread = json.loads(asked.stdout)
    assert files == ["b.xlsx"]
    assert unread == dict.fromkeys((os.fsdecode(b"named/orders-\xff.xlsx"), "a/locked"), "Permission denied")


def test_a_folder_that_is_gone_is_empty(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list_files(tmp_path / "gone", recursive=True)


@pytest.mark.parametrize("name", ["link.xlsx", "linked/secret.xlsx", "../outside/secret.xlsx"])
def test_nothing_outside_is_opened(inbox: Path, outside: Path, name: str) -> None:
    (inbox / "link.xlsx").symlink_to(outside / "secret.xlsx")
    (inbox / "linked").symlink_to(outside)
    if name.startswith(".."):
        assert name not in seen(inbox)  # names come from listings, and those never go up
        return
    with pytest.raises(OSError, match=r"symbolic|directory"), opened(inbox, name):
        pass


def test_a_writer_is_noticed(inbox: Path) -> None:
    book = inbox / "a.xlsx"
    with book.open("wb") as writer:
        writer.write(b"half")
        with opened(inbox, "a.xlsx") as descriptor:
            assert is_being_written(descriptor)
    with opened(inbox, "a.xlsx") as descriptor:
        assert is_being_written(descriptor) is False


def test_a_move_overwrites_nothing_and_moves_nothing_else(inbox: Path) -> None:
    (inbox / "sub").mkdir()
    for number in (1, 2):
        (inbox / "sub" / "a.xlsx").write_bytes(b"%d" % number)
        stamp = list_files(inbox, recursive=True, skip=("done",)).files["sub/a.xlsx"]
        assert move(inbox, "sub/a.xlsx", stamp, "done", number) == ("done/sub/a.xlsx", "done/sub/a.2.xlsx")[number - 1]
    assert (inbox / "done/sub/a.xlsx").read_bytes() == b"1"
    (inbox / "sub" / "a.xlsx").write_bytes(b"three")
    assert move(inbox, "sub/a.xlsx", stamp, "done", 3) is None  # it is another file by now
    assert (inbox / "sub" / "a.xlsx").read_bytes() == b"three"
    for name in ("a.xlsx", "a.4.xlsx"):
        (inbox / "done" / "sub" / name).touch()
    stamp = list_files(inbox, recursive=True, skip=("done",)).files["sub/a.xlsx"]
    assert move(inbox, "sub/a.xlsx", stamp, "done", 4) == "done/sub/a.4.2.xlsx"
    assert place_of(inbox, "sub/a.xlsx", stamp, "done", 4) == "done/sub/a.4.2.xlsx"


def test_what_is_written_beside_is_whole_and_overwrites_nothing(inbox: Path) -> None:
    for number in (1, 2):
        write_beside(inbox, "rejected/sub/a.xlsx", ".rejects.xlsx", number, b"rows %d" % number)
    (inbox / "rejected/sub/.a.3.rejects.xlsx.part").write_bytes(b"what a kill has left is longer than what comes")
    write_beside(inbox, "rejected/sub/a.xlsx", ".rejects.xlsx", 3, b"rows 3")
    written = {path.name: path.read_bytes() for path in (inbox / "rejected/sub").iterdir()}
    assert written == {
        "a.rejects.xlsx": b"rows 1",
        "a.2.rejects.xlsx": b"rows 2",
        "a.3.rejects.xlsx": b"rows 3",
    }


def test_what_is_written_beside_counts_on_where_its_number_is_taken(inbox: Path) -> None:
    for text in (b"one", b"two", b"three"):
        write_beside(inbox, "rejected/a.xlsx", ".reason.txt", 1, text)
    written = {path.name: path.read_bytes() for path in (inbox / "rejected").iterdir()}
    assert written == {"a.reason.txt": b"one", "a.1.reason.txt": b"two", "a.1.2.reason.txt": b"three"}


@pytest.mark.parametrize("stem", ["订" * 83, "a" * 250, "ä" * 124 + "ab", os.fsdecode(b"\xff" * 250), "1." + "订" * 84])
def test_long_names_are_cut_where_something_is_put_to_them(inbox: Path, stem: str) -> None:
    name = stem if stem.startswith("1.") else f"{stem}.csv"
    for number in (1234567, 1234568, 1234568):
        (inbox / name).write_bytes(b"%d" % number)
        stamp = list_files(inbox, skip=("rejected",)).files[name]
        moved = move(inbox, name, stamp, "rejected", number)
        assert moved is not None
        assert place_of(inbox, name, stamp, "rejected", number) == moved
        write_beside(inbox, moved, ".rejects.xlsx", number, b"rows")
    names = [path.name for path in (inbox / "rejected").iterdir()]
    assert len(names) == 6
    assert sum(found.endswith(".rejects.xlsx") for found in names) == 3
    for found in names:
        kept = found.rstrip("csvrejtlx0123456789.")
        assert kept == stem[: len(kept)], "whole letters"


def test_a_file_of_an_archive_with_a_long_name_is_told_of(inbox: Path) -> None:
    name = f"{'订' * 83}.zip.files/{'表' * 100}.csv"
    (inbox / "a.csv").touch()
    stamp = list_files(inbox).files["a.csv"]
    assert move(inbox, name, stamp, "rejected", 1) is None
    assert not is_there(inbox, name, stamp)
    assert place_of(inbox, name, stamp, "rejected", 1) is None
    write_beside(inbox, f"rejected/{name}", ".reason.txt", 1, b"why")
    [reason] = (inbox / "rejected").rglob("*.txt")
    assert reason.read_bytes() == b"why"


def test_a_marker_goes_with_its_file_and_not_with_the_next(inbox: Path) -> None:
    (inbox / "a.csv.done").touch()
    remove_marker(inbox, "a.csv", ".done")
    assert not (inbox / "a.csv.done").exists()
    remove_marker(inbox, "a.csv", ".done")
    remove_marker(inbox, "gone/a.csv", ".done")
    (inbox / "a.csv").touch()
    (inbox / "a.csv.done").touch()
    remove_marker(inbox, "a.csv", ".done")
    assert (inbox / "a.csv.done").exists()
    later = (inbox / "a.csv.done").stat().st_mtime_ns + 10**9
    os.utime(inbox / "a.csv.done", ns=(0, 0))
    while (inbox / "a.csv").stat().st_mtime_ns <= (inbox / "a.csv.done").stat().st_ctime_ns:
        (inbox / "a.csv").write_bytes(b"the next")
        assert (inbox / "a.csv").stat().st_mtime_ns < later + 10**10
    remove_marker(inbox, "a.csv", ".done")
    assert not (inbox / "a.csv.done").exists()


def test_a_file_that_was_moved_is_found_again(inbox: Path) -> None:
    for number in (1, 2):
        (inbox / "a.xlsx").write_bytes(b"%d" % number)
        stamp = list_files(inbox, skip=("rejected",)).files["a.xlsx"]
        assert place_of(inbox, "a.xlsx", stamp, "rejected", number) is None
        moved = move(inbox, "a.xlsx", stamp, "rejected", number)
        assert place_of(inbox, "a.xlsx", stamp, "rejected", number) == moved


def test_a_target_that_is_a_link_is_not_followed(inbox: Path, outside: Path) -> None:
    (inbox / "a.xlsx").write_bytes(b"x")
    (inbox / "done").symlink_to(outside)
    stamp = list_files(inbox, recursive=True).files["a.xlsx"]
    with pytest.raises(OSError, match=r"symbolic|directory"):
        move(inbox, "a.xlsx", stamp, "done", 1)
    assert [path.name for path in outside.iterdir()] == ["secret.xlsx"]
