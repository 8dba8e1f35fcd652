"""What groups of processes use together: the daemon's own, its workers', and those of the application beside it."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUse:
    """A group of processes added up. CPU seconds include those of members that ended; bytes are resident."""

    group: str
    cpu_seconds: float
    resident_bytes: int
    open_fds: int
    processes: int


class ProcessGroup:
    """A named set of processes whose CPU time goes on counting when one of them ends."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ended_seconds = 0.0
        self._seen: dict[int, float] = {}

    def use(self, pids: Collection[int]) -> GroupUse:
        """Add the given processes up; those that have gone keep the CPU time they were last seen with."""
        seen: dict[int, float] = {}
        resident = descriptors = 0
        for pid in pids:
            try:
                process = psutil.Process(pid)
                with process.oneshot():
                    times = process.cpu_times()
                    seen[pid] = times.user + times.system
                    resident += process.memory_info().rss
                    descriptors += process.num_fds()
            except psutil.Error:
                continue
        self._ended_seconds += sum(seconds for pid, seconds in self._seen.items() if pid not in seen)
        self._seen = seen
        return GroupUse(
            group=self._name,
            cpu_seconds=self._ended_seconds + sum(seen.values()),
            resident_bytes=resident,
            open_fds=descriptors,
            processes=len(seen),
        )


def own_pid() -> tuple[int, ...]:
    """Return the daemon's own process id, as a group of one."""
    return (os.getpid(),)
