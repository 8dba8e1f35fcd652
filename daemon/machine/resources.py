"""CPU, memory and pressure of where this process may run: the cgroup's numbers first, the host's otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil

from .cgroup import CgroupTree
from .kernel_files import read

Scope = Literal["cgroup", "host"]

MICROSECONDS: Final = 1e-6
NANOSECONDS: Final = 1e-9
MEMORY_EVENTS: Final = ("high", "max", "oom", "oom_kill")
PRESSURES: Final = ("cpu", "memory", "io")


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUse:
    """CPU seconds used, and throttling where there is a quota."""

    scope: Scope
    seconds_total: float
    throttled_seconds_total: float = 0.0
    periods_total: int = 0
    throttled_periods_total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Memory that cannot be reclaimed at once, and the limit it runs into; bytes."""

    scope: Scope
    working_set_bytes: int
    limit_bytes: int
    events: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """Seconds in which some (`waiting`) or all (`stalled`) tasks waited for a resource, since boot."""

    resource: str
    waiting_seconds_total: float
    stalled_seconds_total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemUse:
    """Everything about the machine at one moment."""

    cpu: CpuUse
    memory: MemoryUse
    pressures: tuple[Pressure, ...]
    processes: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse:
    """What may be written on a disk, and its size; bytes, without what is kept for root."""

    free_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroup:
    """Where the numbers of this process's control group are, of either version; None where there are none."""

    unified: Path | None
    quota: Path | None
    cpu: Path | None
    memory: Path | None
    memory_limits: tuple[Path, ...]
    """A limit of any group above binds too."""


def find_cgroup(tree: CgroupTree | None = None) -> Cgroup:
    """Return the folders with this process's numbers. Blocking, but brief."""
    tree = tree or CgroupTree()
    both = "cpu,cpuacct"  # as systemd mounts the two
    limits = [folder / "memory.max" for folder in tree.unified()]
    limits += [folder / "memory.limit_in_bytes" for folder in tree.controller("memory")]
    return Cgroup(
        # The root group of a host has no memory file: the host's numbers say more.
        unified=_first(tree.unified(), "memory.current"),
        quota=_first(tree.controller("cpu", "cpu", both), "cpu.stat"),
        cpu=_first(tree.controller("cpuacct", "cpuacct", both), "cpuacct.usage"),
        memory=_first(tree.controller("memory"), "memory.usage_in_bytes"),
        memory_limits=tuple(path for path in limits if path.exists()),
    )


def _first(folders: Iterable[Path], wanted: str) -> Path | None:
    """Return the innermost folder that has the file; in a container that is the mount itself."""
    found = next((folder for folder in folders if (folder / wanted).exists()), None)
    # Only the host's root group has this file: its numbers are the host's, without a limit.
    return None if found is None or (found / "release_agent").exists() else found


def cpu_use(cgroup: Cgroup) -> CpuUse:
    """Return the CPU use of the cgroup, or of the host where there is none."""
    if cgroup.unified is not None:
        stat = _table(cgroup.unified / "cpu.stat")
        return CpuUse(
            scope="cgroup",
            seconds_total=stat.get("usage_usec", 0) * MICROSECONDS,
            throttled_seconds_total=stat.get("throttled_usec", 0) * MICROSECONDS,
            periods_total=stat.get("nr_periods", 0),
            throttled_periods_total=stat.get("nr_throttled", 0),
        )
    if cgroup.cpu is not None:
        stat = {} if cgroup.quota is None else _table(cgroup.quota / "cpu.stat")
        return CpuUse(
            scope="cgroup",
            seconds_total=_number(cgroup.cpu / "cpuacct.usage", 0) * NANOSECONDS,
            throttled_seconds_total=stat.get("throttled_time", 0) * NANOSECONDS,
            periods_total=stat.get("nr_periods", 0),
            throttled_periods_total=stat.get("nr_throttled", 0),
        )
    times = psutil.cpu_times()
    # Not idle, nor waiting for a disk, nor stolen by another guest; guests' time is user time already.
    working = ("user", "nice", "system", "irq", "softirq")
    return CpuUse(scope="host", seconds_total=sum(getattr(times, name, 0.0) for name in working))


