"""Blocks of an upload that a thread writes while the next one comes."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from daemon.api.write_behind import WriteBehind
from daemon.errors import SpoolFullError
from daemon.spool.upload import Upload

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.executors.executors import Executors


class SlowDisk(Upload):
    """One whose writes begin and then wait."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "key", 100, check_room=lambda: None)
        self.begun, self.may_end = threading.Event(), threading.Event()

    def write(self, chunk: bytes) -> None:
        self.begun.set()
        assert self.may_end.wait(30)
        super().write(chunk)


def _full() -> None:
    raise SpoolFullError("no room")


async def test_blocks_are_written_in_order(executors: Executors, tmp_path: Path) -> None:
    behind = WriteBehind(executors, Upload(tmp_path / "one", "key", 100, check_room=lambda: None))
    for block in (b"first ", b"second ", b"third"):
        await behind.write(block)
    kept = await behind.keep()
    assert kept.size_bytes == len(b"first second third")
    assert (tmp_path / "one" / "source").read_bytes() == b"first second third"


async def test_who_is_cancelled_leaves_the_file_to_the_thread_that_writes_it(
    executors: Executors, tmp_path: Path
) -> None:
    upload = SlowDisk(tmp_path / "one")
    behind = WriteBehind(executors, upload)
    await behind.write(b"first")
    second = asyncio.create_task(behind.write(b"second"))
    await asyncio.to_thread(upload.begun.wait, 30)
    second.cancel()
    with suppress(asyncio.CancelledError):
        await second
    discarded = asyncio.create_task(behind.discard())
    await asyncio.wait({discarded}, timeout=0.2)
    assert (tmp_path / "one" / "source.part").exists()
    upload.may_end.set()
    assert await discarded is None
    assert not (tmp_path / "one").exists()


async def test_a_full_disk_is_told_with_the_next_block_or_when_it_is_discarded(
    executors: Executors, tmp_path: Path
) -> None:
    behind = WriteBehind(executors, Upload(tmp_path / "one", "key", 100, check_room=_full))
    await behind.write(b"first")
    with pytest.raises(SpoolFullError):
        await behind.write(b"second")
    assert isinstance(await behind.discard(), SpoolFullError)
    assert not (tmp_path / "one").exists()
