"""What groups of processes use together, and which processes of the application belong to one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import psutil

RESCAN_SECONDS: Final = 5.0
"""How soon all processes are looked through again when none of a group is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUse:
    """A group of processes added up. CPU seconds include those of members that ended; bytes are resident.

    Descriptors are those of processes that this user may look into.
    """

    group: str
    cpu_seconds: float
    resident_bytes: int
    open_fds: int
    processes: int


class _Member(NamedTuple):
    cpu_seconds: float
    parent: int


class ProcessGroup:
    """A named set of processes whose CPU time goes on counting when one of them ends.

    Where the set has all descendants of its members (`of_parents`), those that ended are known from their parents, to
    which the kernel adds what a child has used once it was waited for (getrusage(2), RUSAGE_CHILDREN): those too that
    began and ended between two looks.
    """

    def __init__(self, name: str, *, of_parents: bool = False) -> None:
        self._name = name
        self._of_parents = of_parents and psutil.LINUX  # elsewhere psutil knows no time of children
        self._ended_seconds = 0.0
        self._counted_seconds = 0.0
        # A number is given to another process some day: the time of birth tells them apart.
        self._seen: dict[tuple[int, float], _Member] = {}

    def use(self, pids: Iterable[int], *, ended_seconds: float | None = None) -> GroupUse:
        """Add the given processes up, and what is known of those that ended.

        That is `ended_seconds`, if the caller knows; else they keep the CPU time they were last seen with, which may
        be all of the time between two looks too little.
        """
        seen: dict[tuple[int, float], _Member] = {}
        resident = descriptors = 0
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                with process.oneshot():
                    times = process.cpu_times()
                    if process.status() == psutil.STATUS_ZOMBIE:
                        continue
                    resident += process.memory_info().rss
                    seconds = times.user + times.system
                    if self._of_parents:
                        seconds += times.children_user + times.children_system
                    seen[pid, process.create_time()] = _Member(seconds, process.ppid())
                    with contextlib.suppress(psutil.AccessDenied):
                        descriptors += process.num_fds()
        if ended_seconds is None:
            self._ended_seconds += sum(self._lost(seen))
        else:
            self._ended_seconds = ended_seconds
        self._seen = seen
        # Between its end and its parent's notice of it, a process is in neither sum.
        total = self._ended_seconds + sum(member.cpu_seconds for member in seen.values())
        self._counted_seconds = max(self._counted_seconds, total)
        return GroupUse(
            group=self._name,
            cpu_seconds=self._counted_seconds,
            resident_bytes=resident,
            open_fds=descriptors,
            processes=len(seen),
        )

    def _lost(self, seen: Mapping[tuple[int, float], _Member]) -> Iterator[float]:
        """Yield the CPU time of those that ended and that nobody else here has taken over."""
        living = {pid for pid, _ in seen} if self._of_parents else set()
        for one, member in self._seen.items():
            if one not in seen and member.parent not in living:
                yield member.cpu_seconds


class WatchedProcesses:
    """The processes of an application, found by the file with its first pid or by the program's name.

    Descendants belong to them. All processes are looked through each `interval_seconds`, sooner when none is left.
    """

    def __init__(
        self, *, pidfile: Path | None = None, process: str | None = None, interval_seconds: float = 60.0
    ) -> None:
        self._pidfile, self._process, self._interval_seconds = pidfile, process, interval_seconds
        self._found: tuple[psutil.Process, ...] = ()
        self._next_at = 0.0

    def pids(self) -> tuple[int, ...]:
        """Return the pids of those that live now. Blocking, for milliseconds when it looks through all processes."""
        now = time.monotonic()
        alive = tuple(process for process in self._found if process.is_running())
        if now >= self._next_at or (self._found and not alive) or self._moved():
            alive = tuple(_with_descendants(self._first_ones()))
            self._next_at = now + (self._interval_seconds if alive else min(RESCAN_SECONDS, self._interval_seconds))
        self._found = alive
        return tuple(process.pid for process in alive)

    def _moved(self) -> bool:
        """Say whether the pid file names a process that is not among those that were found."""
        if self._pidfile is None or not self._found:
            return False
        named = _read_pid(self._pidfile)
        return named is not None and named not in {process.pid for process in self._found}

    def _first_ones(self) -> Collection[int]:
        if self._pidfile is not None:
            named = _read_pid(self._pidfile)
            return () if named is None else (named,)
        return tuple(process.pid for process in psutil.process_iter() if self._is_meant(process))

    def _is_meant(self, process: psutil.Process) -> bool:
        try:
            if process.name() == self._process:
                return True
            # An interpreter's first argument is the script: `python /usr/bin/gunicorn`.
            return self._process in {Path(word).name for word in process.cmdline()[:2]}
        except psutil.Error:
            return False


def _read_pid(path: Path) -> int | None:
    try:
        first = path.read_text(encoding="ascii").split(maxsplit=1)[0]
    except (OSError, ValueError, IndexError):
        return None
    return int(first) if first.isdigit() else None


def _with_descendants(pids: Collection[int]) -> Iterator[psutil.Process]:
    if not pids:
        return
    wanted = set(pids)
    by_pid: dict[int, psutil.Process] = {}
    parents: dict[int, int] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            parents[process.pid] = process.ppid()
            by_pid[process.pid] = process
    for pid, process in by_pid.items():
        above: int | None = pid
        passed: set[int] = set()
        while above is not None and above not in passed:
            if above in wanted:
                yield process
                break
            passed.add(above)
            above = parents.get(above)
