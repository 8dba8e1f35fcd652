"""Where worker processes come from: keeps a fork server alive and turns requests into ready workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from ..errors import PoolClosedError, WorkerStartError
from .forkserver_client import END_REASONS, ForkServerDiedError, ForkServerProcess
from .worker_process import WorkerEndedError, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..config.executor_limits import ExecutorLimits

# A start that fails by chance (a kill, a moment without memory) is tried again at once; when it fails for good,
# tasks get the error without a new attempt until the pause is over, which doubles from round to round.
_RETRY_SECONDS = (0.05, 0.25)
_PAUSE_SECONDS = 0.5
_PAUSE_MAX_SECONDS = 8.0
# The fork server and its libraries take 40 MB; between two files of a busy hour it is not worth starting anew.
_LINGER_SECONDS = 5.0
_KEPT_VARIABLES = ("PATH", "LANG", "LANGUAGE", "TZ", "HOME", "TMPDIR")
_KEPT_PREFIXES = ("LC_", "PYTHON")
# The fork server must stay single-threaded, and thread arenas and reserved address space would eat up a worker's
# memory limit. Arrow's private jemalloc starts its purging thread at import, even when it is not the pool in use.
_SINGLE_THREADED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MALLOC_ARENA_MAX": "2",
}

_log = logging.getLogger(__name__)


def worker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Choose what worker processes see of the environment: no credential is on the list."""
    kept = {
        name: value for name, value in environ.items() if name in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES)
    }
    return kept | _SINGLE_THREADED