def memory_use(cgroup: Cgroup) -> MemoryUse:
    """Return the working set and the limit of the cgroup, or of the host where there is no limit."""
    host = psutil.virtual_memory()
    if cgroup.unified is not None:
        stat = _table(cgroup.unified / "memory.stat")
        used = _number(cgroup.unified / "memory.current", 0) - stat.get("inactive_file", 0)
        events = _table(cgroup.unified / "memory.events")
        return MemoryUse(
            scope="cgroup",
            working_set_bytes=max(0, used),
            limit_bytes=_memory_limit(cgroup, host.total),
            events={event: events.get(event, 0) for event in MEMORY_EVENTS},
        )
    if cgroup.memory is not None:
        stat = _table(cgroup.memory / "memory.stat")
        used = _number(cgroup.memory / "memory.usage_in_bytes", 0) - stat.get("total_inactive_file", 0)
        return MemoryUse(
            scope="cgroup",
            working_set_bytes=max(0, used),
            limit_bytes=_memory_limit(cgroup, host.total),
            events={
                **dict.fromkeys(MEMORY_EVENTS, 0),
                "max": _number(cgroup.memory / "memory.failcnt", 0),
                "oom_kill": memory_kills(cgroup),
            },
        )
    return MemoryUse(
        scope="host",
        working_set_bytes=host.total - host.available,
        limit_bytes=host.total,
        # Nobody counts the others.
        events={"oom_kill": memory_kills(cgroup)},
    )


def memory_kills(cgroup: Cgroup, host: Path = Path("/proc/vmstat")) -> int:
    """Return how many processes the kernel has killed for memory: those of the cgroup, or of the host without one."""
    counted = host
    if cgroup.unified is not None:
        counted = cgroup.unified / "memory.events"
    elif cgroup.memory is not None:
        counted = cgroup.memory / "memory.oom_control"
    return _table(counted).get("oom_kill", 0)


def memory_limit(cgroup: Cgroup) -> int:
    """Return the bytes that all processes here may hold together: the lowest limit on the way up, or the machine's."""
    return _memory_limit(cgroup, psutil.virtual_memory().total)


def pressures(cgroup: Cgroup, host: Path = Path("/proc/pressure")) -> tuple[Pressure, ...]:
    """Return the pressure stall information of the cgroup, or of the host; none where the kernel has none."""
    found = []
    for resource in PRESSURES:
        own = cgroup.unified / f"{resource}.pressure" if cgroup.unified else None
        path = own if own is not None and own.exists() else host / resource
        lines = read(path).splitlines()
        totals = {line.split()[0]: int(line.rpartition("total=")[2]) for line in lines if "total=" in line}
        if totals:
            found.append(
                Pressure(
                    resource=resource,
                    waiting_seconds_total=totals.get("some", 0) * MICROSECONDS,
                    stalled_seconds_total=totals.get("full", 0) * MICROSECONDS,
                )
            )
    return tuple(found)


def process_counts(loadavg: Path = Path("/proc/loadavg")) -> tuple[int, int]:
    """Return how many processes and threads there are on this machine; without /proc both are the processes."""
    processes = len(psutil.pids())
    fields = read(loadavg).split()
    threads = int(fields[3].partition("/")[2]) if len(fields) > 3 else processes  # noqa: PLR2004  # proc(5)
    return processes, threads


def system_use(cgroup: Cgroup) -> SystemUse:
    """Return everything about the machine now."""
    processes, threads = process_counts()
    return SystemUse(
        cpu=cpu_use(cgroup),
        memory=memory_use(cgroup),
        pressures=pressures(cgroup),
        processes=processes,
        threads=threads,
    )


def disk_use(folder: Path) -> DiskUse:
    """Return how full the disk of a folder is. Blocking, and on a network disk perhaps for long.

    Raises:
        OSError: the folder is not there any more.

    """
    stat = os.statvfs(folder)
    used = stat.f_blocks - stat.f_bfree
    return DiskUse(free_bytes=stat.f_bavail * stat.f_frsize, size_bytes=(used + stat.f_bavail) * stat.f_frsize)


def _memory_limit(cgroup: Cgroup, total: int) -> int:
    return min([total, *(_number(path, total) for path in cgroup.memory_limits)])


def _number(path: Path, default: int) -> int:
    text = read(path)
    return int(text) if text.isdigit() else default


def _table(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}  # noqa: PLR2004  # a pair
