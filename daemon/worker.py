"""The composition root of a worker of a Dask cluster: Headgate's worker processes, offered to daemons elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import dask.config
from distributed import Worker
from distributed.core import Status
from distributed.worker import DEFAULT_METRICS
from prometheus_client import CollectorRegistry

from .cluster.call import RESOURCE, TOLD
from .cluster.plugin import HeadgatePlugin
from .cluster.security import scheduler_of
from .cluster.worker_files import WorkerFiles
from .config.sizing import detect_machine, executor_limits
from .errors import StartupError
from .executors import memory_release
from .executors.executors import Executors
from .exporter.server import Exporter, web_guard
from .lifecycle.components import Failures, running
from .lifecycle.loop_watch import LoopWatch
from .lifecycle.signals import Drain, StopRequest, captured_signals
from .machine.resources import disk_use
from .metrics import loop_metrics, system_metrics
from .metrics.catalogue import add_executors, add_machine
from .metrics.collectors import Collectors
from .version import VERSION

if TYPE_CHECKING:
    from .config.settings import Settings
    from .lifecycle.signals import EarlyHangup

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 2.0
"""Before the scheduler is asked for anew that was lost."""
CLOSE_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.1
LIBRARY: Final = {
    # Tasks run in processes of our own: what the library measures of this one's threads says nothing of them.
    "distributed.worker.profile.enabled": False,
    # The executors hold every process to its memory; this one holds no data.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
}


class ClusterWorker:
    """Is known to the scheduler until stopped: one that is lost is waited for."""

    def __init__(self, settings: Settings, executors: Executors, plugin: HeadgatePlugin, drain: Drain) -> None:
        """Prepare; raises StartupError if the scheduler's address or the certificates cannot be used. Blocking."""
        self._address, self._security = scheduler_of(settings.executors)
        self._here = settings.executors.scheduler_is_here
        self._executors, self._plugin, self._drain = executors, plugin, drain
        self._scratch = settings.state_dir / "worker"
        self._worker: Worker | None = None

    def trouble(self) -> str | None:
        """Return why no call comes here now, None if calls can come; for any thread."""
        if self._worker is None or self._worker.status is not Status.running:
            return f"not connected to the scheduler {self._address}"
        return None

    async def run(self, stop: asyncio.Event) -> None:
        """Offer this machine's workers until `stop`, then let what runs come to its end."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                async with self._made() as worker:
                    life = asyncio.create_task(self._live(worker))
                    try:
                        await asyncio.wait({life, stopped}, return_when=asyncio.FIRST_COMPLETED)
                        if stop.is_set() and worker.status is Status.running:
                            await self._drained(worker)
                    finally:
                        life.cancel()
                        await asyncio.gather(life, return_exceptions=True)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(stopped), PAUSE_SECONDS)
        finally:
            stopped.cancel()

    @asynccontextmanager
    async def _made(self) -> AsyncIterator[Worker]:
        limits = self._executors.limits
        worker = self._worker = Worker(
            self._address,
            security=self._security,
            nthreads=limits.cpu_workers,
            resources={RESOURCE: limits.cpu_workers},
            metrics={**DEFAULT_METRICS, TOLD: lambda _: self._plugin.told()},
            plugins=(self._plugin,),
            memory_limit=0,
            local_directory=str(self._scratch / "library"),
            host="127.0.0.1" if self._here else None,
            # The library's pages know no password; ours is the exporter.
            dashboard_address="127.0.0.1:0",
        )
        try:
            yield worker
        finally:
            self._worker = None
            with contextlib.suppress(Exception):  # a scheduler that is lost may say so once more
                await asyncio.wait_for(worker.close(timeout=CLOSE_SECONDS, nanny=False), 2 * CLOSE_SECONDS)

    async def _live(self, worker: Worker) -> None:
        """Be known to the scheduler until it is lost; it is waited for as long as it takes."""
        try:
            await worker
        except Exception as error:  # noqa: BLE001  # the library raises whatever its transports raise
            logger.warning("scheduler refuses", extra={"scheduler": self._address, "error": str(error)})
            return
        logger.info(
            "worker connected", extra={"scheduler": self._address, "places": self._executors.limits.cpu_workers}
        )
        await worker.finished()
        logger.warning("scheduler lost", extra={"scheduler": self._address})

    async def _drained(self, worker: Worker) -> None:
        """Take no more calls, and let those that run come to their end, for as long as the drain goes."""
        self._plugin.begin_no_more()
        worker.status = Status.paused
        idle = asyncio.Event()
        waiting = asyncio.create_task(self._idle(worker))
        waiting.add_done_callback(lambda _: idle.set())
        try:
            await self._drain.wait_for(idle)
        finally:
            waiting.cancel()

    async def _idle(self, worker: Worker) -> None:
        """Wait until nothing runs, and every answer was fetched: it lies here until its daemon has it."""
        await self._plugin.wait_until_idle()
        while worker.state.executing or worker.data:  # noqa: ASYNC110  # the library tells nobody of either
            await asyncio.sleep(LOOK_SECONDS)


async def serve_worker(settings: Settings, *, environ: Mapping[str, str], hangup: EarlyHangup) -> None:
    """Offer this machine's worker processes to the daemons of a cluster until a stop signal.

    `hangup` has kept watch until now.

    Raises:
        StartupError: a part cannot start; the message says what to change.
        ComponentFailedError: a part ended by itself.

    """
    if settings.spool.url is None:
        raise StartupError("spool.url is missing; workers of a cluster take their files from the daemons' shared spool")
    stop, limits = StopRequest(), executor_limits(settings.executors, detect_machine())
    failures = Failures(stop)
    async with AsyncExitStack() as stack:
        stack.enter_context(captured_signals(stop, _tell_of_hangup))
        if hangup.came:
            _tell_of_hangup()
        # First: the fork server must be started before anything starts a thread or opens a socket.
        executors = await stack.enter_async_context(Executors(limits, environ=environ))
        stack.enter_context(dask.config.set(LIBRARY))
        files = WorkerFiles(settings.spool, settings.state_dir / "worker" / "calls", executors)
        await executors.run_io(files.open)
        stack.push_async_callback(executors.run_io, files.close)
        plugin = HeadgatePlugin(executors, files)
        worker = ClusterWorker(settings, executors, plugin, Drain(stop, settings.shutdown.drain_seconds))
        loop_watch = LoopWatch()
        await stack.enter_async_context(running(loop_watch, "loop watch", failures))
        if settings.exporter.enabled:
            await stack.enter_async_context(_exporter(settings, executors, worker, loop_watch))
        memory_release.settle()
        logger.info(
            "headgate worker ready",
            extra={"version": VERSION, "scheduler": settings.executors.scheduler, "cpu_workers": limits.cpu_workers},
        )
        await worker.run(stop.drain)
        logger.info("headgate worker stopping", extra={"reason": str(failures.first or "signal")})
    if failures.first is not None:
        raise failures.first


def _tell_of_hangup() -> None:
    """Say what SIGHUP, which reloads a daemon, is not: ended by it, a worker would lose the calls that run."""
    logger.warning("configuration is not reloaded", extra={"remedy": "restart the worker to take a change over"})


def _exporter(settings: Settings, executors: Executors, worker: ClusterWorker, loop_watch: LoopWatch) -> Exporter:
    registry = CollectorRegistry()
    collectors = Collectors(registry)
    add_executors(collectors, executors)
    add_machine(collectors, settings, executors)
    state_dir = settings.state_dir
    collectors.add("disk", system_metrics.DISK_DEFINITIONS, lambda: system_metrics.disk_metrics(disk_use(state_dir)))
    limit = settings.exporter.stall_seconds
    collectors.add("loop", loop_metrics.DEFINITIONS, lambda: loop_metrics.loop_metrics(loop_watch.stats(), limit))
    return Exporter(
        registry,
        host=settings.exporter.host,
        port=settings.exporter.port,
        healthy=partial(loop_watch.trouble, limit),
        ready=worker.trouble,
        guard=web_guard(settings.exporter.web_config_file),
    )
