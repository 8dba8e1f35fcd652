"""Which jobs are begun, and how often the ledger is asked for them; the ledger is real, what runs only waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from asked import asked
from submissions import submission

from daemon.errors import DatabaseUnavailableError
from daemon.ledger.jobs import Outcome
from daemon.lifecycle.signals import Drain, StopRequest
from daemon.pipeline.dispatcher import CLAIM, LOADS_BESIDE_PARSES, LOADS_OF_A_DATASET, Dispatcher
from daemon.pipeline.waits import Waits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asked import Statement

    from daemon.ledger.claims import Claim
    from daemon.ledger.leases import Ledger
    from daemon.pipeline.attempt import Attempt

PARSES = 2
PLACES = PARSES + LOADS_BESIDE_PARSES
OF_ONE = PARSES + LOADS_OF_A_DATASET
LONG_SECONDS = 60.0


class HeldJobs:
    """Runs jobs until they are let go, and ends them as loaded."""

    def __init__(self, ledger: Ledger) -> None:
        self.waits = Waits(ledger.context.database)
        self._ledger = ledger
        self.running: list[Attempt] = []
        self.tokens: set[str | None] = set()
        self.most = 0
        self._let_go: dict[int, asyncio.Event] = {}

    async def run(self, attempt: Attempt) -> None:
        self.running.append(attempt)
        self.tokens.add(attempt.job.lease_token)
        self.most = max(self.most, len(self.running))
        await self._let_go.setdefault(attempt.job.id, asyncio.Event()).wait()
        await self._ledger.finish_alone(attempt.job, Outcome(state="loaded"))
        self.running.remove(attempt)

    def by_dataset(self) -> Counter[str]:
        return Counter(attempt.job.dataset for attempt in self.running)

    def let_go(self, attempt: Attempt) -> None:
        self._let_go[attempt.job.id].set()


@pytest.fixture
def held(ledger: Ledger) -> HeldJobs:
    return HeldJobs(ledger)


@pytest.fixture
async def dispatcher(ledger: Ledger, held: HeldJobs, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Dispatcher]:
    """Give one that has asked for the first time, which it does when it begins."""
    begun, claim = asyncio.Event(), ledger.claim

    async def noted(**which: Any) -> list[Claim]:
        try:
            return await claim(**which)
        finally:
            begun.set()

    monkeypatch.setattr(ledger, "claim", noted)
    parts: Any = SimpleNamespace(
        parser=SimpleNamespace(places=PARSES),
        datasets=dict.fromkeys(("stock", "orders")),
        database=ledger.context.database,
        ledger=ledger,
    )
    settings: Any = SimpleNamespace(poll_seconds=LONG_SECONDS, drain_seconds=0)
    made = Dispatcher(parts, held, settings, drain=Drain(StopRequest(), 0))  # type: ignore[arg-type]
    running = asyncio.create_task(made.run())
    async with asyncio.timeout(20):
        await begun.wait()
    yield made
    await made.close()
    await running


def claims(statements: list[Statement]) -> int:
    return sum("lease_daemon=" in one.text and "attempt=(" in one.text for one in statements)


async def until(held: HeldJobs, **expected: int) -> None:
    async with asyncio.timeout(20):
        while held.by_dataset() != expected:  # noqa: ASYNC110  # nobody tells of what has begun
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert held.by_dataset() == expected


async def begun(held: HeldJobs, jobs: int) -> None:
    async with asyncio.timeout(20):
        while len(held.tokens) < jobs:  # noqa: ASYNC110  # nobody tells of what has begun
            await asyncio.sleep(0.01)


async def test_what_waits_is_claimed_at_once_and_nothing_is_asked_for_in_vain(
    ledger: Ledger, held: HeldJobs, dispatcher: Dispatcher
) -> None:
    statements = asked(ledger.context.database)
    for number in range(OF_ONE - 1):
        await ledger.submit(submission(f"{number}", repeats="once"))
    dispatcher.wake()
    await until(held, orders=OF_ONE - 1)
    assert claims(statements) == 1
    assert len(held.tokens) == OF_ONE - 1, "each has a lease of its own"
    await ledger.submit(submission("one more", repeats="once"))
    dispatcher.wake()
    await until(held, orders=OF_ONE)
    assert claims(statements) == 2


async def test_no_more_run_than_there_are_places_and_each_that_ends_makes_room(
    ledger: Ledger, held: HeldJobs, dispatcher: Dispatcher
) -> None:
    for number in range(PLACES + 3):
        await ledger.submit(submission(f"{number}", repeats="once"))
    dispatcher.wake()
    await until(held, orders=PLACES)
    assert [attempt.job.id for attempt in held.running] == sorted(attempt.job.id for attempt in held.running)
    for attempt in held.running[:2]:
        held.let_go(attempt)
    await begun(held, PLACES + 2)
    await until(held, orders=PLACES)
    async with asyncio.timeout(20):
        while held.running or len(held.tokens) < PLACES + 3:
            for attempt in held.running:
                held.let_go(attempt)
            await asyncio.sleep(0.01)
    assert held.most == PLACES


async def test_jobs_that_wait_for_their_turn_leave_places_for_other_datasets(
    ledger: Ledger, held: HeldJobs, dispatcher: Dispatcher
) -> None:
    for number in range(PLACES):
        await ledger.submit(submission(f"{number}", dataset="stock", repeats="last"))
    await ledger.submit(submission("other", repeats="last"))
    dispatcher.wake()
    await until(held, stock=OF_ONE, orders=1)
    held.let_go(next(attempt for attempt in held.running if attempt.job.dataset == "stock"))
    await begun(held, OF_ONE + 2)
    await until(held, stock=OF_ONE, orders=1)
    assert held.most == OF_ONE + 1


async def test_the_database_is_asked_again_though_every_dataset_is_held(
    ledger: Ledger, held: HeldJobs, dispatcher: Dispatcher
) -> None:
    """Nobody else would see that it is back."""
    supervisor = ledger.context.database.supervisor
    for dataset in ("stock", "orders"):
        held.waits.hold(dataset, lambda _: LONG_SECONDS)
    supervisor.failed(CLAIM, DatabaseUnavailableError("away"))
    dispatcher.wake()
    async with asyncio.timeout(20):
        while supervisor.trouble(CLAIM) is not None:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
