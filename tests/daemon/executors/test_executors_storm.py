"""Many tasks under random kills, on both event loops: every task has exactly one outcome."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from daemon.errors import WorkerCrashedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from daemon.executors import Executors


TASKS = 2000
KILL_EVERY = 20


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_every_task_has_one_outcome_however_many_workers_die(
    run: Callable[..., Any], make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    chance = random.Random(20)

    async def storm() -> Any:
        outcomes = Counter()
        kills = 0
        async with make_executors(cpu_workers=3, queue_limit=TASKS) as executors:

            async def one(number: int) -> None:
                nonlocal kills
                try:
                    assert await executors.run_cpu(tasks.add, number, 1) == number + 1
                    outcomes["ok"] += 1
                except WorkerCrashedError:
                    outcomes["crashed"] += 1
                victims = executors.stats().cpu.worker_pids
                if sum(outcomes.values()) % KILL_EVERY == 0 and victims:
                    kills += 1
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(chance.choice(victims), signal.SIGKILL)

            await asyncio.gather(*(one(number) for number in range(TASKS)))
            health = await executors.check_health(timeout=30)
            counted = executors.stats().cpu
        return outcomes, kills, health, counted

    outcomes, kills, health, counted = run(storm())
    assert sum(outcomes.values()) == TASKS
    assert kills > TASKS / KILL_EVERY / 2
    assert counted.tasks["task", "ok"] == outcomes["ok"]
    assert counted.tasks["task", "crashed"] == outcomes["crashed"]
    assert sum(counted.tasks.values()) == TASKS + 1
    assert counted.restarts["crash"] >= outcomes["crashed"]
    assert health.cpu_ok


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_cancellations_and_deadlines_under_load_leave_a_healthy_pool(
    run: Callable[..., Any], make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    chance = random.Random(7)

    async def storm() -> Any:
        async with make_executors(cpu_workers=2, queue_limit=500) as executors:

            async def one(number: int) -> None:
                seconds = chance.choice([0.0, 0.001, 5.0])
                running = asyncio.create_task(executors.run_cpu(tasks.sleep, seconds, timeout=0.1))
                if number % 3 == 0:
                    await asyncio.sleep(chance.random() / 5)
                    running.cancel()
                return await asyncio.gather(running, return_exceptions=True)

            await asyncio.gather(*(one(number) for number in range(120)))
            health = await executors.check_health(timeout=30)
            return health, executors.stats().cpu

    health, counted = run(storm())
    assert health.cpu_ok
    assert sum(counted.tasks.values()) == 121
    assert counted.queued == 0
