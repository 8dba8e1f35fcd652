"""What a worker process cannot reach, and what it can never outlive."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from descriptors import open_descriptors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from daemon.executors.executors import Executors


linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and prctl")


@linux_only
async def test_workers_run_under_their_limits(executors: Executors, tasks: ModuleType) -> None:
    limits = await executors.run_cpu(tasks.limits)
    assert limits["RLIMIT_AS"][0] == 2 * 1024**3
    assert limits["RLIMIT_AS"][1] < 2 * 1024**3 + 128 * 1024**2
    assert 60 <= limits["RLIMIT_CPU"][0] <= 62
    assert limits["RLIMIT_FSIZE"] == (4 * 1024**3, 4 * 1024**3)
    assert limits["RLIMIT_NOFILE"] == (256, 256)
    assert limits["RLIMIT_CORE"] == (0, 0)


async def test_credentials_never_reach_a_worker(make_executors: Callable[..., Executors], tasks: ModuleType) -> None:
    environ = {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "TZ": "Asia/Shanghai",
        "DATABASE_URL": "postgresql://me:secret@db/app",
        "HEADGATE_DATABASE__URL": "postgresql://me:secret@db/app",
        "API_TOKEN": "secret",
        "PGPASSWORD": "secret",
    }
    async with make_executors(environ=environ) as executors:
        seen = await executors.run_cpu(tasks.environment)
    assert "secret" not in json.dumps(seen)
    assert {"PATH", "LC_ALL", "TZ"} <= set(seen)


async def test_the_daemons_own_environment_is_not_inherited(
    executors: Executors, tasks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    assert "API_TOKEN" not in await executors.run_cpu(tasks.environment)


@linux_only
async def test_the_daemons_descriptors_do_not_leak_into_workers(
    make_executors: Callable[..., Executors], tasks: ModuleType, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, (tmp_path / "ledger").open("w") as file:
        os.set_inheritable(listening.fileno(), True)  # noqa: FBT003  # it takes no keyword
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003  # it takes no keyword
        async with make_executors(cpu_workers=3) as executors:
            found = await asyncio.gather(*(executors.run_cpu(tasks.descriptors) for _ in range(3)))
    for descriptors in found:
        sockets = [target for target in descriptors.values() if target.startswith("socket:")]
        assert len(sockets) == 1, descriptors
        assert str(tmp_path) not in str(descriptors)
        assert set(descriptors) <= {*range(8)}, descriptors


@linux_only
async def test_workers_let_the_daemon_run_first(executors: Executors, tasks: ModuleType) -> None:
    policy, niceness, session, autogroup = await executors.run_cpu(tasks.scheduling)
    assert policy == os.SCHED_BATCH
    assert niceness > os.nice(0) or niceness == 19
    assert session != os.getsid(0), "niceness would count for nothing where the kernel shares the CPU by sessions"
    assert autogroup in {"nice 5", ""}


async def test_signals_to_the_group_are_left_to_the_daemon(executors: Executors, tasks: ModuleType) -> None:
    assert await executors.run_cpu(tasks.outlive_signals) == ["SIGINT", "SIGTERM", "SIGHUP"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_programs_that_a_task_starts_heed_signals(
    executors: Executors, tasks: ModuleType, number: signal.Signals
) -> None:
    assert await executors.run_cpu(tasks.end_child_by, int(number)) == -number


@linux_only
@pytest.mark.parametrize("moment", ["busy", "idle"])
def test_a_killed_daemon_leaves_nothing_behind(task_folder: Path, moment: str) -> None:
    script = textwrap.dedent(
        f"""
        import asyncio, json, sys, psutil
        sys.path[:0] = [{str(task_folder)!r}, {str(task_folder.parent)!r}]
        import executor_fixtures, executor_tasks as tasks

        async def main():
            async with executor_fixtures.build(cpu_workers=3) as executors:
                await asyncio.gather(*(executors.run_cpu(tasks.sleep, 0.2) for _ in range(3)))
                if {moment!r} == "busy":
                    running = [asyncio.create_task(executors.run_cpu(tasks.spin_forever)) for _ in range(3)]
                    await asyncio.sleep(0.2)
                print(json.dumps([p.pid for p in psutil.Process().children(recursive=True)]), flush=True)
                await asyncio.sleep(300)

        asyncio.run(main())
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        pids = json.loads(daemon.stdout.readline())
        daemon.send_signal(signal.SIGKILL)
    assert len(pids) == 4
    give_up = time.monotonic() + 30
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < give_up
        time.sleep(0.02)


async def test_closing_leaves_no_process_descriptor_or_thread(
    make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    async def use() -> None:
        async with make_executors() as executors:
            await asyncio.gather(*(executors.run_cpu(tasks.add, n) for n in range(20)))
            await asyncio.gather(*(executors.run_io(tasks.add, n) for n in range(20)))

    await use()
    descriptors, threads = open_descriptors(), set(threading.enumerate())
    for _ in range(3):
        await use()
    assert open_descriptors() - descriptors == set()
    assert set(threading.enumerate()) - threads == set()
    assert psutil.Process().children(recursive=True) == []


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
