"""The fork server as the daemon sees it: one process, its control socket, the workers it has forked."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import WorkerStartError
from . import forkserver
from .worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_CLOSE_SECONDS = 5.0
PING_SECONDS = 3.0
"""How often a fork server is asked whether it lives."""
PINGS_MAX = 4
"""A fork server that leaves so many without an answer hangs or was stopped: to fork takes milliseconds."""
_BOOT = (
    "import importlib, json, sys; options = json.loads(sys.argv[2]); sys.path[:] = options.pop('sys_path');"
    f"importlib.import_module({forkserver.__name__!r}).main(**options)"
)
DIED, HUNG = END_REASONS = ("died", "hung")

_log = logging.getLogger(__name__)


class ForkServerDiedError(WorkerStartError):
    """The fork server ended by itself or by somebody's hand; another one may live."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A worker that the fork server was asked for; `forked` is done when it has its process."""

    worker: WorkerProcess
    forked: asyncio.Future[None]


class ForkServerProcess:
    """One life of the fork server. Must be started from a thread that lives as long as it: best the main thread."""

    def __init__(self, *, preload: Sequence[str], on_death: Callable[[str], None]) -> None:
        self._preload = preload
        self._on_death = on_death
        self._loop = asyncio.get_running_loop()
        self._preloads: dict[int, asyncio.Future[None]] = {}
        self._requests: dict[int, _Request] = {}
        self._numbers = itertools.count(1)
        self._workers: dict[int, WorkerProcess] = {}
        self._unreaped: dict[int, WorkerProcess] = {}
        self._received = b""
        self._started = False
        self._unanswered = 0
        self._pulse: asyncio.TimerHandle | None = None
        self._end_reason = DIED
        self._closing = False
        self._ended = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None before the start."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether workers can be asked for."""
        return self._control is not None and not self._ended.is_set() and not self._closing

    @property
    def unused(self) -> bool:
        """Whether it has no worker and nobody waits for one."""
        return not self._workers and not self.at_work

    @property
    def preloading(self) -> bool:
        """Whether it imports what it was asked to."""
        return not all(done.done() for done in self._preloads.values())

    @property
    def at_work(self) -> bool:
        """Whether it starts, imports or forks: what that is for will be seen."""
        return not self._started or self.preloading or bool(self._requests)

    def start(self, *, environ: Mapping[str, str]) -> None:
        """Run the process; WorkerStartError when the system refuses."""
        self._control, theirs = socket.socketpair()
        self._control.settimeout(0.0)
        options = {
            "control_fd": theirs.fileno(),
            "parent_pid": os.getpid(),
            "preload": list(self._preload),
            "sys_path": search_path(),
        }
        with theirs:
            try:
                # Standard output belongs to the command in the daemon: what tasks print goes to stderr.
                self._process = subprocess.Popen(  # noqa: S603  # brief, our own interpreter and text
                    [sys.executable, "-c", _BOOT, "headgate-forkserver", json.dumps(options)],
                    stdin=subprocess.DEVNULL,
                    stdout=2,
                    env=dict(environ),
                    pass_fds=[theirs.fileno()],
                )
            except OSError as error:
                raise WorkerStartError(f"the fork server cannot be started: {error}") from error
        self._loop.add_reader(self._control, self._read, self._control)

    def preload(self, count: int | None = None) -> asyncio.Future[None]:
        """Have the first so many modules imported, all by default, before anything that is asked for later.

        What is returned has the WorkerStartError that names what cannot be imported, if there is such.
        """
        count = len(self._preload) if count is None else min(count, len(self._preload))
        if count not in self._preloads:
            self._preloads[count] = self._loop.create_future()
            self._tell(forkserver.PRELOAD, count)
        return self._preloads[count]

    async def spawn(self, memory_bytes: int) -> WorkerProcess:
        """Fork one worker of at most so much address space, connected to us; it may not be ready yet."""
        ours, theirs = socket.socketpair()
        worker = WorkerProcess(release=self._release)
        # Connected before it is forked, while its end is open here too: when a socket ends in the moment that uvloop
        # takes it over, its descriptor is closed twice, the second time perhaps as somebody else's.
        with theirs:
            try:
                await self._loop.create_unix_connection(lambda: worker, sock=ours)
            except BaseException:
                ours.close()
                raise
            try:
                await self._request(worker, theirs, memory_bytes)
            except BaseException:
                worker.disconnect()
                raise
        return worker

    def retire(self) -> None:
        """Take no request any more: the process is about to be closed."""
        self._closing = True

    async def close(self) -> None:
        """Kill every worker, then let the process end; terminate it when it does not."""
        self.retire()
        workers = list(self._workers.values())
        for worker in workers:
            worker.kill()
        if workers:
            await asyncio.wait([worker.gone for worker in workers], timeout=_CLOSE_SECONDS)
        if self._control is not None:
            with contextlib.suppress(OSError, TimeoutError):
                self._control.shutdown(socket.SHUT_WR)
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._ended.wait()
        self.terminate()

    def terminate(self) -> None:
        """Kill the process now, and its workers with it."""
        self._closing = True
        self._end()

    def _beat(self) -> None:
        """Ask whether it lives, and end it when it has been silent for too long: it is replaced like one that died."""
        if not self.alive:
            return
        if self._unanswered >= PINGS_MAX:
            self._end_reason = HUNG
            self._end()
            return
        # To import takes as long as the disk makes it.
        if not self.preloading:
            self._unanswered += 1
            self._tell(forkserver.PING, 0)
        self._pulse = self._loop.call_later(PING_SECONDS, self._beat)

    def _tell(self, verb: bytes, number: int) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):  # a full socket is silence, and one that is closed is read as its end
                self._control.send(forkserver.RECORD.pack(verb, number, 0))

    async def _request(self, worker: WorkerProcess, connection: socket.socket, memory_bytes: int) -> None:
        number = next(self._numbers)
        if not self.alive or self._control is None:
            raise WorkerStartError("the fork server has ended")
        forked: asyncio.Future[None] = self._loop.create_future()
        record = forkserver.RECORD.pack(forkserver.SPAWN, number, memory_bytes)
        try:
            socket.send_fds(self._control, [record], [connection.fileno()])
        except OSError as error:
            raise WorkerStartError(f"the fork server does not take requests: {error}") from error
        self._requests[number] = _Request(worker, forked)
        try:
            async with asyncio.timeout(PING_SECONDS * (PINGS_MAX + 1)):
                await forked
        except TimeoutError:
            raise WorkerStartError("the fork server has not forked in time") from None
        finally:
            del self._requests[number]

    def _read(self, control: socket.socket) -> None:
        try:
            data = control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        self._unanswered = 0
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "preloaded":
                self._begin()
                self._imported(self._preloads[event["count"]], event["failed"], event["threads"])
            case "forked":
                self._adopt(event["request"], event["pid"])
            case "refused":
                request = self._requests.get(event["request"])
                if request is not None and not request.forked.done():
                    request.forked.set_exception(WorkerStartError(f"no process can be forked: {event['problem']}"))
            case "reaped":
                if (dead := self._unreaped.pop(event["pid"], None)) is not None:
                    dead.reaped(event["peak_bytes"])
            case "exited":
                worker = self._workers.get(event["pid"])
                if worker is None:
                    self._release(event["pid"])
                else:
                    worker.process_ended(event["status"])

    def _begin(self) -> None:
        """Watch over the process from its first answer on."""
        if not self._started:
            self._started = True
            self._beat()

    def _imported(self, done: asyncio.Future[None], failed: Mapping[str, str], threads: Sequence[str]) -> None:
        if threads:
            _log.warning("fork server has threads", extra={"threads": ", ".join(threads)})
        if done.done():
            return
        if not failed:
            done.set_result(None)
            return
        problems = "; ".join(f"{name}: {problem}" for name, problem in sorted(failed.items()))
        # What only later workers share is waited for by nobody: they import it themselves, and tell what that comes to.
        _log.warning("fork server lacks modules", extra={"problems": problems})
        _fail(done, WorkerStartError(f"worker processes cannot import what they need: {problems}"))

    def _adopt(self, number: int, pid: int) -> None:
        request = self._requests.get(number)
        if request is None or request.forked.done():
            return  # nobody wants it any more: its socket is closed, so it ends by itself
        self._begin()
        self._workers[pid] = request.worker
        request.worker.forked(pid)
        request.forked.set_result(None)

    def _release(self, pid: int) -> None:
        """Let the fork server reap a dead worker: from now on its pid may be anybody's."""
        worker = self._workers.pop(pid, None)
        if worker is not None:
            self._unreaped[pid] = worker
        if not self._ended.is_set():
            self._tell(forkserver.REAP, pid)

    def _end(self) -> None:
        """Clear up after the process, which has closed its socket or does not react."""
        if self._control is None:
            return
        if self._pulse is not None:
            self._pulse.cancel()
        self._loop.remove_reader(self._control)
        self._control.close()
        self._control = None
        self._ended.set()
        how = "could not be started"
        if self._process is not None:
            self._process.kill()
            how = _describe_exit(self._process.wait())
        if self._end_reason == HUNG:
            how = "hung"
        problem = ForkServerDiedError(f"the fork server {how}")
        for answer in (*self._preloads.values(), *(request.forked for request in self._requests.values())):
            if not answer.done():
                _fail(answer, problem)
        for worker in list(self._workers.values()):
            worker.kill()
            worker.process_ended(None)
            self._loop.run_in_executor(None, _bury, worker.pid)
        if self._started and not self._closing:
            self._on_death(self._end_reason)


def _fail(answer: asyncio.Future[None], error: WorkerStartError) -> None:
    """Fail what somebody may wait for, or nobody."""
    answer.set_exception(error)
    answer.exception()


def _bury(pid: int) -> None:
    """Reap an orphan of the fork server: as PID 1 of a container it is ours, and nobody else would."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def search_path() -> list[str]:
    """Return where modules are found, for a process with another working directory or none of our `-m`."""
    return [str(Path(entry).absolute()) for entry in sys.path]


def _describe_exit(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
