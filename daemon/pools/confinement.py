"""What the kernel holds a worker process to: limits, signals, death with its parent; knows nothing of tasks."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE_BYTES_MAX = 4 * 1024**3
_OPEN_FILES_MAX = 256
# What a worker may use beyond its tasks' memory, so that it can still report that memory ran out.
_REPORT_RESERVE_BYTES = 64 * 1024**2
_NICENESS = 5
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
# Ctrl-C, a closed terminal and a supervisor's SIGTERM reach the whole group: the daemon alone decides what ends.
_IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    """Leave it to the daemon to end this process."""
    for number in _IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def give_way() -> None:
    """Let the daemon's loop run first where there are too few cores for everybody, and never interrupt it."""
    os.nice(_NICENESS)
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def limit_process(memory_bytes: int) -> None:
    """Set the limits that hold for the worker's whole life."""
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_FSIZE, _FILE_BYTES_MAX, _FILE_BYTES_MAX)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES_MAX, _OPEN_FILES_MAX)
    ceiling = memory_bytes + _REPORT_RESERVE_BYTES
    _limit(resource.RLIMIT_AS, ceiling, ceiling)


def limit_task(memory_bytes: int, cpu_seconds: float) -> None:
    """Set the soft limits for the next task; CPU time counts from now, for a worker runs many tasks."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + cpu_seconds), None)
    _limit(resource.RLIMIT_AS, memory_bytes, None)


def unlimit_memory() -> None:
    """Raise the soft limit of memory again, so that the answer can be built and the next task awaited."""
    _limit(resource.RLIMIT_AS, resource.getrlimit(resource.RLIMIT_AS)[1], None)


def _limit(kind: int, soft: int, hard: int | None) -> None:
    """Lower a limit, never beyond what the system already allows; a system that refuses the limit goes without."""
    ceiling = resource.getrlimit(kind)[1]
    hard = ceiling if hard is None else _lower(hard, ceiling)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (_lower(soft, hard), hard))


def _lower(first: int, second: int) -> int:
    bounded = [value for value in (first, second) if value != resource.RLIM_INFINITY]
    return min(bounded, default=resource.RLIM_INFINITY)
