"""Many tasks under random kills, on both event loops: every task has exactly one outcome."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from descriptors import open_descriptors

from daemon.errors import WorkerCrashedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from daemon.executors.executors import Executors


TASKS = 2000
KILLS = 500


@pytest.mark.fault
@pytest.mark.timeout(240)
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_every_task_has_one_outcome_however_many_workers_die(
    run: Callable[..., Any], make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    chance = random.Random(20)
    outcomes: Counter[int] = Counter()
    kinds: Counter[str] = Counter()
    kills = 0

    async def storm() -> Any:
        async with make_executors(cpu_workers=3, queue_limit=TASKS) as executors:

            def kill() -> None:
                nonlocal kills
                victims = executors.stats().cpu.worker_pids
                if victims and kills < KILLS:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(chance.choice(victims), signal.SIGKILL)
                        kills += 1

            async def one(number: int) -> None:
                try:
                    assert await executors.run_cpu(tasks.sleep_and_add, number, 1) == number + 1
                    kinds["ok"] += 1
                except WorkerCrashedError:
                    kinds["crashed"] += 1
                outcomes[number] += 1

            async def kill_now_and_then() -> None:
                while kills < KILLS and len(outcomes) < TASKS:
                    await asyncio.sleep(chance.random() / 100)
                    if kills <= len(outcomes) * KILLS / TASKS + 3:
                        kill()

            await asyncio.gather(kill_now_and_then(), *(one(number) for number in range(TASKS)))
            while kills < KILLS:  # what is left of them, at idle workers
                await executors.check_health(timeout=30)
                kill()
            return await executors.check_health(timeout=30), executors.stats()

    threads, descriptors = set(threading.enumerate()), open_descriptors()
    health, counted = run(storm())
    assert outcomes == Counter(range(TASKS))
    assert kills == KILLS
    cpu = counted.cpu
    assert (cpu.tasks["task", "ok"], cpu.tasks["task", "crashed"]) == (kinds["ok"], kinds["crashed"])
    assert kinds["ok"] + kinds["crashed"] == TASKS
    assert KILLS / 4 < cpu.restarts["crash"] <= KILLS
    assert health.cpu_ok
    assert (cpu.queued, cpu.workers_busy) == (0, 0)
    assert len(open_descriptors() - descriptors) <= 2  # uvloop keeps a pair of its own
    assert set(threading.enumerate()) - threads == set()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_cancellations_and_deadlines_under_load_leave_a_healthy_pool(
    run: Callable[..., Any], make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    chance = random.Random(7)

    async def storm() -> Any:
        async with make_executors(cpu_workers=2, queue_limit=500) as executors:

            async def one(number: int) -> Any:
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
