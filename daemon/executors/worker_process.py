"""One CPU worker process as the daemon sees it: its socket, its task in flight, its end; knows nothing of pools."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from ..machine.kernel_files import read
from . import framing

if TYPE_CHECKING:
    from collections.abc import Callable

_TICKS: Final = os.sysconf("SC_CLK_TCK")
# A process that a task has started outside the worker's group may hold the socket open after the worker's end.
_SOCKET_GRACE_SECONDS = 1.0
# The fork server answers at once, unless it ends in that moment.
_REAPED_SECONDS = 1.0


class WorkerEndedError(Exception):
    """The worker's process ended before it answered."""

    def __init__(self, *, how: str, accepted: bool) -> None:
        super().__init__(how)
        self.how = how
        self.accepted = accepted


class WorkerProcess(asyncio.Protocol):
    """A process of the fork server, one task at a time.

    It is gone when its process has ended *and* its socket has been read to the end, so that an answer sent
    just before the end still counts.
    """

    def __init__(self, *, release: Callable[[int], None]) -> None:
        self._pid: int | None = None
        self.foreign: bool | None = None
        """Whether it runs code that is not Headgate's own; decided by its first task."""
        self.changed = ""
        self.tasks_done = 0
        self.out_of_cpu = False
        self.orphaned = False
        self.killed = False
        """Whether SIGKILL has ended it, whoever sent that."""
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._release = release
        self._frames = framing.FrameBuffer()
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[framing.Frame] | None = None
        self._accepted = False
        self._cpu_before: float | None = None
        self._cpu_answered = 0.0
        self._cpu_ended: float | None = None
        self._socket_ended = False
        self._how: str | None = None
        self._peak_bytes: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        """The process id, once it has been forked."""
        assert self._pid is not None  # noqa: S101  # nobody has a worker before
        return self._pid

    def forked(self, pid: int) -> None:
        """Take note of the process that has the other end of the socket."""
        self._pid = pid
        if self._socket_ended:
            self.kill()

    def disconnect(self) -> None:
        """Close the socket: whoever has its other end is not wanted any more."""
        if self._transport is not None:
            self._transport.abort()

    async def ready(self) -> None:
        """Wait until the worker can take a task; WorkerEndedError when it never will."""
        await self._ready

    def send(self, task: framing.Frame) -> None:
        """Send one task: it begins now, and whatever else there is to do can be done meanwhile."""
        self._answer = asyncio.get_running_loop().create_future()
        self._accepted = False
        self._cpu_before = _cpu_seconds(self.pid)
        if self.gone.done() or self._transport is None:
            self._answer.set_exception(self._ended())
            return
        # uvloop refuses to write to a socket that has ended, before it says so: the end fails the answer.
        with contextlib.suppress(RuntimeError):
            self._transport.writelines(framing.pack(task))

    def cpu_seconds_of_task(self) -> float | None:
        """Return how much CPU time the task has had; None where the system does not say."""
        now = _cpu_seconds(self.pid)
        return None if now is None or self._cpu_before is None else now - self._cpu_before

    @property
    def cpu_seconds(self) -> float:
        """The CPU time of its whole life once it has ended; of its tasks alone where the system did not say."""
        return self._cpu_answered if self._cpu_ended is None else self._cpu_ended

    async def answer(self) -> framing.Frame:
        """Wait for the answer to the task that was sent; WorkerEndedError when the worker ends first."""
        assert self._answer is not None  # noqa: S101  # a task was sent before
        try:
            answer = await self._answer
        finally:
            self._answer = None
        self.tasks_done += 1
        self._cpu_answered += answer.numbers[1]
        return answer

    def kill(self) -> None:
        """End the process and what its task has started, now."""
        if self._how is not None or self._pid is None:
            return
        # Before the worker has made its own group there is only the process itself to kill.
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)

    def abandon(self, error: Exception) -> None:
        """Give the caller that waits for the answer this error, and kill."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.kill()

    def process_ended(self, status: int | None) -> None:
        """Take note of the exit code, or minus the signal, that the fork server reports; None when unknown."""
        if self._how is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._how = _describe(status)
        self.out_of_cpu = status == -signal.SIGXCPU
        self.orphaned = status is None
        self.killed = status == -signal.SIGKILL
        # Until it is reaped the kernel knows.
        self._cpu_ended = _cpu_seconds(self.pid)
        self._release(self.pid)
        if self._socket_ended or self._transport is None:
            self._settle()
        else:
            asyncio.get_running_loop().call_later(_SOCKET_GRACE_SECONDS, self._transport.abort)

    def reaped(self, peak_bytes: int) -> None:
        """Take note of the most memory that the process ever held."""
        if not self._peak_bytes.done():
            self._peak_bytes.set_result(peak_bytes)

    async def peak_bytes(self) -> int | None:
        """Return the most memory that a worker that has ended ever held; None when the fork server does not say."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REAPED_SECONDS):
                return await self._peak_bytes
        return None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (called by the event loop)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no common class
        if self.gone.done():
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Sort what the worker says (called by the event loop)."""
        for frame in self._frames.feed(data):
            match frame.kind:
                case framing.READY:
                    if not self._ready.done():
                        self._ready.set_result(None)
                case framing.BEGUN:
                    self._accepted = True
                case framing.CHANGED:
                    self.changed = frame.body.decode()
                case _:
                    if self._answer is not None and not self._answer.done():
                        self._answer.set_result(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make sure that a worker without a socket ends (called by the event loop)."""
        del exc
        self._socket_ended = True
        self.kill()
        if self._how is not None:
            self._settle()

    def _settle(self) -> None:
        if self.gone.done():
            return
        self.gone.set_result(None)
        if self._transport is not None:
            self._transport.abort()
        for waiting in (self._ready, self._answer):
            if waiting is not None and not waiting.done():
                waiting.set_exception(self._ended())
        # Somebody waits for it only while the worker starts.
        with contextlib.suppress(asyncio.InvalidStateError, asyncio.CancelledError):
            self._ready.exception()

    def _ended(self) -> WorkerEndedError:
        return WorkerEndedError(how=self._how or "it has lost its socket", accepted=self._accepted)


def _cpu_seconds(pid: int) -> float | None:
    """Return the CPU time of a process and of its children that have ended, proc(5)."""
    ticks = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[11:15]
    return sum(map(int, ticks)) / _TICKS if ticks else None


def _describe(status: int | None) -> str:
    if status is None:
        return "it died with its fork server"
    if status >= 0:
        return f"it exited with code {status}"
    try:
        return f"it was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"it was ended by signal {-status}"
