"""The private spool: durable or gone, nobody else's to read, and swept only of what the dead left."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from daemon.errors import (
    FileLostError,
    FileTooLargeError,
    FileUnstableError,
    SpoolAwayError,
    SpoolFullError,
    SpoolUnwritableError,
    StartupError,
)
from daemon.spool.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 1 << 20


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool", "mine").open()
    yield opened
    opened.close()


def folders(spool: Spool) -> set[str]:
    return {folder.name for folder in (spool.root / "jobs").iterdir()}


def test_received_bytes_lie_under_their_key_and_are_closed_to_others(spool: Spool) -> None:
    received = spool.receive([b"some ", b"bytes"], LIMIT)
    assert (received.size_bytes, received.sha256) == (10, hashlib.sha256(b"some bytes").hexdigest())
    source = spool.source(received.key)
    assert source.read_bytes() == b"some bytes"
    for folder in (spool.root, spool.root / "jobs", source.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    spool.remove(received.key)
    assert folders(spool) == set()


def test_too_many_bytes_leave_nothing(spool: Spool) -> None:
    with pytest.raises(FileTooLargeError):
        spool.receive([b"x" * 600_000, b"x" * 600_000], LIMIT)
    assert folders(spool) == set()


def test_an_error_while_receiving_leaves_nothing(spool: Spool) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        spool.receive(broken(), LIMIT)
    assert folders(spool) == set()


def test_a_full_disk_is_told_as_such(spool: Spool) -> None:
    """A file size limit of the kernel raises the same way on every machine."""
    script = (
        "import resource, signal, sys, pathlib\n"
        "from daemon.spool.spool import Spool\n"
        "from daemon.errors import SpoolFullError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"spool = Spool(pathlib.Path({str(spool.root)!r}), 'other').open()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try:\n"
        "    spool.receive([b'x' * 100000], 1 << 20)\n"
        "except SpoolFullError:\n"
        "    sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 7
    assert folders(spool) == set()
    assert issubclass(SpoolFullError, Exception)


def test_a_spool_that_takes_nothing_is_told_as_such(spool: Spool) -> None:
    """Its folders are gone, or no folders any more: nobody calls the file that was handed in unreadable."""
    jobs = spool.root / "jobs"
    for put_in_place in (lambda: None, jobs.touch):
        jobs.rename(spool.root / "away")
        put_in_place()
        with pytest.raises(SpoolUnwritableError, match=r"^the spool cannot be written: N.*; mend its disk"):
            spool.receive([b"some bytes"], LIMIT)
        jobs.unlink(missing_ok=True)
        (spool.root / "away").rename(jobs)
    spool.receive([b"some bytes"], LIMIT)


def test_a_disk_with_the_spool_that_is_gone_has_lost_no_file(spool: Spool) -> None:
    """What is left of a mount is an empty folder: its jobs wait for it."""
    received = spool.receive([b"some bytes"], LIMIT)
    away = spool.root.rename(spool.root.with_name("away"))
    with pytest.raises(SpoolAwayError, match="is gone"):
        spool.see_that_it_has(received.key)
    away.rename(spool.root)
    spool.see_that_it_has(received.key)
    spool.remove(received.key)
    with pytest.raises(FileLostError):
        spool.see_that_it_has(received.key)


def test_an_upload_that_gets_no_descriptor_leaves_no_folder(spool: Spool) -> None:
    """Nobody would remove it: it is a living daemon's."""
    script = (
        "import errno, os, pathlib, resource, sys\n"
        "from daemon.spool.spool import Spool\n"
        f"spool = Spool(pathlib.Path({str(spool.root)!r}), 'other').open()\n"
        "free = os.dup(0)\n"
        "os.close(free)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))\n"
        "try:\n"
        "    spool.upload(100)\n"
        "except OSError as error:\n"
        "    sys.exit(7 if error.errno == errno.EMFILE else 1)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 7
    assert folders(spool) == set()


def test_files_are_copied_and_links_are_not_followed(spool: Spool, tmp_path: Path) -> None:
    book = tmp_path / "book.xlsx"
    book.write_bytes(b"content")
    assert spool.source(spool.receive_file(book, LIMIT).key).read_bytes() == b"content"
    link = tmp_path / "link.xlsx"
    link.symlink_to(book)
    with pytest.raises(OSError, match=r"symbolic|Too many levels"):
        spool.receive_file(link, LIMIT)
    os.mkfifo(tmp_path / "pipe.xlsx")
    with pytest.raises(FileUnstableError):
        spool.receive_file(tmp_path / "pipe.xlsx", LIMIT)
    with pytest.raises(FileTooLargeError):
        spool.receive_file(book, 3)


def test_a_spool_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StartupError, match="state_dir"):
        Spool(tmp_path / "file" / "spool", "mine").open()


