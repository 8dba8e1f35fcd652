"""Beats beside a spool that hangs: the ledger is real, and the spool's own thread waits as on a disk that is away."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from goods import opened

from daemon.database.connector import Access
from daemon.database.deadlines import Patience
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobQueries
from daemon.lifecycle.components import UntilClosed
from daemon.metrics.job_metrics import Metrics
from daemon.pipeline import heartbeat
from daemon.pipeline.heartbeat import Heartbeat
from daemon.spool.spool import Spool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from daemon.executors.executors import Executors

BEAT_SECONDS = 0.25


class HangingSpool(Spool):
    """Answers while the way is free."""

    def __init__(self, root: Path, daemon_id: str) -> None:
        super().__init__(root, daemon_id)
        self.free = threading.Event()
        self.free.set()
        self.looks: Counter[str] = Counter()

    def trouble(self) -> str | None:
        self.looks["begun"] += 1
        self.free.wait()
        return super().trouble()


@pytest.fixture
def spool(tmp_path: Path, ledger: Ledger) -> Iterator[HangingSpool]:
    with closing(HangingSpool(tmp_path / "spool", ledger.daemon_id).open()) as made:
        yield made


def heart(ledger: Ledger, spool: Spool, executors: Executors) -> Heartbeat:
    parts: Any = SimpleNamespace(
        executors=executors,
        database=ledger.context.database,
        ledger=ledger,
        queries=JobQueries(ledger.context.database),
        spool=spool,
        datasets={},
        metrics=Metrics(),
    )
    dispatcher: Any = SimpleNamespace(wake=lambda: None, leases=set(), cancel=lambda _: None)
    settings: Any = SimpleNamespace(beat_seconds=BEAT_SECONDS, retry=SimpleNamespace(max_lost_leases=3))
    return Heartbeat(parts, dispatcher, SimpleNamespace(), settings)  # type: ignore[arg-type]


@pytest.fixture
async def beating(ledger: Ledger, spool: HangingSpool, executors: Executors) -> AsyncIterator[Heartbeat]:
    async with heart(ledger, spool, executors) as made:
        running = asyncio.create_task(made.run())
        yield made
        spool.free.set()
        await UntilClosed.__aexit__(made)
        await running


async def test_a_spool_that_hangs_is_told_of_and_the_database_is_not(
    beating: Heartbeat, spool: HangingSpool, ledger: Ledger, eventually: Callable[..., Any]
) -> None:
    await eventually(lambda: beating.trouble is None)
    spool.free.clear()
    await eventually(lambda: beating.trouble)
    assert "the spool's disk, or every I/O thread, has not answered for" in str(beating.trouble)
    looks, beats = spool.looks["begun"], list[float]()
    ledger_beat = ledger.beat

    async def beat() -> None:
        beats.append(time.monotonic())
        await ledger_beat()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "beat", beat)
        await eventually(lambda: len(beats) >= 2 * heartbeat.BEATS_MISSED)
    await eventually(lambda: beating.database_trouble is None)
    assert spool.looks["begun"] == looks, "no second thread goes where one hangs"
    spool.free.set()
    await eventually(lambda: beating.trouble is None)


async def test_a_database_that_hangs_is_told_of(
    beating: Heartbeat, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Any]
) -> None:
    answered = asyncio.Event()

    async def beat() -> None:
        await answered.wait()

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "beat", beat)
        await eventually(lambda: beating.database_trouble)
        assert "the database has not answered for" in str(beating.trouble)
        answered.set()
    await eventually(lambda: beating.trouble is None)


async def test_a_spool_that_is_gone_ends_nothing(
    beating: Heartbeat, spool: HangingSpool, eventually: Callable[..., Any]
) -> None:
    away = spool.root.with_name("away")
    spool.root.rename(away)
    await eventually(lambda: beating.trouble)
    assert "is gone" in str(beating.trouble)
    away.rename(spool.root)
    await eventually(lambda: beating.trouble is None)


async def test_a_lock_that_somebody_holds_lets_a_daemon_start(
    postgres_database: str, tmp_path: Path, executors: Executors, eventually: Callable[..., Any]
) -> None:
    """It may be a frozen daemon's: readiness says what is waited for, and nothing ends for it."""
    async with opened(postgres_database, Access(patience=Patience(lock_seconds=0.2))) as database:
        ledger = Ledger(database, lease_seconds=30)
        await ledger.open()
        await ledger.register("spool-1")
        spool, daemon = Spool(tmp_path / "spool", ledger.daemon_id), ledger.tables.daemon
        spool.open()
        made = heart(ledger, spool, executors)
        async with database.write() as connection:
            await connection.execute(sa.select(daemon.c.id).with_for_update())
            await made.__aenter__()
            assert "the ledger is locked" in str(made.trouble)
        running = asyncio.create_task(made.run())
        await eventually(lambda: made.trouble is None)
        await UntilClosed.__aexit__(made)
        await running
        spool.close()
