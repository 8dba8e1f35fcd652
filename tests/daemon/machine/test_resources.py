"""CPU, memory and pressure from cgroup files of both versions, as kernels write them, and from this machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import psutil
import pytest

from daemon.machine import resources
from daemon.machine.cgroup import CgroupTree

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_cgroup_version_2(tmp_path: Path) -> None:
    root, membership = tmp_path / "cgroup", tmp_path / "membership"
    membership.write_text("0::/app\n")
    write(root, cgroup__controllers="cpu memory")
    write(
        root / "app",
        cpu__stat="usage_usec 2500000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 700000\n",
        memory__current="104857600\n",
        memory__max="209715200\n",
        memory__stat="anon 1\ninactive_file 4857600\n",
        memory__events="low 0\nhigh 4\nmax 3\noom 2\noom_kill 1\n",
        memory__pressure="some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=500000\n",
    )
    cgroup = resources.find_cgroup(CgroupTree(root=root, membership=membership))
    cpu = resources.cpu_use(cgroup)
    assert (cpu.scope, cpu.seconds_total, cpu.throttled_seconds_total) == ("cgroup", 2.5, 0.7)
    assert (cpu.periods_total, cpu.throttled_periods_total) == (10, 3)
    memory = resources.memory_use(cgroup)
    assert (memory.scope, memory.working_set_bytes, memory.limit_bytes) == ("cgroup", 100_000_000, 209_715_200)
    assert dict(memory.events) == {"high": 4, "max": 3, "oom": 2, "oom_kill": 1}
    [pressure] = [one for one in resources.pressures(cgroup, tmp_path / "none") if one.resource == "memory"]
    assert (pressure.waiting_seconds_total, pressure.stalled_seconds_total) == (1.5, 0.5)


def test_a_memory_limit_of_a_group_above_binds_too(tmp_path: Path) -> None:
    root, membership = tmp_path / "cgroup", tmp_path / "membership"
    membership.write_text("0::/pod/app\n")
    write(root, cgroup__controllers="cpu memory")
    write(root / "pod", memory__current="104857600\n", memory__max="209715200\n")
    write(root / "pod" / "app", cpu__stat="usage_usec 1\n", memory__current="4096\n", memory__max="max\n")
    memory = resources.memory_use(resources.find_cgroup(CgroupTree(root=root, membership=membership)))
    assert (memory.working_set_bytes, memory.limit_bytes) == (4096, 209_715_200)
    (root / "pod" / "memory.max").write_text("104857600\n")
    changed = resources.memory_use(resources.find_cgroup(CgroupTree(root=root, membership=membership)))
    assert changed.limit_bytes == 104_857_600


@pytest.mark.parametrize("mount", [("cpu", "cpuacct"), ("cpu,cpuacct", "cpu,cpuacct")])
def test_cgroup_version_1(tmp_path: Path, mount: tuple[str, str]) -> None:
    root, membership = tmp_path / "cgroup", tmp_path / "membership"
    membership.write_text("4:cpu,cpuacct:/app\n5:memory:/app\n")
    write(root / mount[0] / "app", cpu__stat="nr_periods 10\nnr_throttled 3\nthrottled_time 700000000\n")
    write(root / mount[1] / "app", cpuacct__usage="2500000000\n")
    write(
        root / "memory" / "app",
        memory__usage_in_bytes="104857600\n",
        memory__limit_in_bytes="9223372036854771712\n",
        memory__stat="total_inactive_file 4857600\n",
        memory__failcnt="7\n",
        memory__oom_control="oom_kill_disable 0\noom_kill 2\n",
    )
    cgroup = resources.find_cgroup(CgroupTree(root=root, membership=membership))
    cpu, memory = resources.cpu_use(cgroup), resources.memory_use(cgroup)
    assert (cpu.scope, cpu.seconds_total, round(cpu.throttled_seconds_total, 6)) == ("cgroup", 2.5, 0.7)
    assert memory.working_set_bytes == 100_000_000
    assert memory.limit_bytes == psutil.virtual_memory().total, "a limit beyond the machine is none"
    assert dict(memory.events) == {"high": 0, "max": 7, "oom": 0, "oom_kill": 2}


def test_the_root_group_of_version_1_is_the_host(tmp_path: Path) -> None:
    root, membership = tmp_path / "cgroup", tmp_path / "membership"
    membership.write_text("2:cpuacct:/\n1:cpu:/\n0::/\n")
    write(root / "cpuacct", cpuacct__usage="2500000000\n", release_agent="\n")
    write(root / "cpu", cpu__stat="nr_periods 0\n", release_agent="\n")
    use = resources.cpu_use(resources.find_cgroup(CgroupTree(root=root, membership=membership)))
    assert use.scope == "host"
    assert use.seconds_total > 0


def test_a_container_of_version_1_has_its_group_at_the_mount(tmp_path: Path) -> None:
    root, membership = tmp_path / "cgroup", tmp_path / "membership"
    membership.write_text("2:cpuacct:/docker/abc\n1:cpu:/docker/abc\n")
    write(root / "cpuacct", cpuacct__usage="2500000000\n")
    use = resources.cpu_use(resources.find_cgroup(CgroupTree(root=root, membership=membership)))
    assert (use.scope, use.seconds_total, use.periods_total) == ("cgroup", 2.5, 0)


def test_a_machine_under_load_has_waited_no_less_than_before() -> None:
    cgroup = resources.find_cgroup()
    before, after = resources.system_use(cgroup), resources.system_use(cgroup)
    assert after.cpu.seconds_total >= before.cpu.seconds_total
    for one, other in zip(before.pressures, after.pressures, strict=True):
        assert one.waiting_seconds_total >= one.stalled_seconds_total >= 0
        assert other.waiting_seconds_total >= one.waiting_seconds_total


def test_the_disk_of_a_folder(tmp_path: Path) -> None:
    use, shown = resources.disk_use(tmp_path), shutil.disk_usage(tmp_path)
    assert 0 < use.free_bytes <= use.size_bytes <= shown.total
    with pytest.raises(OSError, match="none"):
        resources.disk_use(tmp_path / "none")


def test_without_a_cgroup_the_host_is_told_of(tmp_path: Path) -> None:
    cgroup = resources.find_cgroup(CgroupTree(root=tmp_path / "none", membership=tmp_path / "none"))
    before = resources.cpu_use(cgroup)
    sum(number * number for number in range(3_000_000))
    after = resources.cpu_use(cgroup)
    assert before.scope == after.scope == "host"
    assert after.seconds_total > before.seconds_total
    memory = resources.memory_use(cgroup)
    assert memory.events == {"oom_kill": resources.memory_kills(cgroup)}
    assert resources.memory_kills(cgroup, tmp_path / "none") == 0
    assert 0 < memory.working_set_bytes < memory.limit_bytes == psutil.virtual_memory().total
    assert resources.pressures(cgroup, tmp_path) == ()


def test_processes_and_threads_of_this_machine() -> None:
    processes, threads = resources.process_counts()
    assert threads >= processes >= 1