class WorkerSpawner:
    """Starts workers; a fork server that dies is replaced, one without workers ends, failing starts are spaced out."""

    def __init__(
        self,
        *,
        preload: Sequence[str],
        limits: ExecutorLimits,
        environ: Mapping[str, str],
    ) -> None:
        self._preload = tuple(preload)
        self._limits = limits
        self._environ = worker_environment(environ)
        self._server: ForkServerProcess | None = None
        self._closed = asyncio.Event()
        self._restart: asyncio.Task[None] | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._resting: set[asyncio.Task[None]] = set()
        self._failures = 0
        self.replacements = dict.fromkeys(END_REASONS, 0)
        self._paused_until = 0.0
        self._problem = ""

    @property
    def fork_server_pid(self) -> int | None:
        """The pid of the fork server that runs now; there is none when no worker was needed for a while."""
        return self._server.pid if self._server is not None and self._server.alive else None

    def apply(self, limits: ExecutorLimits) -> None:
        """Start the next workers under these limits."""
        self._limits = limits

    async def open(self) -> None:
        """Start the fork server; WorkerStartError when no worker could ever work."""
        try:
            async with asyncio.timeout(self._limits.start_timeout_seconds):
                await self._first_server()
                self._linger()
        except TimeoutError:
            self._give_up_server()
            raise self._too_slow() from None
        except BaseException:
            self._give_up_server()
            raise

    async def _first_server(self) -> None:
        for delay in _RETRY_SECONDS:
            try:
                await asyncio.shield(self._living_server().preload())
            except ForkServerDiedError:
                await self._wait_unless_closed(delay)
            else:
                return
        await asyncio.shield(self._living_server().preload())

    def expect(self) -> None:
        """Have a fork server that is ready to fork, for a task is about to come."""
        if self._closed.is_set() or asyncio.get_running_loop().time() < self._paused_until:
            return
        # Whoever asks for the worker meets the same error, as that no descriptor is left, and has a caller to tell.
        with contextlib.suppress(WorkerStartError, OSError):
            _preload_in_turn(self._living_server())
            self._linger()

    async def start_worker(self, *, foreign: bool) -> WorkerProcess:
        """Return a new worker that is ready for a task; WorkerStartError after a few attempts or the timeout.

        One for a `foreign` task, which needs nothing of ours, does not wait for what is preloaded for the others.
        """
        if asyncio.get_running_loop().time() < self._paused_until:
            raise WorkerStartError(self._problem)
        try:
            async with asyncio.timeout(self._limits.start_timeout_seconds):
                worker = await self._attempt(foreign=foreign)
        except TimeoutError:
            error = self._too_slow()
            if self._server is not None and self._server.preloading:
                self._give_up_server()
            self._pause(error)
            raise error from None
        except WorkerStartError as error:
            self._pause(error)
            raise
        self._failures = 0
        worker.gone.add_done_callback(lambda _: self._linger())
        return worker

    async def close(self) -> None:
        """End every worker and the fork server."""
        self._closed.set()
        if self._rest is not None:
            self._rest.cancel()
        if self._resting:
            await asyncio.wait(self._resting)
        if self._restart is not None:
            self._restart.cancel()
            await asyncio.wait([self._restart])
        if self._server is not None:
            await self._server.close()

    async def _attempt(self, *, foreign: bool) -> WorkerProcess:
        for delay in _RETRY_SECONDS:
            try:
                return await self._start_once(foreign=foreign)
            except WorkerStartError:
                await self._wait_unless_closed(delay)
        return await self._start_once(foreign=foreign)

    async def _start_once(self, *, foreign: bool) -> WorkerProcess:
        server = self._living_server()
        if not foreign:
            await self._preloaded(server)
        worker = await server.spawn(self._limits.worker_memory_bytes)
        _preload_in_turn(server)
        try:
            await worker.ready()
        except WorkerEndedError as error:
            raise WorkerStartError(f"a worker process ended while it started: {error.how}") from error
        except BaseException:
            worker.kill()
            raise
        return worker

    async def _preloaded(self, server: ForkServerProcess) -> None:
        """Wait until the server has what the first worker needs; one that cannot import it is of no use."""
        try:
            await asyncio.shield(server.preload(1))
        except WorkerStartError:
            server.terminate()
            raise

    def _living_server(self) -> ForkServerProcess:
        if self._closed.is_set():
            raise PoolClosedError
        if self._server is None or not self._server.alive:
            server = ForkServerProcess(preload=self._preload, on_death=self._replace)
            try:
                server.start(environ=self._environ)
            except BaseException:
                server.terminate()
                raise
            self._server = server
            self._linger()
        return self._server

    def _give_up_server(self) -> None:
        if self._server is not None:
            self._server.terminate()

    def _linger(self) -> None:
        """Give the fork server a while to be needed again."""
        if self._rest is not None:
            self._rest.cancel()
        seconds = min(self._limits.idle_seconds, _LINGER_SECONDS)
        self._rest = asyncio.get_running_loop().call_later(seconds, self._rest_if_unused)

    def _rest_if_unused(self) -> None:
        """End a fork server without workers; the next task that needs one starts another."""
        server = self._server
        if server is None or self._closed.is_set():
            return
        if server.at_work:
            self._linger()
        elif server.unused:
            self._server = None
            # Now, not when the task begins: whoever has found this one would have a worker that ends with it.
            server.retire()
            task = asyncio.get_running_loop().create_task(server.close())
            self._resting.add(task)
            task.add_done_callback(self._resting.discard)

    def _replace(self, reason: str) -> None:
        """Have the next fork server ready before it is asked for; one that keeps dying less and less often."""
        _log.warning("fork server replaced", extra={"reason": reason})
        self._failures += 1
        self.replacements[reason] += 1
        if not self._closed.is_set():
            delay = _RETRY_SECONDS[0] if self._failures == 1 else self._pause_seconds()
            self._restart = asyncio.get_running_loop().create_task(self._restart_server(delay))

    async def _restart_server(self, delay: float) -> None:
        await self._wait_unless_closed(delay)
        # Whoever asks for a worker next meets the same error and has a caller to tell.
        with contextlib.suppress(WorkerStartError, PoolClosedError):
            server = self._living_server()
            await self._preloaded(server)
            server.preload()

    async def _wait_unless_closed(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    def _pause(self, error: WorkerStartError) -> None:
        self._failures += 1
        self._problem = str(error)
        self._paused_until = asyncio.get_running_loop().time() + self._pause_seconds()

    def _pause_seconds(self) -> float:
        return min(_PAUSE_SECONDS * 2.0 ** (self._failures - 1), _PAUSE_MAX_SECONDS)

    def _too_slow(self) -> WorkerStartError:
        return WorkerStartError(f"no worker process was ready within {self._limits.start_timeout_seconds:g} s")


def _preload_in_turn(server: ForkServerProcess) -> None:
    """Have imported first what the first worker waits for."""
    server.preload(1)
    server.preload()
