"""What a pool counts about itself, and the frozen snapshots that others read; knows nothing of Prometheus."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import (
    ClusterAwayError,
    PoolClosedError,
    QueueFullError,
    TaskTimeoutError,
    WorkerCrashedError,
    WorkerStartError,
)
from ..histogram import Histogram, HistogramSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

OUTCOMES = ("ok", "error", "timeout", "cancelled", "crashed", "refused")
"""How a task ended; `refused` are those that never began, for want of a place or of a worker."""
RESTART_REASONS = ("recycle", "idle", "crash", "memory", "timeout")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
RESIDENT_BYTES = tuple(float(size * 1024**2) for size in (64, 128, 256, 512, 768, 1024, 1536, 2048, 4096))


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """One pool at one moment. `oldest_queued_at` is in epoch seconds; everything `_total` only grows."""

    pool: str
    workers_busy: int
    workers_idle: int
    workers_max: int
    queued: int
    queue_limit: int
    oldest_queued_at: float | None
    busy_seconds_total: float
    tasks: Mapping[tuple[str, str], int]
    restarts: Mapping[str, int]
    queue_wait: HistogramSnapshot
    task_duration: Mapping[str, HistogramSnapshot]
    peak_resident: HistogramSnapshot
    worker_pids: tuple[int, ...]
    ended_cpu_seconds: float
    """What worker processes that have ended used."""


class Ticket:
    """One task on its way through a pool."""

    def __init__(self, recorder: Recorder, number: int, kind: str) -> None:
        self._recorder = recorder
        self._number = number
        self._kind = kind
        self._queued_at = time.monotonic()
        self._started_at: float | None = None

    def started(self) -> None:
        """Take note that the wait is over; again without effect when the task moves on to another worker."""
        if self._started_at is not None:
            return
        self._started_at = time.monotonic()
        self._recorder.started(self._number, self._started_at - self._queued_at)

    def finished(self, outcome: str) -> None:
        """Take note of how it ended, if it ever began."""
        seconds = None if self._started_at is None else time.monotonic() - self._started_at
        self._recorder.finished(self._number, self._kind, outcome, seconds)


class Recorder:
    """The counters of one pool: written by its loop, read from any thread."""

    def __init__(self, *, pool: str, workers_max: int, queue_limit: int, kinds: Sequence[str]) -> None:
        self._pool = pool
        self._workers_max = workers_max
        self._queue_limit = queue_limit
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._queued: dict[int, float] = {}
        self._busy_since: dict[int, float] = {}
        self._busy_seconds = 0.0
        self._idle = 0
        self._pids: set[int] = set()
        self._ended_cpu_seconds = 0.0
        self._tasks = {(kind, outcome): 0 for kind in kinds for outcome in OUTCOMES}
        self._restarts = dict.fromkeys(RESTART_REASONS, 0)
        self._queue_wait = Histogram(SECONDS)
        self._task_duration = {kind: Histogram(SECONDS) for kind in kinds}
        self._peak_resident = Histogram(RESIDENT_BYTES)

    def resize(self, *, workers_max: int, queue_limit: int) -> None:
        """Take note of other limits."""
        with self._lock:
            self._workers_max, self._queue_limit = workers_max, queue_limit

    @contextmanager
    def track(self, kind: str) -> Iterator[Ticket]:
        """Count one task from the queue to its end; every task gets exactly one outcome."""
        number = next(self._numbers)
        with self._lock:
            self._queued[number] = time.time()
        ticket = Ticket(self, number, kind)
        try:
            yield ticket
        except BaseException as error:
            ticket.finished(_outcome(error))
            raise
        ticket.finished("ok")

    def started(self, number: int, waited_seconds: float) -> None:
        """Take a task off the queue."""
        with self._lock:
            self._queued.pop(number, None)
        self._queue_wait.observe(waited_seconds)

    def finished(self, number: int, kind: str, outcome: str, seconds: float | None) -> None:
        """Count a task's end; `seconds` is None when it never began."""
        with self._lock:
            self._queued.pop(number, None)
            self._tasks[kind, outcome] += 1
        if seconds is not None:
            self._task_duration[kind].observe(seconds)

    def busy(self) -> int:
        """Begin to count a place as busy; the number ends it."""
        number = next(self._numbers)
        with self._lock:
            self._busy_since[number] = time.monotonic()
        return number

    def free(self, number: int) -> None:
        """Count the place as free again."""
        with self._lock:
            self._busy_seconds += time.monotonic() - self._busy_since.pop(number)

    def idle(self, workers: int) -> None:
        """Take note of how many workers wait for a task."""
        with self._lock:
            self._idle = workers

    def worker_started(self, pid: int) -> None:
        """Take note of a new worker process."""
        with self._lock:
            self._pids.add(pid)

    def worker_gone(self, pid: int, cpu_seconds: float) -> None:
        """Take note of the end of a worker process and of the CPU time of its life."""
        with self._lock:
            self._pids.discard(pid)
            self._ended_cpu_seconds += cpu_seconds

    def restarted(self, reason: str) -> None:
        """Count a worker that had to be replaced."""
        with self._lock:
            self._restarts[reason] += 1

    def peak_resident(self, size_bytes: int) -> None:
        """Take note of the most memory that a task held."""
        self._peak_resident.observe(size_bytes)

    def snapshot(self) -> PoolStats:
        """Return everything as it is now, work in flight included."""
        with self._lock:
            now = time.monotonic()
            return PoolStats(
                pool=self._pool,
                workers_busy=len(self._busy_since),
                workers_idle=self._idle,
                workers_max=self._workers_max,
                queued=len(self._queued),
                queue_limit=self._queue_limit,
                oldest_queued_at=min(self._queued.values(), default=None),
                busy_seconds_total=self._busy_seconds + sum(now - since for since in self._busy_since.values()),
                tasks=dict(self._tasks),
                restarts=dict(self._restarts),
                queue_wait=self._queue_wait.snapshot(),
                task_duration={kind: histogram.snapshot() for kind, histogram in self._task_duration.items()},
                peak_resident=self._peak_resident.snapshot(),
                worker_pids=tuple(sorted(self._pids)),
                ended_cpu_seconds=self._ended_cpu_seconds,
            )


def _outcome(error: BaseException) -> str:
    match error:
        case TaskTimeoutError():
            return "timeout"
        case WorkerCrashedError():
            return "crashed"
        case asyncio.CancelledError() | PoolClosedError():
            return "cancelled"
        case QueueFullError() | WorkerStartError() | ClusterAwayError():
            return "refused"
        case _:
            return "error"
