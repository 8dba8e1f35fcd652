"""A timeout that counts only the time in which the loop was awake."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from daemon.executors.awake_timeout import awake_timeout

if TYPE_CHECKING:
    from types import ModuleType

    from daemon.executors.executors import Executors


def stand_still(seconds: float) -> None:
    """Hold the loop up."""
    time.sleep(seconds)


async def test_time_that_passes_ends_the_body() -> None:
    with pytest.raises(TimeoutError):
        async with awake_timeout(0.05):
            await asyncio.sleep(60)


async def test_a_loop_that_stood_still_takes_nothing_of_it() -> None:
    async with awake_timeout(1.5):
        await asyncio.sleep(0.1)
        stand_still(2)
        await asyncio.sleep(0.1)


async def test_it_ends_with_its_body() -> None:
    async with awake_timeout(0.05):
        pass
    await asyncio.sleep(0.1)


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    async def body() -> None:
        async with awake_timeout(60):
            await asyncio.sleep(60)

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_tasks_of_both_pools_have_it(executors: Executors, tasks: ModuleType) -> None:
    running = [
        asyncio.create_task(executors.run_cpu(tasks.sleep, 3.0, timeout=4.0)),
        asyncio.create_task(executors.run_io(time.sleep, 3.0, timeout=4.0)),
    ]
    await asyncio.sleep(1)
    stand_still(4)
    await asyncio.gather(*running)
