"""The order in which the jobs of a dataset load."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from daemon.ledger.jobs import Job
from daemon.pipeline.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable


def job(number: int, **changes: Any) -> Job:
    given: dict[str, Any] = {
        "id": number,
        "dataset": "stock",
        "spec_version": 1,
        "file": "a.csv",
        "sha256": "0",
        "size_bytes": 1,
        "source": "test",
        "state": "running",
        "repeats": "last",
        "spool_id": None,
        "spool_key": None,
    }
    return Job(**given | changes)


def runs(turns: Turns, loaded: list[int], one: Job, read: Callable[[], Any]) -> asyncio.Task[None]:
    async def run() -> None:
        with turns.taking_part(one):
            await read()
            await turns.come(one)
            loaded.append(one.id)
            await asyncio.sleep(0)

    return asyncio.create_task(run())


async def at_once() -> None:
    """Be read in no time."""


async def test_each_loads_after_those_before_it() -> None:
    turns, loaded, slow = Turns(), list[int](), asyncio.Event()
    tasks = [
        runs(turns, loaded, job(1), slow.wait),
        runs(turns, loaded, job(2), at_once),
        runs(turns, loaded, job(3), at_once),
        runs(turns, loaded, job(4, dataset="orders"), at_once),
        runs(turns, loaded, job(5, repeats="once"), at_once),
    ]
    await asyncio.sleep(0.01)
    assert loaded == [4, 5]
    slow.set()
    await asyncio.gather(*tasks)
    assert loaded == [4, 5, 1, 2, 3]


async def test_one_that_ends_otherwise_keeps_nobody() -> None:
    turns, loaded, never = Turns(), list[int](), asyncio.Event()
    first = runs(turns, loaded, job(1), never.wait)
    second = runs(turns, loaded, job(2), at_once)
    await asyncio.sleep(0.01)
    first.cancel()
    await second
    assert loaded == [2]


async def test_a_turn_that_is_over_lets_the_next_one_load_and_the_job_end_whenever_it_does() -> None:
    turns, loaded, told = Turns(), list[int](), asyncio.Event()

    async def run() -> None:
        with turns.taking_part(job(1)):
            loaded.append(1)
            turns.over(job(1))
            await told.wait()

    first = asyncio.create_task(run())
    await runs(turns, loaded, job(2), at_once)
    assert loaded == [1, 2]
    held = asyncio.Event()
    third = runs(turns, loaded, job(3), held.wait)
    fourth = runs(turns, loaded, job(4), at_once)
    await asyncio.sleep(0)
    told.set()
    await first
    await asyncio.sleep(0.01)
    assert loaded == [1, 2], "the end of the first takes nobody's turn away"
    held.set()
    await asyncio.gather(third, fourth)
    assert loaded == [1, 2, 3, 4]
