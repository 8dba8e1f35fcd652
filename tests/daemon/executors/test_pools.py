"""Queues, recycling, statistics and health of both pools."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from no_threads import no_threads

from daemon.errors import PoolClosedError, QueueFullError, TaskFailedError, TaskTimeoutError, WorkerCrashedError
from daemon.executors.stats import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from daemon.executors.executors import Executors


TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
ROUNDED_SECONDS = 2 * TICK_SECONDS
"""What proc(5) may leave out of a process: its user and its system time are each rounded down to ticks."""


async def test_the_queue_is_first_in_first_out(
    make_executors: Callable[..., Executors], tasks: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "order"
    async with make_executors(cpu_workers=1) as executors:
        await asyncio.gather(*(executors.run_cpu(tasks.note, str(path), str(n)) for n in range(30)))
    assert path.read_text().split() == [str(n) for n in range(30)]


async def test_a_full_queue_waits_then_refuses(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=1, queue_limit=1, queue_timeout_seconds=0.2) as executors:
        running = asyncio.create_task(executors.run_cpu(tasks.sleep, 1.0))
        await eventually(lambda: executors.stats().cpu.workers_idle or executors.stats().cpu.worker_pids)
        queued = asyncio.create_task(executors.run_cpu(tasks.add, 1))
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await executors.run_cpu(tasks.add, 2)
        assert executors.stats().cpu.tasks["task", "refused"] == 1
        assert await queued == 1
        await running


async def test_who_waits_at_a_full_queue_is_let_in_when_it_moves(
    make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    async with make_executors(cpu_workers=1, queue_limit=1, queue_timeout_seconds=30.0) as executors:
        results = await asyncio.gather(*(executors.run_cpu(tasks.add, n) for n in range(10)))
    assert results == list(range(10))


async def test_a_cancelled_waiter_leaves_the_queue(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=1) as executors:
        running = asyncio.create_task(executors.run_cpu(tasks.sleep, 0.5))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(executors.run_cpu(tasks.add, n)) for n in range(3)]
        await eventually(lambda: executors.stats().cpu.queued >= 3)
        waiting[1].cancel()
        assert await waiting[0] == 0
        assert await waiting[2] == 2
        assert await running
        assert executors.stats().cpu.tasks["task", "cancelled"] == 1


async def test_a_worker_is_recycled_after_its_tasks(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=1, recycle_tasks=3) as executors:
        pids = [await executors.run_cpu(tasks.pid) for _ in range(7)]
        await eventually(lambda: executors.stats().cpu.restarts["recycle"] == 2)
    assert [len(set(pids[at : at + 3])) for at in (0, 3, 6)] == [1, 1, 1]
    assert len(set(pids)) == 3


async def test_what_workers_that_ended_have_used_is_counted_to_the_end(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=1, recycle_tasks=1) as executors:
        burnt = [await executors.submit_cpu(tasks.burn, 0.2) for _ in range(2)]
        await eventually(lambda: executors.stats().cpu.restarts["recycle"] == 2)
        after_two = executors.stats().cpu.ended_cpu_seconds
        assert sum(task.cpu_seconds for task in burnt) <= after_two + 2 * ROUNDED_SECONDS
        with pytest.raises(WorkerCrashedError):
            await executors.run_cpu(tasks.burn_and_exit, 0.3)
        await eventually(lambda: executors.stats().cpu.restarts["crash"] == 1)
        assert executors.stats().cpu.ended_cpu_seconds >= after_two + 0.3 - ROUNDED_SECONDS


async def test_an_idle_pool_has_no_process_and_wakes_up_for_a_task(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    before = set(psutil.Process().children(recursive=True))
    async with make_executors(idle_seconds=0.2) as executors:
        for _ in range(2):
            assert await executors.run_cpu(tasks.add, 1, 1) == 2
            assert executors.fork_server_pid is not None
            await eventually(lambda: executors.fork_server_pid is None)
            await eventually(lambda: set(psutil.Process().children(recursive=True)) == before)
        assert executors.stats().cpu.restarts == {"recycle": 0, "idle": 2, "crash": 0, "memory": 0, "timeout": 0}


async def test_after_a_rest_an_application_does_not_wait_for_what_is_preloaded_for_us(
    make_executors: Callable[..., Executors],
    tasks: ModuleType,
    eventually: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    (tmp_path / "slow_library.py").write_text(
        f"import time\nfrom pathlib import Path\nwhile not Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    async with make_executors(idle_seconds=0.2, preload=("slow_library",)) as executors:
        await eventually(lambda: executors.fork_server_pid is None)
        gate.unlink()
        assert await executors.run_cpu(tasks.add, 1, 1) == 2
        ours = asyncio.create_task(executors.submit_cpu(tasks.add, 1, 2, kind="parse"))
        assert await executors.run_cpu(tasks.add, 1, 1) == 2
        assert not ours.done()
        gate.touch()
        assert (await ours).value == 3


async def test_who_expects_a_task_has_a_fork_server_and_for_no_longer_than_otherwise(
    make_executors: Callable[..., Executors], eventually: Callable[..., Any]
) -> None:
    async with make_executors(idle_seconds=0.2) as executors:
        await eventually(lambda: executors.fork_server_pid is None)
        executors.expect_cpu()
        assert executors.fork_server_pid is not None
        await eventually(lambda: executors.fork_server_pid is None)
    executors.expect_cpu()
    assert executors.fork_server_pid is None


async def test_who_expects_a_task_is_not_told_that_no_descriptor_is_left(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(idle_seconds=0.2) as executors:
        await eventually(lambda: executors.fork_server_pid is None)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            executors.expect_cpu()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert executors.fork_server_pid is None
        assert await executors.run_cpu(tasks.add, 1, 1) == 2


@pytest.mark.parametrize("turns", range(12))
async def test_a_task_that_comes_while_the_fork_server_ends_gets_another(
    make_executors: Callable[..., Executors], tasks: ModuleType, turns: int
) -> None:
    """The fork server decides to end in each turn of the loop that the start of a worker takes."""
    async with make_executors() as executors:
        running = asyncio.create_task(executors.run_cpu(tasks.sleep, 0.2))
        for _ in range(turns):
            await asyncio.sleep(0)
        server = executors._spawner._server
        assert server is not None
        unused = server.unused
        executors._spawner._rest_if_unused()
        assert server.alive is not unused, "who ends takes no request any more"
        await running
        assert sum(executors.stats().cpu.tasks.values()) == executors.stats().cpu.tasks["task", "ok"] == 1


async def test_a_worker_that_has_grown_is_recycled(make_executors: Callable[..., Executors], tasks: ModuleType) -> None:
    async with make_executors(cpu_workers=1, recycle_bytes=150 * 1024**2) as executors:
        first = await executors.run_cpu(tasks.pid)
        assert await executors.run_cpu(tasks.hold, 200 * 1024**2) == first
        assert await executors.run_cpu(tasks.pid) != first


async def test_an_idle_worker_is_retired(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(idle_seconds=0.1) as executors:
        await executors.run_cpu(tasks.pid)
        await eventually(lambda: executors.stats().cpu.restarts["idle"] == 1)
        assert executors.stats().cpu.worker_pids == ()
        assert executors.stats().cpu.workers_idle == 0


async def test_no_more_workers_than_allowed_ever_live(
    make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    seen = set()
    async with make_executors(cpu_workers=2, recycle_tasks=1) as executors:

        async def one() -> None:
            await executors.run_cpu(tasks.pid)
            seen.add(len(executors.stats().cpu.worker_pids))

        await asyncio.gather(*(one() for _ in range(40)))
    assert max(seen) <= 2


async def test_busy_seconds_include_work_in_flight(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    running = asyncio.create_task(executors.run_cpu(tasks.sleep, 300.0))
    await eventually(lambda: executors.stats().cpu.busy_seconds_total > 0.2)
    stats = executors.stats().cpu
    assert stats.workers_busy == 1
    assert stats.task_duration["task"].counts[-1] == 0
    running.cancel()


async def test_every_combination_of_labels_is_there_from_the_start(executors: Executors) -> None:
    for pool in (executors.stats().cpu, executors.stats().io):
        assert len(pool.tasks) == 3 * len(OUTCOMES)
        assert set(pool.restarts) == {"recycle", "idle", "crash", "memory", "timeout"}
        assert not any([*pool.tasks.values(), *pool.restarts.values()])
        assert set(pool.task_duration) == {"task", "parse", "probe"}


async def test_stats_tell_how_long_the_oldest_has_waited(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=1) as executors:
        assert executors.stats().cpu.oldest_queued_at is None
        before = time.time()
        running = [asyncio.create_task(executors.run_cpu(tasks.sleep, 0.3)) for _ in range(2)]
        await eventually(lambda: executors.stats().cpu.queued)
        oldest = executors.stats().cpu.oldest_queued_at
        assert oldest is not None
        assert before <= oldest <= time.time()
        await asyncio.gather(*running)
        stats = executors.stats().cpu
        assert stats.oldest_queued_at is None
        assert stats.queue_wait.counts[-1] == 2
        assert stats.peak_resident.counts[-1] == 2


async def test_stats_can_be_read_from_another_thread_meanwhile(executors: Executors, tasks: ModuleType) -> None:
    stop = threading.Event()
    problems = []

    def read() -> None:
        while not stop.is_set():
            try:
                executors.stats()
            except RuntimeError as error:
                problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    await asyncio.gather(*(executors.run_cpu(tasks.add, n) for n in range(200)))
    stop.set()
    reader.join()
    assert not problems


async def test_health_runs_a_probe_through_each_pool(executors: Executors) -> None:
    health = await executors.check_health(timeout=30)
    assert health.cpu_ok
    assert health.io_ok
    assert health.detail == ""
    assert executors.stats().cpu.tasks["probe", "ok"] == 1
    assert executors.stats().io.tasks["probe", "ok"] == 1


async def test_health_names_the_pool_that_does_not_answer(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=1) as executors:
        running = asyncio.create_task(executors.run_cpu(tasks.sleep, 300.0))
        await eventually(lambda: executors.stats().cpu.worker_pids)
        health = await executors.check_health(timeout=0.2)
        assert not health.cpu_ok
        assert health.io_ok
        assert "cpu: no answer within 0.2 s" in health.detail
        running.cancel()


async def test_io_runs_in_threads_that_are_used_again(executors: Executors, tasks: ModuleType) -> None:
    names = {await executors.run_io(tasks.thread_name) for _ in range(5)}
    assert names == {"headgate-io-1"}
    assert executors.stats().io.workers_idle == 1


async def test_io_errors_come_back_as_they_are(executors: Executors, tasks: ModuleType) -> None:
    with pytest.raises(tasks.PlainError, match="io"):
        await executors.run_io(tasks.raise_plain, "io")
    with pytest.raises(TaskFailedError, match="SystemExit"):
        await executors.run_io(tasks.raise_system_exit)
    with pytest.raises(TaskFailedError, match="StopIteration"):
        await executors.run_io(tasks.raise_stop_iteration)
    assert executors.stats().io.tasks["task", "error"] == 3


async def test_a_thread_that_is_not_to_be_had_keeps_no_place(
    make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    """Where it did, a pool of ten was full for ever after ten of them."""
    async with make_executors(io_workers=1) as executors:
        for _ in range(2):
            with no_threads(), pytest.raises(OSError, match="no thread can be started"):
                await executors.run_io(tasks.add, 1)
        assert await executors.run_io(tasks.add, 1) == 1
        assert executors.stats().io.workers_idle == 1


async def test_an_io_call_past_its_deadline_keeps_its_place_until_it_returns(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    event = threading.Event()
    async with make_executors(io_workers=1) as executors:
        with pytest.raises(TaskTimeoutError, match="wait_for passed its deadline"):
            await executors.run_io(tasks.wait_for, event, timeout=0.1)
        assert executors.stats().io.workers_busy == 1
        waiting = asyncio.create_task(executors.run_io(tasks.add, 1))
        await eventually(lambda: executors.stats().io.queued == 1)
        event.set()
        assert await waiting == 1
        assert executors.stats().io.tasks["task", "timeout"] == 1


async def test_a_timeout_of_the_call_itself_is_its_own(executors: Executors) -> None:
    def fail() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await executors.run_io(fail)
    assert executors.stats().io.tasks["task", "error"] == 1


async def test_shutdown_gives_up_a_call_that_never_returns(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    event = threading.Event()
    executors = await make_executors().__aenter__()
    stuck = asyncio.create_task(executors.run_io(tasks.wait_for, event))
    await eventually(lambda: executors.stats().io.workers_busy == 1)
    await executors.shutdown(timeout=0.1)
    with pytest.raises(PoolClosedError):
        await stuck
    event.set()
    await eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith("headgate-io")])
