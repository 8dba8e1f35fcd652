"""`headgate read` and `infer`: what a worker sees in a file, which is opened in a sandbox, never in this process."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from ingest.errors import FileRejectedError
from ingest.messages import say

from ..config.executor_limits import ExecutorLimits
from ..executors.executors import PRELOAD_FOR_FEW_FILES, Executors
from ..pipeline.worker_failures import FILE_ERRORS, ReadingBounds, refusal
from ..pipeline.worker_tasks import draft_from_sample, list_sheets, write_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.output.drafted import Drafted
    from ingest.output.grid import SheetInfo
    from ingest.spec.dataset import FileLimits
    from ingest.spec.outline import TableOutline

_HINTS: Final = {"file.encoding_ambiguous": say("save the file as UTF-8, or name its encoding with --encoding")}
"""Remedies where there is no dataset that could have them."""
START_SECONDS: Final = 30.0
"""For the one worker to be there, on a machine that has other things to do."""


async def sheets_of(path: Path, *, encoding: str | None, limits: FileLimits) -> tuple[SheetInfo, ...]:
    """Return index, name, visibility and size of each sheet.

    Raises:
        FileRejectedError: the file cannot be read; its code says why.

    """
    sheets: tuple[SheetInfo, ...] = await _in_worker(limits, list_sheets, path, encoding)
    return sheets


async def print_grid(
    path: Path, *, sheet: str | None, form: Literal["csv", "json"], encoding: str | None, limits: FileLimits
) -> None:
    """Print every physical row of a sheet.

    Raises:
        FileRejectedError: the file or the sheet cannot be read; its code says why.

    """
    with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
        grid = Path(folder) / "grid"
        await _in_worker(limits, write_grid, path, sheet, grid, form, encoding)
        await asyncio.to_thread(_copy_out, grid)


async def draft_dataset(
    path: Path, *, sheet: str | None, outline: TableOutline | None, encoding: str | None, limits: FileLimits
) -> str:
    """Return a dataset drafted from a sample, for the table of the outline if there is one, as commented YAML.

    Raises:
        FileRejectedError: the file cannot be read, or has no table; its code says why.

    """
    drafted: Drafted = await _in_worker(limits, draft_from_sample, path, sheet, outline, encoding)
    return drafted.text


def _copy_out(grid: Path) -> None:
    with grid.open("rb") as source:
        shutil.copyfileobj(source, sys.stdout.buffer)
    sys.stdout.buffer.flush()


async def _in_worker(limits: FileLimits, function: Callable[..., Any], path: Path, *arguments: object) -> Any:
    """Call `function(path, *arguments, limits)` in a worker of its own that is held to the limits."""
    seconds, memory = limits.parse_seconds, limits.worker_mb << 20
    executor_limits = ExecutorLimits(
        cpu_workers=1,
        io_workers=1,
        queue_limit=1,
        queue_timeout_seconds=START_SECONDS,
        task_timeout_seconds=seconds,
        worker_memory_bytes=memory,
        worker_cpu_seconds=seconds,
        recycle_tasks=1,
        recycle_bytes=memory,
        idle_seconds=START_SECONDS,
        start_timeout_seconds=START_SECONDS,
    )
    async with Executors(executor_limits, preload=PRELOAD_FOR_FEW_FILES) as executors:
        # Whatever becomes of the task, the pool ends in good order before it is told.
        reading = executors.run_cpu(function, path, *arguments, limits)
        outcome = (await asyncio.gather(reading, return_exceptions=True))[0]
    if isinstance(outcome, FILE_ERRORS):
        bounds = ReadingBounds(
            file=str(path),
            seconds=seconds,
            memory_bytes=memory,
            more_time=f"give it more than --limit parse_seconds={seconds:g}, or split the file",
            more_memory=f"give it more than --limit worker_mb={limits.worker_mb}, or split the file",
        )
        raise FileRejectedError(refusal(outcome, bounds)) from outcome
    if isinstance(outcome, FileRejectedError) and (hint := _HINTS.get(outcome.record.code)):
        raise FileRejectedError(replace(outcome.record, hint=hint)) from outcome
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
