"""What is seen of the writers of files, by the kernel's own notifications of real files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.intake.folder_files import Ignored, list_files
from daemon.intake.folder_notify import FolderNotify, Seen
from daemon.machine.mounts import FolderIdentity, identity_of


def named(*folders: Path) -> dict[Path, FolderIdentity]:
    return {folder: identity_of(folder.stat()) for folder in folders}


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[FolderNotify]:
    made = FolderNotify()
    made.use(named(tmp_path))
    yield made
    made.close()


async def test_a_file_is_being_written_until_it_is_closed(watch: FolderNotify, tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb", buffering=0) as writer:
        assert watch.seen(tmp_path, "a.csv") is Seen.OPENED
        (tmp_path / "a.csv").rename(tmp_path / "a.csv~")
        (tmp_path / "a.csv~").rename(tmp_path / "a.csv")
        assert watch.seen(tmp_path, "a.csv") is Seen.OPENED
        writer.write(b"half")
        (tmp_path / "a.csv").read_bytes()
        assert watch.seen(tmp_path, "a.csv") is Seen.WRITING
    assert watch.seen(tmp_path, "a.csv") is Seen.CLOSED
    with (tmp_path / "a.csv").open("ab", buffering=0) as writer:
        assert watch.seen(tmp_path, "a.csv") is Seen.CLOSED
        writer.write(b"more")
        assert watch.seen(tmp_path, "a.csv") is Seen.WRITING
        (tmp_path / "a.csv").rename(tmp_path / "b.csv")
        assert watch.seen(tmp_path, "b.csv") is Seen.WRITING
    assert watch.seen(tmp_path, "a.csv") is Seen.NOTHING


async def test_a_file_is_renamed_or_linked_into_the_folder_whole(watch: FolderNotify, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"whole")
    os.link(outside / "a", tmp_path / "linked.csv")
    assert watch.seen(tmp_path, "linked.csv") is Seen.LINKED
    (tmp_path / "linked.csv").read_bytes()
    assert watch.seen(tmp_path, "linked.csv") is Seen.OPENED, "by a reader, which only its lease tells"
    (outside / "a").rename(tmp_path / "renamed.csv")
    assert watch.seen(tmp_path, "renamed.csv") is Seen.RENAMED
    (tmp_path / "renamed.csv").unlink()
    assert watch.seen(tmp_path, "renamed.csv") is Seen.NOTHING


async def test_what_was_open_before_is_not_known_until_it_is_written_to(tmp_path: Path) -> None:
    watch = FolderNotify()
    with (tmp_path / "a.csv").open("wb", buffering=0) as writer:
        watch.use(named(tmp_path))
        assert watch.seen(tmp_path, "a.csv") is Seen.NOTHING
        writer.write(b"more")
        assert watch.seen(tmp_path, "a.csv") is Seen.WRITING
    watch.close()


async def test_a_change_wakes_and_reading_does_not(watch: FolderNotify, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"whole")
    await asyncio.wait_for(watch.changed.wait(), 5)
    watch.changed.clear()
    (tmp_path / "a.csv").read_bytes()
    list_files(tmp_path, recursive=True, ignored=Ignored(()))
    await asyncio.sleep(0.05)
    watch.seen(tmp_path, "a.csv")
    assert not watch.changed.is_set()
    (tmp_path / "inner").mkdir()
    await asyncio.wait_for(watch.changed.wait(), 5)


async def test_folders_come_and_go(watch: FolderNotify, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    watch.use(named(tmp_path, inner))
    (inner / "a.csv").write_bytes(b"whole")
    assert watch.seen(inner, "a.csv") is Seen.CLOSED
    inner.rename(tmp_path / "other")
    assert watch.seen(inner, "a.csv") is Seen.NOTHING
    other = tmp_path / "other"
    watch.use({**named(tmp_path, other), tmp_path / "never": FolderIdentity(0, 0)})
    assert watch.works
    (other / "b.csv").write_bytes(b"whole")
    assert watch.seen(other, "b.csv") is Seen.CLOSED


async def test_a_folder_in_the_place_of_another_is_watched_anew(watch: FolderNotify, tmp_path: Path) -> None:
    """The kernel goes on telling of the folder that was there before, and calls it by the same name."""
    inner = tmp_path / "inner"
    inner.mkdir()
    watch.use(named(tmp_path, inner))
    watch.seen(inner, "")
    (tmp_path / "new").mkdir()
    inner.rename(tmp_path / "old")
    (tmp_path / "new").rename(inner)
    watch.use(named(tmp_path, inner))
    watch.changed.clear()
    (tmp_path / "old" / "a.csv").write_bytes(b"whole")
    assert watch.seen(inner, "a.csv") is Seen.NOTHING
    (inner / "b.csv").write_bytes(b"whole")
    assert watch.seen(inner, "b.csv") is Seen.CLOSED
