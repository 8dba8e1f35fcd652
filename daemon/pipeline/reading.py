"""Files read for somebody who looks at them: in a worker that is held to limits, and no job is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

from ingest.errors import FileRejectedError
from ingest.messages import say

from ..errors import RetryableError, first_line
from .worker_failures import FILE_ERRORS, POOL_ERRORS, ReadingBounds, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from ingest.spec.dataset import FileLimits

    from ..executors.executors import Executors
    from .parts import PipelineParts


class ReadLaterError(RetryableError):
    """No worker can read the file now; ask again in a moment."""


T = TypeVar("T")
PAUSE_SECONDS: Final = 0.5
"""How long it is waited before a worker is asked for again that was not to be had."""


@asynccontextmanager
async def folder_for(parts: PipelineParts, key: str) -> AsyncIterator[Path]:
    """Give the name of a folder for what is made of a file of the spool; what is in it is removed in the end."""
    token = uuid4().hex
    try:
        yield parts.spool.work_folder(key, token)
    finally:
        await parts.executors.run_io(parts.spool.remove_work, key, token)


async def read_in_worker(
    executors: Executors,
    function: Callable[..., Any],
    *arguments: object,
    file: str,
    limits: FileLimits,
    own: bool = True,
) -> Any:
    """Return what a function says of a file, in a worker that is held to the limits; with `own` it runs our code only.

    Raises:
        ReadLaterError: no worker can read it now.
        FileRejectedError: it cannot be read, or reading it took more time or memory than the limits allow.

    """
    bounds = ReadingBounds.within(
        limits,
        executors.limits,
        file=file,
        more_time=say("take a shorter file, or raise executors.task_timeout_seconds"),
        more_memory=say("take a smaller file, or raise executors.worker_memory_mb"),
    )
    try:
        return await executors.run_cpu(
            function, *arguments, timeout=bounds.seconds, own=own, memory_bytes=bounds.memory_bytes
        )
    except POOL_ERRORS as error:
        raise ReadLaterError(
            say("no worker can read the file now ({error}); try again", error=first_line(error))
        ) from error
    except FILE_ERRORS as error:
        raise FileRejectedError(refusal(error, bounds)) from error


async def patiently(read: Callable[[], Awaitable[T]]) -> T:
    """Return what `read_in_worker` returns, when a worker can be had: nobody is waiting who would rather be told."""
    while True:
        try:
            return await read()
        except ReadLaterError:
            await asyncio.sleep(PAUSE_SECONDS)
