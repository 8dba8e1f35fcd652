"""The executors: CPU work in supervised processes, blocking I/O in threads; the one door to both pools."""

# ruff: noqa: ASYNC109  # `timeout` is part of the published interface of the pools

from __future__ import annotations

import asyncio
import functools
import os
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from ..config.executor_limits import ExecutorLimits
from ..errors import HeadgateError
from .cpu_task import CpuTask
from .fair_limiter import FairLimiter
from .process_pool import ProcessPool
from .serialization import TaskResult
from .spawner import WorkerSpawner
from .stats import PoolStats, Recorder
from .thread_pool import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

__all__ = ["ExecutorLimits", "ExecutorStats", "Executors", "Health", "PoolStats", "TaskResult"]

PRELOAD: Final = (
    "ingest.preload:preload_parser",
    "ingest.preload:preload_readers",
    "daemon.executors.memory_release:settle",
)
"""The parser and the readers of all formats, in as little memory as may be: for workers that come and go for long."""
PRELOAD_FOR_FEW_FILES: Final = ("ingest.preload:preload_parser",)
"""The parser, at once; a worker imports the reader of a format with the first file of it."""

_SHUTDOWN_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorStats:
    """Both pools at one moment."""

    cpu: PoolStats
    io: PoolStats
    fork_server_replacements: Mapping[str, int]
    """How often a fork server was replaced, by what had become of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a probe came through each pool; `detail` says what went wrong, empty when nothing did."""

    cpu_ok: bool
    io_ok: bool
    detail: str


class Executors:
    """Runs functions off the event loop.

    Enter it in the thread whose end may end the workers, that is the main thread: the kernel ties the fork
    server to the thread that starts it. `environ` is what the workers' environment is chosen from; nothing
    but paths, locale and Python's own variables passes.
    """

    def __init__(
        self,
        limits: ExecutorLimits,
        *,
        preload: Sequence[str] = PRELOAD,
        kinds: Sequence[str] = ("task", "parse", "probe"),
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._limits = limits
        queue = functools.partial(
            FairLimiter, queue_limit=limits.queue_limit, queue_timeout_seconds=limits.queue_timeout_seconds
        )
        record = functools.partial(Recorder, queue_limit=limits.queue_limit, kinds=kinds)
        self._cpu_recorder = record(pool="cpu", workers_max=limits.cpu_workers)
        self._io_recorder = record(pool="io", workers_max=limits.io_workers)
        self._spawner = WorkerSpawner(preload=preload, limits=limits, environ=environ)
        self._cpu = ProcessPool(
            spawner=self._spawner,
            limiter=queue(places=limits.cpu_workers),
            recorder=self._cpu_recorder,
            limits=limits,
        )
        self._io = ThreadPool(limiter=queue(places=limits.io_workers), recorder=self._io_recorder, limits=limits)

    async def __aenter__(self) -> Self:
        await self._cpu.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown(_SHUTDOWN_SECONDS if kind is None else 0.0)

    @property
    def limits(self) -> ExecutorLimits:
        """What the pools are held to now."""
        return self._limits

    @property
    def fork_server_pid(self) -> int | None:
        """The pid of the process that forks the workers; None while it is being replaced."""
        return self._spawner.fork_server_pid

    @property
    def busy_workers(self) -> int:
        """How many worker processes have a task now."""
        return self._cpu.busy_workers

    async def run_cpu(
        self, function: Callable[..., Any], *args: Any, timeout: float | None = None, **kwargs: Any
    ) -> Any:
        """Run a picklable function in a worker process and return its result; see `submit_cpu`."""
        return (await self.submit_cpu(function, *args, timeout=timeout, **kwargs)).value

    async def submit_cpu(
        self,
        function: Callable[..., Any],
        *args: Any,
        timeout: float | None = None,
        kind: str = "task",
        lane: str | None = None,
        memory_bytes: int | None = None,
        own: bool | None = None,
        **kwargs: Any,
    ) -> TaskResult:
        """Run a picklable function in a worker process and return its result with what it cost.

        `timeout` is in seconds from the moment a worker has the task; `memory_bytes` can only lower the
        workers' own limit. Lanes take turns when tasks wait; without one the kind is the lane. Functions that are
        Headgate's `own`, which those of any kind but "task" are, and the application's never share a worker.

        Raises the task's own error; TaskNotPicklableError, QueueFullError, PoolClosedError, WorkerStartError
        before it has begun; TaskTimeoutError, WorkerCrashedError, PoolClosedError when it was cut short;
        TaskFailedError when its error or result cannot be sent.
        """
        task = CpuTask.of(
            function,
            args,
            kwargs,
            self._limits,
            timeout=timeout,
            kind=kind,
            lane=lane,
            memory_bytes=memory_bytes,
            own=own,
        )
        return await self._cpu.run(task)

    async def run_io(
        self,
        function: Callable[..., Any],
        *args: Any,
        timeout: float | None = None,
        kind: str = "task",
        lane: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run a blocking function in a thread; at its deadline only the caller is let go, with TaskTimeoutError."""
        return await self._io.run(
            functools.partial(function, *args, **kwargs),
            kind=kind,
            lane=lane or kind,
            timeout_seconds=self._limits.task_timeout_seconds if timeout is None else timeout,
        )

    def expect_cpu(self) -> None:
        """Make ready for a task that is about to come, such as the parse of a file that is being received.

        After a rest that takes longer than a small file; who does not come costs nothing but that.
        """
        self._spawner.expect()

    def apply(self, limits: ExecutorLimits) -> None:
        """Go on under other limits: what runs is not disturbed, what waits and what comes is held to the new ones."""
        self._limits = limits
        self._spawner.apply(limits)
        self._cpu.apply(limits)
        self._io.apply(limits)

    def stats(self) -> ExecutorStats:
        """Return both pools' numbers as they are now; may be called from any thread."""
        return ExecutorStats(
            cpu=self._cpu_recorder.snapshot(),
            io=self._io_recorder.snapshot(),
            fork_server_replacements=dict(self._spawner.replacements),
        )

    async def check_health(self, timeout: float) -> Health:
        """Run a probe through each pool; a pool that has no worker free for it within `timeout` seconds fails."""
        cpu, io = await asyncio.gather(
            _problem(self.submit_cpu(os.getpid, kind="probe"), timeout),
            _problem(self.run_io(os.getpid, kind="probe"), timeout),
        )
        problems = [f"{pool}: {problem}" for pool, problem in (("cpu", cpu), ("io", io)) if problem]
        return Health(cpu_ok=not cpu, io_ok=not io, detail="; ".join(problems))

    async def drain(self) -> None:
        """Take no more tasks and wait for those taken."""
        await asyncio.gather(self._cpu.drain(), self._io.drain())

    async def shutdown(self, timeout: float = _SHUTDOWN_SECONDS) -> None:
        """Return as soon as the work is done; after `timeout` seconds kill what still runs. No process stays."""
        await asyncio.gather(self._cpu.close(timeout), self._io.close(timeout))


async def _problem(probe: Awaitable[Any], timeout: float) -> str | None:
    try:
        async with asyncio.timeout(timeout):
            await probe
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except HeadgateError as error:
        return str(error)
    return None
