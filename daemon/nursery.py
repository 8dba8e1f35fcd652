"""Where worker processes come from: keeps a fork server alive and turns requests into ready workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from .errors import PoolClosedError, WorkerStartError
from .forks import ForkServerProcess
from .worker_process import WorkerEndedError, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ATTEMPTS = 3
_BACKOFF_SECONDS = 0.1
_BACKOFF_MAX_SECONDS = 5.0
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


class Nursery:
    """Starts workers; a fork server that dies is replaced, failing starts are spaced out."""

    def __init__(
        self,
        *,
        preload: Sequence[str],
        memory_bytes: int,
        start_timeout_seconds: float,
        environ: Mapping[str, str],
    ) -> None:
        self._preload = tuple(preload)
        self._memory_bytes = memory_bytes
        self._start_timeout_seconds = start_timeout_seconds
        self._environ = worker_environment(environ)
        self._server: ForkServerProcess | None = None
        self._starting = asyncio.Lock()
        self._closed = asyncio.Event()
        self._restart: asyncio.Task[None] | None = None
        self._failures = 0
        self._not_before = 0.0

    @property
    def fork_server_pid(self) -> int | None:
        """The pid of the fork server that runs now."""
        return self._server.pid if self._server is not None and self._server.alive else None

    async def open(self) -> None:
        """Start the fork server; WorkerStartError when no worker could ever work."""
        try:
            async with asyncio.timeout(self._start_timeout_seconds):
                await self._living_server()
        except TimeoutError:
            raise self._too_slow() from None

    async def start_worker(self) -> WorkerProcess:
        """Return a new worker that is ready for a task; WorkerStartError after a few attempts or the timeout."""
        try:
            async with asyncio.timeout(self._start_timeout_seconds):
                return await self._attempt()
        except TimeoutError:
            self._note_failure()
            raise self._too_slow() from None

    async def close(self) -> None:
        """End every worker and the fork server."""
        self._closed.set()
        if self._restart is not None:
            self._restart.cancel()
            await asyncio.wait([self._restart])
        async with self._starting:
            if self._server is not None:
                await self._server.close()

    async def _attempt(self) -> WorkerProcess:
        attempts_left = _ATTEMPTS
        while True:
            await self._wait_for_turn()
            try:
                worker = await self._start_once()
            except WorkerStartError as error:
                self._note_failure()
                attempts_left -= 1
                if self._closed.is_set():
                    raise PoolClosedError from error
                if not attempts_left:
                    raise
            else:
                self._failures = 0
                return worker

    async def _start_once(self) -> WorkerProcess:
        server = await self._living_server()
        worker = await server.spawn()
        try:
            await worker.ready()
        except WorkerEndedError as error:
            raise WorkerStartError(f"a worker process ended while it started: {error.how}") from error
        except BaseException:
            worker.kill()
            raise
        return worker

    async def _living_server(self) -> ForkServerProcess:
        async with self._starting:
            if self._closed.is_set():
                raise PoolClosedError
            if self._server is None or not self._server.alive:
                self._server = await self._new_server()
            return self._server

    async def _new_server(self) -> ForkServerProcess:
        server = ForkServerProcess(on_death=self._replace)
        try:
            await server.start(preload=self._preload, memory_bytes=self._memory_bytes, environ=self._environ)
        except BaseException:
            server.terminate()
            raise
        if server.threads:
            _log.warning("fork server has threads", extra={"threads": ", ".join(server.threads)})
        return server

    def _replace(self) -> None:
        """Have the next fork server ready before it is asked for."""
        _log.warning("fork server died")
        self._note_failure()
        if not self._closed.is_set():
            self._restart = asyncio.get_running_loop().create_task(self._restart_server())

    async def _restart_server(self) -> None:
        await self._wait_for_turn()
        try:
            await self._living_server()
        except WorkerStartError:
            self._note_failure()  # whoever asks for a worker next has a caller to tell
        except PoolClosedError:
            return

    async def _wait_for_turn(self) -> None:
        delay = self._not_before - asyncio.get_running_loop().time()
        if delay > 0 and self._failures:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._closed.wait()

    def _note_failure(self) -> None:
        self._failures += 1
        delay = min(_BACKOFF_SECONDS * 2 ** (self._failures - 1), _BACKOFF_MAX_SECONDS)
        self._not_before = asyncio.get_running_loop().time() + delay

    def _too_slow(self) -> WorkerStartError:
        return WorkerStartError(f"no worker process was ready within {self._start_timeout_seconds:g} s")
