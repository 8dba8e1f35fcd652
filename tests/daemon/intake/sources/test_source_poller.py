"""Pollers of several daemons on one ledger: what each tells of a source is true, whichever of them looked last."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.config.intake_settings import IntakeSettings, ObjectSource
from daemon.errors import StorageRefusedError
from daemon.intake.sources import source_poller
from daemon.intake.sources.settings import Source
from daemon.intake.sources.source_poller import SourcePoller
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobQueries
from daemon.metrics.source_metrics import SourceMetrics
from daemon.storage.filesystem import Storage
from daemon.storage.store import StoredObject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from daemon.database.database import Database
    from daemon.intake.submissions import Submissions
    from daemon.pipeline.parts import PipelineParts

LEASE_SECONDS = 0.2
FILE = StoredObject(path="orders.csv", size_bytes=1, version="1", modified_at=None)


class Shop(Storage):
    """A storage that answers one daemon, or refuses it, and counts its looks."""

    answers, looks = True, 0

    def pages(self, **_: Any) -> Iterator[list[StoredObject]]:
        self.looks += 1
        if not self.answers:
            raise StorageRefusedError
        yield [FILE]


class Told(SourceMetrics):
    """The metrics of one daemon, which keep every change of whether the source can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.readings: list[bool] = []

    def readable(self, source: str, *, readable: bool) -> None:
        super().readable(source, readable=readable)
        self.readings.append(readable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """What looks at the source in one process."""

    shop: Shop
    metrics: Told
    poller: SourcePoller

    def number(self, name: str) -> float:
        return float(cast("Any", self.metrics.measured()[f"source_{name}"][("shop",)]))

    @classmethod
    async def on(cls, database: Database, *, answers: bool = True, poll_seconds: float = 0.1) -> Daemon:
        said = {"name": "shop", "url": "s3://shop", "settle_seconds": 0, "timeout_seconds": 0.01, "glob": ["*.none"]}
        source = Source.of(ObjectSource.model_validate({**said, "poll_seconds": poll_seconds}), IntakeSettings())
        shop = Shop(source.storage.location, source.access, timeout_seconds=1)
        shop.answers = answers
        ledger, metrics = Ledger(database, lease_seconds=LEASE_SECONDS), Told()
        await ledger.open()
        parts = SimpleNamespace(
            database=database,
            executors=SimpleNamespace(run_io=run_io),
            ledger=ledger,
            metrics=SimpleNamespace(sources=metrics),
            queries=JobQueries(database),
            spool=None,
        )
        poller = SourcePoller(
            replace(source, storage=shop), cast("PipelineParts", parts), cast("Submissions", SimpleNamespace())
        )
        return cls(shop=shop, metrics=metrics, poller=poller)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Daemon]:
        task = asyncio.create_task(self.poller.run())
        try:
            yield self
        finally:
            self.poller.close()
            await task


async def run_io(function: Callable[..., Any], *args: Any, **_: Any) -> Any:
    return function(*args)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # metrics tell nobody
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two failures make a pause in which the lease runs out, as two minutes' pauses and leases do."""
    monkeypatch.setattr(source_poller, "BACKOFF_MAX_SECONDS", 0.5)
    monkeypatch.setattr(source_poller, "HEAR_SECONDS", 0.05)


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_a_source_that_no_daemon_can_read_is_told_by_each_without_a_break(database: Database, count: int) -> None:
    """However often they take turns: an alert waits for ten minutes of it."""
    daemons = [await Daemon.on(database, answers=False) for _ in range(count)]
    async with contextlib.AsyncExitStack() as stack:
        for one in daemons:
            await stack.enter_async_context(one.running())
        await until(lambda: all(one.shop.looks >= 5 for one in daemons))
        for one in daemons:
            assert one.number("readable") == 0
            assert one.metrics.readings[0], "it is fine until a look says otherwise"
            assert not any(one.metrics.readings[1:])


async def test_one_that_failed_hears_that_another_reads_the_source(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """And has no files of it any more: those are the other one's."""
    caplog.set_level("INFO")
    first, second = await Daemon.on(database), await Daemon.on(database)
    async with first.running():
        await until(lambda: first.number("listed_files") == 1)
        first.metrics.looked("shop", at=1.0, listed=1, waiting=1)
        first.shop.answers = False
        await until(lambda: first.number("readable") == 0)
        assert first.number("listed_files") == first.number("waiting_files") == 1, "as the last whole look found"
        async with second.running():
            await until(lambda: second.number("listed_files") == 1)
            await until(lambda: first.number("readable") == 1 and first.number("listed_files") == 0)
            assert first.number("waiting_files") == 0
            assert second.number("readable") == second.number("listed_files") == 1
            failed, looks = len(first.metrics.readings), first.shop.looks
            await until(lambda: len(first.metrics.readings) > failed + 5)
            assert all(first.metrics.readings[failed:])
            assert first.shop.looks == looks, "another daemon has the source"
            # What the holder finds the others tell, too, and say anew in the log when they look themselves.
            second.shop.answers = False
            await until(lambda: first.number("readable") == 0)
            await until(lambda: first.shop.looks > looks + 1)
            assert first.number("readable") == 0
    assert [record.levelname for record in caplog.records if record.message == "source not read"] == ["WARNING"] * 3


async def test_a_long_pause_keeps_no_old_news(database: Database) -> None:
    """The looks may be an hour apart; what another daemon has found is told long before the next one."""
    first = await Daemon.on(database, answers=False, poll_seconds=3600)
    second = await Daemon.on(database, poll_seconds=3600)
    async with first.running():
        await until(lambda: first.number("readable") == 0)
        await asyncio.sleep(2 * LEASE_SECONDS)
        assert first.number("readable") == 0, "nobody has looked since"
        async with second.running():
            await until(lambda: first.number("readable") == 1)
    assert first.shop.looks == second.shop.looks == 1


async def test_failures_of_others_lengthen_the_pause(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that fails is asked no more often for having several daemons take turns."""
    monkeypatch.setattr(source_poller, "BACKOFF_MAX_SECONDS", 60.0)
    first, second = [await Daemon.on(database, answers=False, poll_seconds=0.15) for _ in range(2)]
    async with first.running():
        await until(lambda: first.shop.looks == 3)
        await asyncio.sleep(2 * LEASE_SECONDS)
        async with second.running():
            await until(lambda: second.poller._failures == 4)
    assert second.shop.looks == 1
