"""The feed hands events out in order and leaves none out, however their transactions end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from event_feeds import queued_event, running

from daemon.api import event_feed
from daemon.api.event_feed import EventFeed, ListenerBehindError
from daemon.database.errors import meaning
from daemon.database.supervisor import Supervisor

if TYPE_CHECKING:
    from daemon.ledger.queries import JobEvent


class Ledger:
    """Events as a reader sees them; what is not committed is not there, and its `writers` are open."""

    def __init__(self) -> None:
        self.events: list[JobEvent] = []
        self.writers: set[str] = set()

    def commit(self, *numbers: int) -> None:
        self.events += map(queued_event, numbers)
        self.events.sort(key=lambda event: event.id)

    async def last_event_id(self) -> int:
        return max((event.id for event in self.events), default=0)

    async def events_after(self, after: int, *, limit: int, until: int | None = None) -> list[JobEvent]:
        last = until or 10**9
        return [event for event in self.events if after < event.id <= last][:limit]

    async def event_writers(self) -> frozenset[str]:
        return frozenset(self.writers)

    async def before_missing_events(self, last: int, *, numbers: int, seconds: float) -> int:
        assert numbers > 0 < seconds
        there = {event.id for event in self.events}
        return next((number for number in range(last) if number + 1 not in there), last)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@asynccontextmanager
async def feeding(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EventFeed]:
    monkeypatch.setattr(event_feed, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(event_feed, "IDLE_POLL_SECONDS", 0.01)
    database = SimpleNamespace(supervisor=Supervisor(partial(meaning, sqlite=True)))
    async with running(EventFeed(queries=cast("Any", ledger), database=cast("Any", database))) as feed:
        yield feed


async def take(feed: EventFeed, count: int, after: int = 0) -> list[int]:
    async with aclosing(feed.listen(after)) as events, asyncio.timeout(5):
        return [(await anext(events)).id for _ in range(count)]


async def test_an_event_that_commits_late_is_waited_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    async with feeding(ledger, monkeypatch) as feed:
        listening = asyncio.create_task(take(feed, 5))
        await asyncio.sleep(0.05)
        ledger.writers = {"3/1"}
        ledger.commit(1, 3, 4)
        await asyncio.sleep(0.1)
        ledger.writers |= {"4/7"}
        ledger.commit(6)
        await asyncio.sleep(0.1)
        assert not listening.done()
        assert feed.position == 1, "nobody goes on from behind what may still come"
        ledger.commit(2)
        ledger.writers = {"4/7"}
        await asyncio.sleep(0.1)
        assert feed.position == 4, "the next one may have its number from another that is open"
        ledger.writers = {"5/2"}
        assert await listening == [1, 2, 3, 4, 6]


async def test_a_number_is_not_waited_for_when_only_those_are_open_that_began_later(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with feeding(ledger, monkeypatch) as feed:
        listening = asyncio.create_task(take(feed, 2))
        await asyncio.sleep(0.05)
        ledger.writers = {"3/1"}
        ledger.commit(2, 3)
        await asyncio.sleep(0.1)
        assert not listening.done()
        ledger.writers = {"3/2", "4/7"}
        assert await listening == [2, 3]


async def test_who_never_ends_holds_nobody_up_for_ever(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_feed, "GAP_SECONDS", 0.2)
    async with feeding(ledger, monkeypatch) as feed:
        listening = asyncio.create_task(take(feed, 2))
        await asyncio.sleep(0.05)
        ledger.writers = {"3/1"}
        ledger.commit(2, 3)
        await asyncio.sleep(0.1)
        assert not listening.done()
        assert await listening == [2, 3]
        assert "events not waited for any longer" in caplog.messages
        monkeypatch.setattr(event_feed, "GAP_SECONDS", 3600.0)
        ledger.commit(5)
        assert await take(feed, 1, after=3) == [5], "it is not waited for once more"


async def test_the_feed_begins_before_what_may_still_come(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.commit(1, 2, 4)
    ledger.writers = {"3/1"}
    async with feeding(ledger, monkeypatch) as feed:
        assert feed.position == 2
        listening = asyncio.create_task(take(feed, 2, after=feed.position))
        await asyncio.sleep(0.05)
        ledger.commit(3)
        assert await listening == [3, 4]


async def test_a_listener_of_another_daemon_goes_on_behind_what_that_one_has_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.commit(1)
    async with feeding(ledger, monkeypatch) as feed:
        monkeypatch.setattr(event_feed, "BETWEEN_READS_SECONDS", 0.5)
        ledger.writers = {"3/1"}
        ledger.commit(3, 4)
        await asyncio.sleep(0.1)
        assert feed.position == 1
        listening = asyncio.create_task(take(feed, 1, after=3))
        of_another_ledger = asyncio.create_task(take(feed, 2, after=100))
        await asyncio.sleep(0.05)
        ledger.writers.clear()
        assert await listening == [4]
        assert await of_another_ledger == [3, 4]


async def test_ends_are_told_at_once_and_so_is_what_was_there_before_somebody_listened(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with feeding(ledger, monkeypatch) as feed:
        for pause in ("POLL_SECONDS", "IDLE_POLL_SECONDS"):
            monkeypatch.setattr(event_feed, pause, 3600)
        await asyncio.sleep(0.1)  # the last short pause is over
        async with aclosing(feed.listen(0)) as events, asyncio.timeout(5):
            for number in (1, 2, 3):
                ledger.commit(number)
                feed.wake()
                assert (await anext(events)).id == number


async def test_a_number_that_was_rolled_back_is_passed_over(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    async with feeding(ledger, monkeypatch) as feed:
        listening = asyncio.create_task(take(feed, 2))
        await asyncio.sleep(0.05)
        ledger.commit(2, 3)
        assert await listening == [2, 3]


async def test_a_listener_resumes_and_goes_on_live(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.commit(*range(1, 1201))  # more than a page
    async with feeding(ledger, monkeypatch) as feed:
        listening = asyncio.create_task(take(feed, 702, after=500))
        await asyncio.sleep(0.05)
        ledger.commit(1201, 1202)
        assert await listening == list(range(501, 1203))


async def test_a_listener_that_is_too_slow_is_let_go_without_a_gap(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "QUEUE_EVENTS", 10)
    async with feeding(ledger, monkeypatch) as feed:
        slow = feed.listen(0)
        first = asyncio.ensure_future(anext(slow))
        await asyncio.sleep(0.05)
        ledger.commit(1)
        assert (await first).id == 1
        ledger.commit(*range(2, 40))
        await asyncio.sleep(0.2)
        with pytest.raises(ListenerBehindError):
            await anext(slow)
        assert await take(feed, 38, after=1) == list(range(2, 40))


async def test_the_end_of_the_feed_ends_its_listeners(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    async with feeding(ledger, monkeypatch) as feed:
        listening = asyncio.create_task(take(feed, 1))
        await asyncio.sleep(0.05)
    with pytest.raises(StopAsyncIteration):
        await listening
