"""The steps by which a file of a source is taken: each is told, so that a large file is no source that stands still."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.config.intake_settings import IntakeSettings, ObjectSource
from daemon.errors import StorageChangedError
from daemon.intake.sources.object_taker import ObjectTaker
from daemon.intake.sources.receiving import receive
from daemon.intake.sources.settings import Source
from daemon.spool.spool import Spool
from daemon.storage.filesystem import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.intake.submissions import Submissions
    from daemon.pipeline.parts import PipelineParts

LIMIT = 1 << 30
BLOCKS = 3


async def run_io(function: Callable[..., Any], *args: Any, **_: Any) -> Any:
    return await asyncio.to_thread(function, *args)


async def test_each_block_of_a_file_tells_that_the_source_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "orders.csv").write_bytes(b"x" * (BLOCKS * BLOCK_BYTES))
    source = Source.of(ObjectSource.model_validate({"name": "shop", "url": folder.as_uri()}), IntakeSettings())
    spool, executors = Spool(tmp_path / "spool", "daemon").open(), SimpleNamespace(run_io=run_io)
    told: list[None] = []
    taker = ObjectTaker(
        source,
        cast("PipelineParts", SimpleNamespace(executors=executors, spool=spool)),
        cast("Submissions", None),
        closing=asyncio.Event(),
        goes_on=lambda: told.append(None),
    )

    async def take(file: Any) -> None:
        await receive(file, source.storage, spool, LIMIT, executors=cast("Any", executors), call=taker.call)

    [[file]] = source.storage.pages()
    await take(file)
    assert len(told) == 1 + BLOCKS + 1  # the place in the spool, the blocks, and that they stay
    told.clear()
    (folder / "orders.csv").write_bytes(b"another")
    with pytest.raises(StorageChangedError):
        await take(file)
    assert len(told) == 1, "a step that fails is none"
    spool.close()
