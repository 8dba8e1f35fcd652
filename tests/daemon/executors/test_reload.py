"""Pools under other limits while they work."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from daemon.errors import QueueFullError, TaskStalledError, TaskTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from daemon.executors.executors import Executors


def _apply(executors: Executors, **changes: Any) -> None:
    executors.apply(replace(executors.limits, **changes))


async def test_a_larger_cpu_pool_runs_at_once_what_waits(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=1) as executors:
        running = [asyncio.create_task(executors.run_cpu(tasks.sleep, 300.0)) for _ in range(3)]
        await eventually(lambda: (executors.stats().cpu.workers_busy, executors.stats().cpu.queued) == (1, 2))
        _apply(executors, cpu_workers=3)
        await eventually(lambda: len(executors.stats().cpu.worker_pids) == 3)
        assert executors.stats().cpu.workers_max == 3
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_smaller_cpu_pool_kills_no_task_and_keeps_no_worker_too_many(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=3) as executors:
        running = [asyncio.create_task(executors.submit_cpu(tasks.sleep, 0.5, kind="parse")) for _ in range(3)]
        await eventually(lambda: executors.stats().cpu.workers_busy == 3)
        _apply(executors, cpu_workers=1)
        pids = {result.value for result in await asyncio.gather(*running)}
        assert len(pids) == 3
        await eventually(lambda: len(executors.stats().cpu.worker_pids) == 1)
        after = [asyncio.create_task(executors.submit_cpu(tasks.sleep, 0.01, kind="parse")) for _ in range(6)]
        (kept,) = {result.value for result in await asyncio.gather(*after)}
        assert kept in pids
        assert executors.stats().cpu.restarts["crash"] == 0


async def test_idle_workers_too_many_end_at_once(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=3) as executors:
        while executors.stats().cpu.workers_idle < 3:
            await asyncio.gather(*(executors.submit_cpu(tasks.sleep, 0.2, kind="parse") for _ in range(3)))
        _apply(executors, cpu_workers=1)
        await eventually(lambda: len(executors.stats().cpu.worker_pids) == 1)


async def test_another_memory_limit_holds_for_the_next_task(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    busy = asyncio.create_task(executors.run_cpu(tasks.sleep, 0.3))
    await eventually(lambda: executors.stats().cpu.workers_busy == 1)
    assert (await executors.run_cpu(tasks.limits))["RLIMIT_AS"][0] == 2 * 1024**3
    _apply(executors, worker_memory_bytes=1024**3)
    seen = [await executors.run_cpu(tasks.limits) for _ in range(2)]
    await busy
    seen += await asyncio.gather(executors.run_cpu(tasks.limits), executors.run_cpu(tasks.limits))
    assert {one["RLIMIT_AS"][0] for one in seen} == {1024**3}
    await eventually(lambda: executors.stats().cpu.restarts["recycle"] == 2)


async def test_the_applications_code_is_read_anew_and_no_other_worker_ends(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(cpu_workers=2) as executors:
        own = (await executors.submit_cpu(tasks.pid, kind="parse")).value
        first = await executors.run_cpu(tasks.pid)
        busy = asyncio.create_task(executors.run_cpu(tasks.sleep, 0.5))
        await eventually(lambda: executors.stats().cpu.workers_busy == 1)
        _apply(executors)
        assert await busy == first
        second = await executors.run_cpu(tasks.pid)
        _apply(executors)
        third = await executors.run_cpu(tasks.pid)
        assert len({first, second, third}) == 3
        assert (await executors.submit_cpu(tasks.pid, kind="parse")).value == own
        await eventually(lambda: executors.stats().cpu.restarts["recycle"] == 2)


async def test_deadlines_and_queues_change(executors: Executors, tasks: ModuleType) -> None:
    _apply(executors, task_timeout_seconds=0.2, cpu_workers=1, queue_limit=1, queue_timeout_seconds=0.1)
    with pytest.raises(TaskTimeoutError, match=r"0\.2 s"):
        await executors.run_cpu(tasks.sleep, 300.0)
    waiting = [asyncio.create_task(executors.run_cpu(tasks.sleep, 10.0, timeout=1.0)) for _ in range(3)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [TaskStalledError, TaskStalledError, QueueFullError]
    assert executors.stats().cpu.queue_limit == 1


async def test_the_io_pool_grows_and_shrinks(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    before = set(threading.enumerate())
    async with make_executors(io_workers=1) as executors:
        event = threading.Event()
        calls = [asyncio.create_task(executors.run_io(tasks.wait_for, event)) for _ in range(3)]
        await eventually(lambda: executors.stats().io.workers_busy == 1)
        _apply(executors, io_workers=3)
        await eventually(lambda: executors.stats().io.workers_busy == 3)
        _apply(executors, io_workers=1)
        event.set()
        assert await asyncio.gather(*calls) == ["done"] * 3
        assert await executors.run_io(tasks.thread_name)
        assert len(set(threading.enumerate()) - before) == 1
        assert executors.stats().io.workers_idle == 1
