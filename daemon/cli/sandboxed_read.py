"""`headgate read` and `infer`: what a worker sees in a file, which is opened in a sandbox, never in this process."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from ingest.errors import FileRejectedError

from ..config.executor_limits import ExecutorLimits
from ..executors.executors import Executors
from ..pipeline.worker_failures import FILE_ERRORS, ReadingBounds, refusal
from ..pipeline.worker_tasks import infer_dataset, list_sheets, write_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.output.grid import SheetInfo

READ_SECONDS: Final = 300.0
WORKER_BYTES: Final = 2 << 30


async def sheets_of(path: Path, *, encoding: str | None) -> tuple[SheetInfo, ...]:
    """Return index, name, visibility and size of each sheet.

    Raises:
        FileRejectedError: the file cannot be read; its code says why.

    """
    sheets: tuple[SheetInfo, ...] = await _in_worker(path, list_sheets, path, encoding)
    return sheets


async def print_grid(path: Path, *, sheet: str | None, form: Literal["csv", "json"], encoding: str | None) -> None:
    """Print every physical row of a sheet.

    Raises:
        FileRejectedError: the file or the sheet cannot be read; its code says why.

    """
    with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
        grid = Path(folder) / "grid"
        await _in_worker(path, write_grid, path, sheet, form, encoding, grid)
        await asyncio.to_thread(_copy_out, grid)


async def draft_dataset(path: Path, *, sheet: str | None) -> str:
    """Return a dataset drafted from a sample, as commented YAML.

    Raises:
        FileRejectedError: the file cannot be read, or has no table; its code says why.

    """
    return str(await _in_worker(path, infer_dataset, path, sheet))


def _copy_out(grid: Path) -> None:
    with grid.open("rb") as source:
        shutil.copyfileobj(source, sys.stdout.buffer)
    sys.stdout.buffer.flush()


async def _in_worker(path: Path, function: Callable[..., Any], *arguments: object) -> Any:
    limits = ExecutorLimits(
        cpu_workers=1,
        io_workers=1,
        queue_limit=1,
        queue_timeout_seconds=READ_SECONDS,
        task_timeout_seconds=READ_SECONDS,
        worker_memory_bytes=WORKER_BYTES,
        worker_cpu_seconds=READ_SECONDS,
        recycle_tasks=1,
        recycle_bytes=WORKER_BYTES,
        idle_seconds=READ_SECONDS,
        start_timeout_seconds=30.0,
    )
    async with Executors(limits) as executors:
        # Whatever becomes of the task, the pool ends in good order before it is told.
        outcome = (await asyncio.gather(executors.run_cpu(function, *arguments), return_exceptions=True))[0]
    if isinstance(outcome, FILE_ERRORS):
        bounds = ReadingBounds(
            file=str(path),
            seconds=READ_SECONDS,
            memory_bytes=WORKER_BYTES,
            more_time="open and save the file anew, or split it",
            more_memory="open and save the file anew, or split it",
        )
        raise FileRejectedError(refusal(outcome, bounds)) from outcome
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
