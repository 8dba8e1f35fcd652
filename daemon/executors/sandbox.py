"""What the kernel holds a worker process to: limits, signals, death with its parent; knows nothing of tasks."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE_BYTES_MAX = 4 * 1024**3
_OPEN_FILES_MAX = 256
# What a worker may use beyond its tasks' memory, so that it can still report that memory ran out.
_REPORT_RESERVE_BYTES = 64 * 1024**2
_NICENESS = 5
_AUTOGROUP = Path("/proc/self/autogroup")
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
# Ctrl-C, a closed terminal and a supervisor's SIGTERM reach the whole group: the daemon alone decides what ends.
_GROUP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _find_prctl() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    return prctl


def die_with_parent(parent_pid: int, name: str) -> None:
    """Be killed by the kernel when the parent goes, at once if it has gone already; take `name` in `ps` and `top`.

    The signal follows the parent's *thread* that made this process. Where there is no prctl (macOS), the end
    of the socket to the parent has to do.
    """
    prctl = _find_prctl()
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(0)


def ignore_group_signals() -> None:
    """Leave it to the daemon to end this process.

    By a function that does nothing: a signal that is ignored stays ignored in every program that is started from
    here, and nobody could end that with SIGTERM.
    """
    for number in _GROUP_SIGNALS:
        signal.signal(number, _do_nothing)
        signal.siginterrupt(number, False)  # noqa: FBT003  # it has no keyword


def heed_signals_in_children() -> None:
    """Let what a task forks without starting a program be ended by signals, too, from its first moment on."""
    block = functools.partial(signal.pthread_sigmask, signal.SIG_BLOCK, _GROUP_SIGNALS)
    unblock = functools.partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _GROUP_SIGNALS)

    def heed() -> None:
        for number in _GROUP_SIGNALS:
            if signal.getsignal(number) is _do_nothing:
                signal.signal(number, signal.SIG_DFL)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=heed)


def _do_nothing(*_: object) -> None:
    """Let a signal pass."""


def give_way() -> None:
    """Let the daemon's loop run first where there are too few cores for everybody, and never interrupt it."""
    os.nice(_NICENESS)
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def lead_own_session() -> None:
    """Lead a session and a process group, so that what a task starts is killed with the worker.

    Where no cgroup shares out the CPU, Linux shares it between sessions first, and niceness counts within a session
    only ("The autogroup feature" in sched(7)): the session itself is made to give way.
    """
    os.setsid()
    with contextlib.suppress(OSError):
        _AUTOGROUP.write_text(str(_NICENESS), encoding="ascii")


class TaskLimits:
    """What the next task may use: soft limits, below the hard ones that the process has for its whole life."""

    def __init__(self) -> None:
        # Asked once: every task passes here twice.
        self._memory_bytes = resource.getrlimit(resource.RLIMIT_AS)[1]
        self._cpu_seconds = resource.getrlimit(resource.RLIMIT_CPU)[1]

    def lower(self, *, memory_bytes: int, cpu_seconds: float) -> None:
        """Hold a task to so much address space, and the process to so much CPU time since it began."""
        _set(resource.RLIMIT_CPU, _lower(math.ceil(cpu_seconds), self._cpu_seconds), self._cpu_seconds)
        _set(resource.RLIMIT_AS, _lower(memory_bytes, self._memory_bytes), self._memory_bytes)

    def raise_memory(self) -> None:
        """Raise the limit of memory again, so that the answer can be built and the next task awaited."""
        _set(resource.RLIMIT_AS, self._memory_bytes, self._memory_bytes)


def limit_process(memory_bytes: int) -> TaskLimits:
    """Set the limits that hold for the worker's whole life."""
    ceiling = memory_bytes + _REPORT_RESERVE_BYTES
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _FILE_BYTES_MAX),
        (resource.RLIMIT_NOFILE, _OPEN_FILES_MAX),
        (resource.RLIMIT_AS, ceiling),
    ):
        # Never beyond what the system already allows.
        allowed = _lower(most, resource.getrlimit(kind)[1])
        _set(kind, allowed, allowed)
    return TaskLimits()


def _set(kind: int, soft: int, hard: int) -> None:
    """Set a limit; a system that refuses it goes without."""
    try:
        resource.setrlimit(kind, (soft, hard))
    except (OSError, ValueError):
        return


def _lower(first: int, second: int) -> int:
    bounded = [value for value in (first, second) if value != resource.RLIM_INFINITY]
    return min(bounded, default=resource.RLIM_INFINITY)
