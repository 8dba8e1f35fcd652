"""How many CPUs this process may really use: affinity mask and control groups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from .cgroup import CgroupTree
from .kernel_files import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """CPUs that may be used at once, fractions included, and what says so."""

    count: float
    source: str


def available_cores() -> float:
    """Return the CPUs that may be used at once, fractions included."""
    return detect_cores().count


def detect_cores(tree: CgroupTree | None = None, *, affinity: int | None = None) -> Cores:
    """Take the smallest of the cgroup quotas (v2 and v1) and the affinity mask, which reflects cpusets."""
    tree = tree or CgroupTree()
    quotas = [*_quotas_v2(tree), *_quotas_v1(tree)]
    return min([*quotas, _affinity(affinity)], key=lambda cores: cores.count)


def _affinity(injected: int | None) -> Cores:
    if injected is not None:
        return Cores(count=float(injected), source="affinity mask")
    if hasattr(os, "sched_getaffinity"):
        return Cores(count=float(len(os.sched_getaffinity(0))), source="affinity mask")
    return Cores(count=float(os.cpu_count() or 1), source="machine")


def _quotas_v2(tree: CgroupTree) -> Iterator[Cores]:
    for folder in tree.unified():
        quota, _, period = read(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            yield Cores(count=int(quota) / int(period), source="cgroup v2 cpu.max")


def _quotas_v1(tree: CgroupTree) -> Iterator[Cores]:
    for folder in tree.controller("cpu", "cpu", "cpu,cpuacct"):
        quota = read(folder / "cpu.cfs_quota_us")
        period = read(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(quota) and int(period):
            yield Cores(count=int(quota) / int(period), source="cgroup v1 cfs quota")
