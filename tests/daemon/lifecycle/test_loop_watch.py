"""The main loop's pulse, under both loops: what is late, what held it up, and that it is said once."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from daemon.lifecycle.loop_watch import BEAT_SECONDS, SLOW_SECONDS, LoopStats, LoopWatch

FACTORIES = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture(params=FACTORIES, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a coroutine on a loop of each kind."""

    def on_loop(work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(work)

    return on_loop


@asynccontextmanager
async def beating() -> AsyncIterator[LoopWatch]:
    async with LoopWatch() as watch:
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(3 * BEAT_SECONDS)
        yield watch
    await asyncio.wait_for(task, 5)


def hold_up(seconds: float) -> None:
    time.sleep(seconds)


def records(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record for record in caplog.records if record.message == "main loop held up"]


@pytest.mark.slow
def test_a_loop_that_is_free_is_on_time(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    async def work() -> None:
        async with beating() as watch:
            before = watch.stats()
            await asyncio.sleep(1)
            after = watch.stats()
        assert after.lag.counts[-1] >= before.lag.counts[-1] + 5
        assert after.heartbeat_at > before.heartbeat_at
        assert after.silent_seconds < 1
        assert after.tasks >= 2

    run(work())


@pytest.mark.slow
def test_what_holds_the_loop_up_is_counted_and_named(
    run: Callable[[Coroutine[Any, Any, None]], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def work() -> None:
        async with beating() as watch:
            before = watch.stats()
            hold_up(0.6)
            await asyncio.sleep(3 * BEAT_SECONDS)
            after = watch.stats()
        assert after.slow_callbacks_total >= before.slow_callbacks_total + 1
        assert after.lag.sum - before.lag.sum >= 0.6 - BEAT_SECONDS - SLOW_SECONDS

    run(work())
    [record] = [one for one in records(caplog) if "test_loop_watch.py" in one.place]
    assert "time.sleep(seconds)" in record.stack
    assert "in hold_up" in record.stack
    assert "\n" not in record.stack, "one event is one line"
    assert record.passed_over == 0


@pytest.mark.slow
def test_a_place_is_named_once_and_then_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def work() -> None:
        async with beating() as watch:
            before = watch.stats().slow_callbacks_total
            for _ in range(4):
                hold_up(0.4)
                await asyncio.sleep(3 * BEAT_SECONDS)
            assert watch.stats().slow_callbacks_total >= before + 4
            monkeypatch.setattr("daemon.lifecycle.seldom.QUIET_SECONDS", 0.0)
            hold_up(0.4)
            await asyncio.sleep(3 * BEAT_SECONDS)

    asyncio.run(work())
    named = [one for one in records(caplog) if "test_loop_watch.py" in one.place]
    assert [one.passed_over for one in named] == [0, 3]


@pytest.mark.slow
def test_a_loop_that_hangs_shows_it_while_it_hangs() -> None:
    seen: list[LoopStats] = []

    async def work() -> None:
        async with beating() as watch:
            before = watch.stats()
            looking = threading.Timer(0.8, lambda: seen.append(watch.stats()))
            looking.start()
            hold_up(1.2)
            looking.join()
            await asyncio.sleep(3 * BEAT_SECONDS)
            after = watch.stats()
        [during] = seen
        assert during.silent_seconds > 0.5
        assert during.slow_callbacks_total == before.slow_callbacks_total + 1
        assert after.slow_callbacks_total >= during.slow_callbacks_total
        assert during.heartbeat_at < after.heartbeat_at

    asyncio.run(work())


def test_it_leaves_no_thread() -> None:
    async def work() -> None:
        async with beating():
            assert any(thread.name == "loop watch" for thread in threading.enumerate())

    asyncio.run(work())
    assert not any(thread.name == "loop watch" and thread.is_alive() for thread in threading.enumerate())
