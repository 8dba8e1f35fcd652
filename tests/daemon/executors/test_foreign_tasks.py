"""What the application's tasks cannot change for others: workers of their own, and none that was left changed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from daemon.executors.executors import Executors

CHANGES = ("decimal context", "descriptors", "environment", "folder", "limits", "file mode mask", "processes")


async def own(executors: Executors, tasks: ModuleType) -> tuple[int, int]:
    """Return the pid and the decimal precision of a worker that parses."""
    pid = (await executors.submit_cpu(tasks.pid, kind="parse")).value
    return pid, (await executors.submit_cpu(tasks.precision, kind="parse")).value


async def test_a_parse_never_runs_where_a_task_did(make_executors: Callable[..., Executors], tasks: ModuleType) -> None:
    async with make_executors(cpu_workers=1) as executors:
        foreign = await executors.run_cpu(tasks.pid)
        assert await executors.run_cpu(tasks.pid) == foreign
        parsing, precision = await own(executors, tasks)
        assert parsing != foreign
        assert executors.stats().cpu.workers_idle == 1
        await executors.run_cpu(tasks.leave_changed, "decimal context")
        assert (await own(executors, tasks))[1] == precision
    async with make_executors(cpu_workers=2) as executors:
        foreign, parsing = await executors.run_cpu(tasks.pid), (await own(executors, tasks))[0]
        assert foreign != parsing
        assert [await executors.run_cpu(tasks.pid), (await own(executors, tasks))[0]] == [foreign, parsing]


@pytest.mark.parametrize("what", CHANGES)
async def test_a_worker_that_was_left_changed_serves_no_other(
    executors: Executors, tasks: ModuleType, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    changed = await executors.run_cpu(tasks.leave_changed, what)
    assert await executors.run_cpu(tasks.pid) != changed
    told = [record.__dict__["changed"] for record in caplog.records if record.message == "worker changed by its task"]
    assert what in told[0]


async def test_a_worker_that_was_left_as_it_was_serves_on(executors: Executors, tasks: ModuleType) -> None:
    first = await executors.run_cpu(tasks.pid)
    assert await executors.run_cpu(tasks.terminate_what_it_starts) == -signal.SIGTERM
    assert await executors.run_cpu(tasks.pid) == first


async def test_what_a_task_starts_can_be_ended(executors: Executors, tasks: ModuleType) -> None:
    assert await executors.run_cpu(tasks.terminate_what_it_starts, timeout=30) == -signal.SIGTERM
    assert await executors.run_cpu(tasks.terminate_a_fork, timeout=30) == -signal.SIGTERM


async def test_signals_for_the_group_end_no_worker(executors: Executors, tasks: ModuleType) -> None:
    pid, fork_server = await executors.run_cpu(tasks.pid), executors.fork_server_pid
    assert fork_server is not None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pid, number)
        os.kill(fork_server, number)
    assert await executors.run_cpu(tasks.pid) == pid
