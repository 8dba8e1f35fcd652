"""Groups of real processes: what they use, who belongs to them, and what becomes of it when they end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import psutil
import pytest

from daemon.machine.process_groups import ProcessGroup, WatchedProcesses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
input()
child.communicate(b"\\n")
"""

BURNT_SECONDS = 0.5
PARENT = f"""
import subprocess, sys
burn = "import time\\nwhile time.process_time() < {BURNT_SECONDS}: pass\\nprint(flush=True); input()"
for _ in range(2):
    pipes = {{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}}
    child = subprocess.Popen([sys.executable, "-c", burn], **pipes)
    child.stdout.readline()
    print(child.pid, flush=True)
    input()
    child.communicate(b"\\n")
    print("waited for", flush=True)
"""


@contextmanager
def application(script: Path) -> Iterator[tuple[int, int]]:
    """Run a script that has a child; give both pids."""
    script.write_text(APPLICATION)
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            yield process.pid, child
        finally:
            process.communicate("\n", timeout=30)


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


@pytest.mark.skipif(not psutil.LINUX, reason="the time of children is not known here")
def test_an_application_counts_a_child_that_ended_once_whether_it_was_seen_or_not() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        group = ProcessGroup("erp", of_parents=True)
        counted = [group.use((parent.pid,)).cpu_seconds]
        for seen in (False, True):
            child = int(parent.stdout.readline())
            if seen:
                assert group.use((parent.pid, child)).processes == 2
            print(file=parent.stdin, flush=True)
            assert parent.stdout.readline() == "waited for\n"
            counted.append(group.use((parent.pid,)).cpu_seconds)
    for before, after in pairwise(counted):
        assert BURNT_SECONDS - 0.02 <= after - before < 2 * BURNT_SECONDS
    assert group.use(()).cpu_seconds == counted[-1]


def test_what_the_caller_knows_of_those_that_ended_is_what_counts() -> None:
    group = ProcessGroup("workers")
    seen = group.use((os.getpid(),), ended_seconds=1.0).cpu_seconds
    assert group.use((), ended_seconds=1.0).cpu_seconds == seen, "a counter never falls"
    assert group.use((), ended_seconds=seen + 5.0).cpu_seconds == seen + 5.0


def test_a_number_given_to_another_process_takes_no_cpu_time_away(monkeypatch: pytest.MonkeyPatch) -> None:
    group = ProcessGroup("workers")
    before = group.use((os.getpid(),))
    # The kernel cannot be asked for a certain pid: the same one is made to look younger.
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: time.time())
    after = group.use((os.getpid(),))
    assert after.processes == 1
    assert after.cpu_seconds >= 2 * before.cpu_seconds


def test_an_application_is_found_by_its_pid_file_with_its_children(tmp_path: Path) -> None:
    pidfile = tmp_path / "erp.pid"
    watched = WatchedProcesses(pidfile=pidfile, interval_seconds=0.0)
    assert watched.pids() == ()
    with application(tmp_path / "erp.py") as (parent, child):
        pidfile.write_text(f"{parent}\n")
        assert set(watched.pids()) == {parent, child}
        assert ProcessGroup("erp").use(watched.pids()).processes == 2
    assert watched.pids() == ()
    pidfile.write_text("not a number")
    assert watched.pids() == ()


def test_an_application_that_is_started_anew_is_followed_at_once(tmp_path: Path) -> None:
    pidfile = tmp_path / "erp.pid"
    watched = WatchedProcesses(pidfile=pidfile, interval_seconds=3600.0)
    with application(tmp_path / "erp.py") as first:
        pidfile.write_text(str(first[0]))
        assert set(watched.pids()) == set(first)
        with application(tmp_path / "erp.py") as second:
            pidfile.write_text(str(second[0]))
            assert set(watched.pids()) == set(second)


def test_an_application_is_found_by_the_name_of_its_script(tmp_path: Path) -> None:
    watched = WatchedProcesses(process="headgate-test-application", interval_seconds=3600.0)
    with application(tmp_path / "headgate-test-application") as pids:
        assert set(watched.pids()) == set(pids)
        looked_at = watched._next_at
        assert set(watched.pids()) == set(pids)
        assert watched._next_at == looked_at, "not all processes are looked through at each scrape"
    assert watched.pids() == ()


def test_a_program_is_found_by_its_own_name() -> None:
    own = psutil.Process().name()
    assert os.getpid() in WatchedProcesses(process=own).pids()
