"""CPU, memory and pressure from cgroup files of both versions, as kernels write them, and from this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from daemon import resources
from daemon.process_groups import ProcessGroup

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
    cgroup = resources.find_cgroup(root, membership)
    cpu = resources.cpu_use(cgroup)
    assert (cpu.scope, cpu.seconds_total, cpu.throttled_seconds_total) == ("cgroup", 2.5, 0.7)
    assert (cpu.periods_total, cpu.throttled_periods_total) == (10, 3)
    memory = resources.memory_use(cgroup)
    assert (memory.scope, memory.working_set_bytes, memory.limit_bytes) == ("cgroup", 100_000_000, 209_715_200)
    assert dict(memory.events) == {"high": 4, "max": 3, "oom": 2, "oom_kill": 1}
    [pressure] = [one for one in resources.pressures(cgroup, tmp_path / "none") if one.resource == "memory"]
    assert (pressure.waiting_seconds_total, pressure.stalled_seconds_total) == (1.5, 0.5)


def test_cgroup_version_1(tmp_path: Path) -> None:
    root, membership = tmp_path / "cgroup", tmp_path / "membership"
    membership.write_text("4:cpu,cpuacct:/app\n5:memory:/app\n")
    write(
        root / "cpu" / "app",
        cpuacct__usage="2500000000\n",
        cpu__stat="nr_periods 10\nnr_throttled 3\nthrottled_time 700000000\n",
    )
    write(
        root / "memory" / "app",
        memory__usage_in_bytes="104857600\n",
        memory__limit_in_bytes="9223372036854771712\n",
        memory__stat="total_inactive_file 4857600\n",
        memory__oom_control="oom_kill_disable 0\noom_kill 2\n",
    )
    cgroup = resources.find_cgroup(root, membership)
    cpu, memory = resources.cpu_use(cgroup), resources.memory_use(cgroup)
    assert (cpu.scope, cpu.seconds_total, round(cpu.throttled_seconds_total, 6)) == ("cgroup", 2.5, 0.7)
    assert memory.working_set_bytes == 100_000_000
    assert memory.limit_bytes == psutil.virtual_memory().total, "a limit beyond the machine is none"
    assert memory.events["oom_kill"] == 2


def test_without_a_cgroup_the_host_is_told_of(tmp_path: Path) -> None:
    cgroup = resources.find_cgroup(tmp_path / "none", tmp_path / "none")
    before = resources.cpu_use(cgroup)
    sum(number * number for number in range(3_000_000))
    after = resources.cpu_use(cgroup)
    assert before.scope == after.scope == "host"
    assert after.seconds_total > before.seconds_total
    memory = resources.memory_use(cgroup)
    assert 0 < memory.working_set_bytes < memory.limit_bytes == psutil.virtual_memory().total
    assert resources.pressures(cgroup, tmp_path) == ()


def test_a_group_keeps_the_cpu_time_of_those_that_ended() -> None:
    script = "sum(n * n for n in range(6_000_000)); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as child:
        group = ProcessGroup("workers")
        pids = (os.getpid(), child.pid)
        seen = group.use(pids)
        while psutil.Process(child.pid).cpu_times().user < 0.2:
            pass
        running = group.use(pids)
        child.communicate(b"\n")
    assert running.processes == 2
    assert running.cpu_seconds > seen.cpu_seconds
    assert running.resident_bytes > 0
    ended = group.use((os.getpid(), child.pid))
    assert ended.processes == 1
    assert ended.cpu_seconds >= running.cpu_seconds


def test_processes_and_threads_of_this_machine() -> None:
    processes, threads = resources.process_counts()
    assert threads >= processes >= 1
