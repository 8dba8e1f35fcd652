"""Beats beside a spool that hangs: the ledger is real, and the spool's own thread waits as on a disk that is away."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from daemon.ledger.queries import JobQueries
from daemon.lifecycle.components import UntilClosed
from daemon.metrics.job_metrics import Metrics
from daemon.pipeline import heartbeat
from daemon.pipeline.heartbeat import Heartbeat
from daemon.spool.spool import Spool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from daemon.executors.executors import Executors
    from daemon.ledger.leases import Ledger

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
def spool(tmp_path: Path, ledger: Ledger) -> HangingSpool:
    made = HangingSpool(tmp_path / "spool", ledger.daemon_id)
    made.open()
    return made


@pytest.fixture
async def beating(ledger: Ledger, spool: HangingSpool, executors: Executors) -> AsyncIterator[Heartbeat]:
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
    async with Heartbeat(parts, dispatcher, SimpleNamespace(), settings) as made:  # type: ignore[arg-type]
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