def test_a_start_on_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    script = (
        "import pathlib, resource, sys\n"
        "from daemon.errors import StartupError\n"
        "from daemon.spool.spool import Spool\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))\n"
        "try:\n"
        f"    Spool(pathlib.Path({str(tmp_path / 'spool')!r}), 'mine').open()\n"
        "except StartupError:\n"
        "    sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 7
    assert not list((tmp_path / "spool").glob("id*"))


def test_a_stop_needs_no_disk(tmp_path: Path) -> None:
    """One that has failed ends no daemon with a defect."""
    spool = Spool(tmp_path / "spool", "mine").open()
    (spool.root / "daemons").rename(tmp_path / "away")
    (spool.root / "daemons").touch()
    spool.close()


def test_daemons_of_one_spool_share_its_identity(spool: Spool) -> None:
    other = Spool(spool.root, "other").open()
    assert other.id == spool.id
    other.close()


def test_a_living_daemon_is_not_dead_and_a_killed_one_is(spool: Spool) -> None:
    script = (
        "import pathlib, sys, time\n"
        "from daemon.spool.spool import Spool\n"
        f"spool = Spool(pathlib.Path({str(spool.root)!r}), 'victim').open()\n"
        "spool.receive([b'left over'], 100)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert spool.dead_daemons() == ()
        assert spool.ownerless(spool.dead_daemons()) == ()
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close() if process.stdout else None
    assert spool.dead_daemons() == ("victim",)
    (left,) = folders(spool)
    ownerless = spool.ownerless(("victim",))
    assert [folder.name for folder in ownerless] == [left]
    assert spool.sweep(ownerless, {left}, ("victim",)) == 0, "a job needs it"
    assert spool.dead_daemons() == ()
    assert spool.sweep(spool.ownerless(()), set(), ()) == 1, "its owner has no lock any more"
    assert folders(spool) == set()


def test_what_a_daemon_enters_before_it_ends_is_not_swept_by_one_that_starts(spool: Spool) -> None:
    other = Spool(spool.root, "other").open()
    ownerless = spool.ownerless(spool.dead_daemons())
    needed = set[str]()  # as the ledger says before the file is entered
    entered = other.receive([b"orders"], 6)
    other.close()
    assert spool.sweep(ownerless, needed, ()) == 0
    assert entered.key in folders(spool)


def test_files_of_other_ledgers_are_counted_where_no_daemon_of_theirs_lives(tmp_path: Path) -> None:
    """A database that was made anew has another ledger, which knows nothing of what the lost one had acknowledged."""
    theirs = Spool(tmp_path / "lost", "one").open()
    assert theirs.is_new
    theirs.receive([b"bytes"], LIMIT)
    theirs.upload(LIMIT)
    Spool(tmp_path / "empty", "two").open().close()
    mine = Spool(tmp_path / "mine", "three").open()
    mine.receive([b"bytes"], LIMIT)
    assert mine.left_by_other_ledgers() == {}, "a daemon of the other ledger lives"
    theirs.close()
    assert mine.left_by_other_ledgers() == {tmp_path / "lost": 1}
    mine.close()
    assert not Spool(tmp_path / "mine", "four").open().is_new
