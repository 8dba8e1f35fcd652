"""The shared spool: what one daemon has put there another takes, whole or not at all, and nothing stays for ever."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import pytest
from storage_servers import Place, s3_place

from daemon.config.settings import SpoolSettings
from daemon.errors import FileLostError, SpoolAwayError, StartupError, StorageError
from daemon.spool import shared
from daemon.spool.shared import SharedSpool
from daemon.spool.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from daemon.spool.upload import Received

LIMIT = 1 << 20


@pytest.fixture
def spool_of(place: Place, tmp_path: Path) -> Iterator[Callable[[str], Spool]]:
    """Make the spool of a daemon on a machine of its own."""
    opened: list[Spool] = []

    def make(name: str) -> Spool:
        settings = SpoolSettings(
            url=place.url, options=place.options, credentials_file=place.credentials_file, timeout_seconds=10
        )
        opened.append(Spool(tmp_path / name, name, shared=SharedSpool.of(settings, "ledger")).open())
        shared_of(opened[-1]).identity()
        return opened[-1]

    yield make
    for spool in opened:
        spool.close()
        assert spool.shared is not None
        spool.shared.close()


def shared_of(spool: Spool) -> SharedSpool:
    assert spool.shared is not None
    return spool.shared


def bring(spool: Spool, received: Received) -> Path:
    return spool.bring(received.key, sha256=received.sha256, size_bytes=received.size_bytes)


def test_what_one_has_shared_another_brings(spool_of: Callable[[str], Spool], place: Place) -> None:
    one, other = spool_of("one"), spool_of("other")
    assert shared_of(one).identity() == shared_of(other).identity()
    content = bytes(range(256)) * 4000
    received = one.receive([content], LIMIT)
    assert not any("jobs" in name for name in place.names())
    one.share(received)
    assert bring(other, received).read_bytes() == content
    assert bring(one, received) == one.source(received.key)
    one.see_that_it_has(received.key)
    other.remove(received.key)
    assert place.names() == {"ledger/id"}
    with pytest.raises(FileNotFoundError):
        bring(other, received).open()
    with pytest.raises(FileLostError, match=re.escape(f"not in the spool {place.url}/ledger any more")):
        one.see_that_it_has(received.key)  # a copy is left here; what counts is what every daemon reaches


def test_error_records_of_one_are_handed_back_by_the_other(spool_of: Callable[[str], Spool]) -> None:
    one, other = spool_of("one"), spool_of("other")
    received = one.receive([b"rows"], LIMIT)
    assert other.rejects(received.key) is None
    one.keep_rejects(received.key, "attempt", [{"row": 2}])
    found = other.rejects(received.key)
    assert found is not None
    assert found.read_text() == '{"row": 2}\n'
    other.keep_rejects(received.key, "later", [{"row": 3}])
    found = one.rejects(received.key)
    assert found is not None
    assert found.read_text() == '{"row": 3}\n', "the last attempt is the one that counts"


def test_other_bytes_are_no_file(spool_of: Callable[[str], Spool], place: Place) -> None:
    one, other = spool_of("one"), spool_of("other")
    received = one.receive([b"rows"], LIMIT)
    one.share(received)
    place.put(f"ledger/jobs/{received.key}/source", b"else")
    with pytest.raises(StorageError, match="other bytes"):
        bring(other, received)
    assert not list((other.root / "jobs" / received.key).iterdir()), "half a file is left over"


def test_files_of_nobody_go_at_the_second_look(
    spool_of: Callable[[str], Spool], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look may come between the file and its row in the ledger."""
    spool = spool_of("one")
    shared_of(spool).identity()
    kept, left = (spool.receive([content], LIMIT) for content in (b"kept", b"left"))
    for received in (kept, left):
        spool.share(received)
    monkeypatch.setattr(shared, "UNNEEDED_SECONDS", -1.0)
    assert shared_of(spool).sweep({kept.key, left.key}) == 0
    monkeypatch.setattr(shared, "UNNEEDED_SECONDS", 3600.0)
    assert shared_of(spool).sweep({kept.key}) == 0
    monkeypatch.setattr(shared, "UNNEEDED_SECONDS", -1.0)
    assert shared_of(spool).sweep({kept.key}) == 1
    assert place.names() == {"ledger/id", f"ledger/jobs/{kept.key}/source"}


