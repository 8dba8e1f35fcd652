"""What it means for a file that a worker failed on it: the one mapping from the executors' errors to a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ingest.errors import ErrorRecord
from ingest.messages import say

from ..errors import (
    PoolClosedError,
    QueueFullError,
    TaskStalledError,
    TaskTimeoutError,
    WorkerCrashedError,
    WorkerLostError,
    WorkerStartError,
)

if TYPE_CHECKING:
    from ingest.spec.dataset import FileLimits

    from ..config.executor_limits import ExecutorLimits

POOL_ERRORS: Final = (QueueFullError, PoolClosedError, WorkerStartError, WorkerLostError, TaskStalledError)
"""The executors could not run the task, or the machine stood still below it: nobody's file has done that."""
FILE_ERRORS: Final = (TaskTimeoutError, WorkerCrashedError, MemoryError)
"""The task ran, and its worker was killed or gave up; `POOL_ERRORS` come first, for a lost worker is a crashed one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingBounds:
    """What reading a file was held to, and what to do about each bound; `file` is what messages call it."""

    file: str
    seconds: float
    memory_bytes: int
    more_time: str
    more_memory: str

    @classmethod
    def within(cls, limits: FileLimits, most: ExecutorLimits, *, file: str, more_time: str, more_memory: str) -> Self:
        """Return the bounds of a file that is read by a dataset's limits, in workers that have limits of their own."""
        return cls(
            file=file,
            seconds=min(limits.parse_seconds, most.task_timeout_seconds),
            memory_bytes=min(limits.worker_mb << 20, most.worker_memory_bytes),
            more_time=more_time,
            more_memory=more_memory,
        )


def refusal(error: BaseException, bounds: ReadingBounds) -> ErrorRecord:
    """Return the record of a file on which a worker failed with one of `FILE_ERRORS`."""
    if isinstance(error, TaskTimeoutError):
        message = say("reading {file} took longer than {seconds} s", file=bounds.file, seconds=f"{bounds.seconds:g}")
        return ErrorRecord(code="file.timeout", message=message, hint=bounds.more_time)
    if isinstance(error, MemoryError):
        message = say("reading {file} needs more than {limit} MB", file=bounds.file, limit=bounds.memory_bytes >> 20)
        return ErrorRecord(code="file.memory_limit", message=message, hint=bounds.more_memory)
    message = say("reading {file} killed the worker: {error}", file=bounds.file, error=error)
    return ErrorRecord(code="file.worker_crash", message=message, hint=say("open and save the file anew, or split it"))
