"""The small process that preloads the parsing libraries once and forks workers on request; it runs no task.

It speaks JSON lines to the daemon and takes fixed records from it, one after the other: what is to be preloaded and
what is to be forked, in the order in which that is needed. Each `SPAWN` comes with the socket of the new worker. A dead
worker stays a zombie until the daemon says `REAP`: until then nobody else can have its pid, so the daemon may kill by
pid without ever hitting a stranger.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import memory_release, sandbox, worker_main
from .rusage import RU_MAXRSS_UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORD = struct.Struct("!cQQ")
"""What to do, the number it is about (a request, a pid, how many modules), bytes of memory."""
PRELOAD = b"L"
SPAWN = b"S"
REAP = b"R"
PING = b"P"


def main(*, control_fd: int, parent_pid: int, preload: Sequence[str]) -> None:
    """Do what the daemon asks for until it closes the control socket; `preload` are the modules that it may ask for."""
    sandbox.die_with_parent(parent_pid, "headgate-forks")
    sandbox.ignore_group_signals()
    sandbox.give_way()
    control = socket.socket(fileno=control_fd)
    ForkServer(control, preload).serve()
    os._exit(0)


class ForkServer:
    """Imports modules and forks workers; reports what fails, the workers' pids and their ends."""

    def __init__(self, control: socket.socket, preload: Sequence[str]) -> None:
        self._control = control
        self._preload, self._preloaded = preload, 0
        self._children: set[int] = set()
        self._wake, wake_writer = socket.socketpair()
        self._wake.settimeout(0.0)
        wake_writer.settimeout(0.0)
        self._wake_writer = wake_writer

    def serve(self) -> None:
        """Fork on request until the control socket ends; then take every worker along."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            self._selector = selector
            while self._turn():
                self._report_ends()
        for pid in self._children:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)

    def _turn(self) -> bool:
        ready = [key.fileobj for key, _ in self._selector.select()]
        if self._wake in ready:
            self._wake.recv(4096)
        return self._control not in ready or self._obey()

    def _obey(self) -> bool:
        try:
            record, descriptors, _, _ = socket.recv_fds(self._control, RECORD.size, 1)
        except OSError:
            return False
        if len(record) < RECORD.size:
            return False
        verb, number, memory_bytes = RECORD.unpack(record)
        if verb == REAP:
            self._reap(number)
        elif verb == PING:
            _tell(self._control, {"event": "alive"})
        elif verb == PRELOAD:
            self._import(number)
        else:
            self._fork(number, socket.socket(fileno=descriptors[0]), memory_bytes)
        return True

    def _import(self, count: int) -> None:
        """Import the first so many of the modules, as far as that has not been done."""
        with memory_release.uncollected():
            failed = {name: problem for name in self._preload[self._preloaded : count] if (problem := _import(name))}
        self._preloaded = max(self._preloaded, count)
        _tell(self._control, {"event": "preloaded", "count": count, "failed": failed, "threads": _other_threads()})

    def _fork(self, request: int, connection: socket.socket, memory_bytes: int) -> None:
        parent_pid = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            _tell(self._control, {"event": "refused", "request": request, "problem": str(error)})
            connection.close()
            return
        if pid == 0:
            self._become_worker(connection, parent_pid, memory_bytes)
        connection.close()
        self._children.add(pid)
        _tell(self._control, {"event": "forked", "request": request, "pid": pid})

    def _become_worker(self, connection: socket.socket, parent_pid: int, memory_bytes: int) -> None:
        """Shed what belongs to the fork server and work; never return into its loop."""
        code = 70
        try:
            sandbox.die_with_parent(parent_pid, "headgate-worker")
            sandbox.lead_own_session()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            for inherited in (self._control, self._wake, self._wake_writer):
                inherited.close()
            worker_main.serve(connection, memory_bytes)
            code = 0
        except ConnectionError:
            code = 0  # the daemon has let go of this worker while it was answering
        except BaseException:  # noqa: BLE001  # told here, because nothing may unwind into the fork server's frames
            traceback.print_exc()
        finally:
            os._exit(code)

    def _reap(self, pid: int) -> None:
        """Let the pid go, and tell the most memory that the process ever held: only now does the kernel say."""
        with contextlib.suppress(ChildProcessError):
            _, _, used = os.wait4(pid, 0)
            _tell(self._control, {"event": "reaped", "pid": pid, "peak_bytes": used.ru_maxrss * RU_MAXRSS_UNIT})

    def _report_ends(self) -> None:
        for pid in list(self._children):
            status = _peek_exit(pid)
            if status is not None:
                self._children.discard(pid)
                _tell(self._control, {"event": "exited", "pid": pid, "status": status})


def _import(name: str) -> str | None:
    """Import `module`, or call `module:function`; return what went wrong."""
    module, _, function = name.partition(":")
    try:
        imported = importlib.import_module(module)
        if function:
            getattr(imported, function)()
    except Exception as error:  # noqa: BLE001  # the daemon says what is wrong, whatever it is
        return f"{type(error).__name__}: {error}"
    return None


def _other_threads() -> list[str]:
    """Name the threads that preloading has started: forking beside them can freeze a worker."""
    folder = Path("/proc/self/task")
    own = str(threading.get_native_id())
    if not folder.is_dir():
        return []
    return [(task / "comm").read_text().strip() for task in folder.iterdir() if task.name != own]


def _tell(control: socket.socket, event: dict[str, Any]) -> None:
    with contextlib.suppress(ConnectionError):  # the daemon has gone: its socket ends the loop
        control.sendall(json.dumps(event).encode() + b"\n")


def _peek_exit(pid: int) -> int | None:
    """Return the exit code, or minus the signal, of a child that has ended, and leave it a zombie."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13: reaped at once
        ended, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None
    info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if info is None:
        return None
    return info.si_status if info.si_code == os.CLD_EXITED else -info.si_status
