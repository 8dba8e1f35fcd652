"""Where the number of cores comes from, on made-up machines and on this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.config.sizing import cpu_workers, io_workers
from daemon.machine.cgroup import CgroupTree
from daemon.machine.cores import available_cores, detect_cores

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.machine.cores import Cores


def _detect(tmp_path: Path, membership: str, files: dict[str, str], affinity: int = 8) -> Cores:
    (tmp_path / "membership").write_text(membership)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return detect_cores(CgroupTree(root=tmp_path / "cgroup", membership=tmp_path / "membership"), affinity=affinity)


@pytest.mark.parametrize(
    ("membership", "files", "count", "source"),
    [
        pytest.param("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5, "cgroup v2 cpu.max", id="v2"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, 8, "affinity mask", id="v2 without a quota"),
        pytest.param(
            "0::/a/b\n",
            {"a/b/cpu.max": "400000 100000", "a/cpu.max": "200000 100000"},
            2,
            "cgroup v2 cpu.max",
            id="the tightest group above binds",
        ),
        pytest.param("0::/../../elsewhere\n", {"cpu.max": "300000 100000"}, 3, "cgroup v2 cpu.max", id="outside"),
        pytest.param(
            "4:cpu,cpuacct:/pod\n",
            {"cpu,cpuacct/pod/cpu.cfs_quota_us": "50000", "cpu,cpuacct/pod/cpu.cfs_period_us": "100000"},
            0.5,
            "cgroup v1 cfs quota",
            id="v1",
        ),
        pytest.param(
            "4:cpu:/docker/of-the-host\n",
            {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"},
            2,
            "cgroup v1 cfs quota",
            id="v1 in a container",
        ),
        pytest.param(
            "4:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            8,
            "affinity mask",
            id="v1 without a quota",
        ),
        pytest.param("0::/\n", {"cpu.max": "nonsense"}, 8, "affinity mask", id="unreadable"),
    ],
)
def test_the_tightest_limit_counts(
    tmp_path: Path, membership: str, files: dict[str, str], count: float, source: str
) -> None:
    cores = _detect(tmp_path, membership, files)
    assert (cores.count, cores.source) == (count, source)


def test_the_affinity_mask_counts_when_it_is_tighter_than_the_quota(tmp_path: Path) -> None:
    cores = _detect(tmp_path, "0::/\n", {"cpu.max": "400000 100000"}, affinity=2)
    assert (cores.count, cores.source) == (2, "affinity mask")


def test_a_machine_without_cgroups_or_proc_counts_too(tmp_path: Path) -> None:
    cores = detect_cores(CgroupTree(root=tmp_path / "none", membership=tmp_path / "none"), affinity=3)
    assert cores.count == 3


def test_a_system_without_affinity_counts_its_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity")
    cores = detect_cores(CgroupTree(root=tmp_path, membership=tmp_path / "none"))
    assert cores.count >= 1
    assert cores.source == "machine"


def test_this_machine_has_cores() -> None:
    assert available_cores() > 0


@pytest.mark.parametrize(
    ("configured", "cores", "workers"), [(0, 0.5, 1), (0, 1, 1), (0, 2, 1), (0, 7.9, 6), (3, 8, 3)]
)
def test_cpu_workers(configured: int, cores: float, workers: int) -> None:
    size = cpu_workers(configured, cores)
    assert size.workers == workers
    assert size.source.startswith("configured" if configured else "automatic")


@pytest.mark.parametrize(
    ("configured", "cores", "workers"), [(0, 0.5, 5), (0, 1, 5), (0, 2, 10), (0, 64, 20), (50, 2, 50)]
)
def test_io_workers(configured: int, cores: float, workers: int) -> None:
    size = io_workers(configured, cores)
    assert size.workers == workers
    assert size.source.startswith("configured" if configured else "automatic")
