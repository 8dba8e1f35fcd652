"""How many CPUs this process may really use, and the pool sizes that follow; knows nothing of the pools."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_IO_WORKERS_PER_CORE = 5
_IO_WORKERS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """CPUs that may be used at once, fractions included, and what says so."""

    count: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSize:
    """How many workers a pool has, and where the number comes from."""

    workers: int
    source: str


def available_cores() -> float:
    """Return the CPUs that may be used at once, fractions included."""
    return detect_cores().count


def detect_cores(
    *,
    cgroup_root: Path = Path("/sys/fs/cgroup"),
    membership: Path = Path("/proc/self/cgroup"),
    affinity: int | None = None,
) -> Cores:
    """Take the smallest of the cgroup quotas (v2 and v1) and the affinity mask, which reflects cpusets."""
    allowed = _affinity(affinity)
    quotas = [*_quotas_v2(cgroup_root, membership), *_quotas_v1(cgroup_root, membership)]
    return min([*quotas, allowed], key=lambda cores: cores.count)


def cpu_workers(configured: int, cores: float) -> PoolSize:
    """Size the CPU pool: as configured, or one core less than there are, for the main loop keeps one."""
    if configured:
        return PoolSize(workers=configured, source="configured")
    return PoolSize(workers=max(1, int(cores) - 1), source=f"automatic, max(1, {cores:g} cores - 1)")


def io_workers(configured: int, cores: float) -> PoolSize:
    """Size the I/O pool: as configured, or a few threads for each core, which mostly wait."""
    if configured:
        return PoolSize(workers=configured, source="configured")
    workers = min(max(1, int(cores)) * _IO_WORKERS_PER_CORE, _IO_WORKERS_MAX)
    source = f"automatic, min({cores:g} cores * {_IO_WORKERS_PER_CORE}, {_IO_WORKERS_MAX})"
    return PoolSize(workers=workers, source=source)


def _affinity(injected: int | None) -> Cores:
    if injected is not None:
        return Cores(count=float(injected), source="affinity mask")
    if hasattr(os, "sched_getaffinity"):
        return Cores(count=float(len(os.sched_getaffinity(0))), source="affinity mask")
    return Cores(count=float(os.cpu_count() or 1), source="machine")


def _quotas_v2(root: Path, membership: Path) -> Iterator[Cores]:
    for folder in _folders(root, _own_path(membership, "")):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            yield Cores(count=int(quota) / int(period), source="cgroup v2 cpu.max")


def _quotas_v1(root: Path, membership: Path) -> Iterator[Cores]:
    path = _own_path(membership, "cpu")
    for controller in ("cpu", "cpu,cpuacct"):
        for folder in _folders(root / controller, path):
            quota = _read(folder / "cpu.cfs_quota_us")
            period = _read(folder / "cpu.cfs_period_us")
            if quota.isdigit() and period.isdigit() and int(quota) and int(period):
                yield Cores(count=int(quota) / int(period), source="cgroup v1 cfs quota")


def _folders(root: Path, path: str | None) -> Iterator[Path]:
    """Yield the process's own group and every group above it: a quota anywhere on the way binds."""
    if path is None:
        return
    inside = path.strip("/")
    # A group outside the namespace's root reads "/../..": only the root itself can be looked at.
    folder = root if ".." in inside.split("/") else root / inside
    while folder != root:
        yield folder
        folder = folder.parent
    yield root


def _own_path(membership: Path, controller: str) -> str | None:
    """Find the group's path in lines such as `0::/a` (v2, no controller) or `4:cpu,cpuacct:/a` (v1)."""
    for line in _read(membership).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            return path
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