def test_a_copy_that_still_comes_is_not_swept(spool_of: Callable[[str], Spool]) -> None:
    """A large file over a slow line takes hours, in which its folder stays as it was made."""
    spool = spool_of("one")
    long_ago = time.time() - 7200
    coming, left = spool.upload(LIMIT), spool.receive([b"rows"], LIMIT)
    for path in (spool.root / "jobs").rglob("*"):
        os.utime(path, (long_ago, long_ago))
    coming.write(b"a block")
    [folder] = {one.parent for one in (spool.root / "jobs").glob("*/source.part")}
    os.utime(folder, (long_ago, long_ago))
    assert spool.sweep_shared(set()) == 1
    assert not spool.source(left.key).exists()
    assert spool.source(coming.keep().key).read_bytes() == b"a block"


@pytest.mark.parametrize("place", ["file"], indirect=True)
def test_a_spool_that_is_gone_says_so_until_it_is_back(spool_of: Callable[[str], Spool], place: Place) -> None:
    """As when a mount is gone, of which an empty folder is left: nothing is put there, and no file called lost."""
    spool, other = spool_of("one"), spool_of("other")
    received, later = (spool.receive([content], LIMIT) for content in (b"rows", b"more rows"))
    spool.share(received)
    assert place.folder is not None
    away = place.folder.rename(place.folder.with_name("away"))
    place.folder.mkdir()
    shared_of(spool).look()
    assert "holds no spool" in (spool.trouble() or "")
    for act in (
        lambda: spool.share(later),
        lambda: bring(other, received),
        lambda: spool.see_that_it_has(received.key),
        lambda: spool.rejects(received.key),
    ):
        with pytest.raises(SpoolAwayError, match="holds no spool"):
            act()
    assert place.names() == set()
    assert not list((other.root / "jobs").glob("*/*")), "half a file is left over"
    place.folder.rmdir()
    away.rename(place.folder)
    shared_of(spool).look()
    assert spool.trouble() is None
    spool.share(later)
    assert bring(other, received).read_bytes() == b"rows"


@pytest.mark.parametrize("place", ["file"], indirect=True)
def test_a_spool_that_takes_nothing_says_so_until_it_does(spool_of: Callable[[str], Spool], place: Place) -> None:
    """As a disk that is full or read-only: that it can be read does not make it one that takes files."""
    spool = spool_of("one")
    received = spool.receive([b"rows"], LIMIT)
    assert place.folder is not None
    jobs = place.folder / "ledger" / "jobs"
    jobs.touch()
    with pytest.raises(SpoolAwayError):
        spool.share(received)
    for _ in range(2):
        shared_of(spool).look()
        assert "the shared spool fails" in (spool.trouble() or "")
        assert shared_of(spool).known_as() is not None
        assert "the shared spool fails" in (spool.trouble() or "")
    jobs.unlink()
    shared_of(spool).look()
    assert spool.trouble() is None
    assert not [path for path in jobs.rglob("*") if path.is_file()], "what was tried is left"
    spool.share(received)
    assert bring(spool_of("other"), received).read_bytes() == b"rows"


def test_a_storage_that_does_not_answer_is_away(tmp_path: Path) -> None:
    with s3_place(tmp_path) as place:
        settings = SpoolSettings(
            url=place.url, options=place.options, credentials_file=place.credentials_file, timeout_seconds=2
        )
    away = SharedSpool.of(settings, "ledger")
    assert away is not None
    spool = Spool(tmp_path / "one", "one", shared=away).open()
    received = spool.receive([b"rows"], LIMIT)
    with pytest.raises(SpoolAwayError, match="cannot be reached"):
        spool.share(received)
    assert spool.trouble() == away.trouble
    assert spool.source(received.key).exists()
    spool.remove(received.key)
    assert not spool.source(received.key).exists()
    spool.close()


def test_a_url_of_nothing_is_told_at_start() -> None:
    with pytest.raises(StartupError, match="no kind of storage"):
        SharedSpool.of(SpoolSettings(url="ftp://somewhere/spool"), "ledger")
