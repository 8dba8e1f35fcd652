"""Events on a real PostgreSQL whose transactions end in another order than their numbers have: none is left out."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from event_feeds import running
from submissions import submission

from daemon.api.event_feed import EventFeed
from daemon.ledger.queries import JobQueries

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.leases import Ledger

LATE_SECONDS = 2.5
"""How long a load's last transaction waits for others, as for the lock of a table."""


@pytest.fixture
def database_url(postgres_database: str) -> str:
    return postgres_database


def feed_of(database: Database) -> EventFeed:
    return EventFeed(queries=JobQueries(database), database=database)


async def take(feed: EventFeed, count: int, after: int) -> list[str]:
    async with aclosing(feed.listen(after)) as events, asyncio.timeout(10):
        return [(await anext(events)).event for _ in range(count)]


async def test_an_event_is_told_however_late_it_is_committed(ledger: Ledger, database: Database) -> None:
    job = await ledger.submit(submission("monday"))
    async with running(feed_of(database)) as feed:
        begin = feed.position
        listening = asyncio.create_task(take(feed, 3, begin))
        async with database.write() as late:
            await ledger.event(late, job.id, "late", 0, None)
            await ledger.submit(submission("tuesday"))
            await ledger.submit(submission("wednesday"))
            await asyncio.sleep(LATE_SECONDS)
            assert not listening.done()
            assert feed.position == begin
        assert await listening == ["late", "queued", "queued"]
        assert await take(feed, 3, begin) == ["late", "queued", "queued"], "and so it is to whoever comes back"


async def test_a_number_that_was_given_back_keeps_nobody(ledger: Ledger, database: Database) -> None:
    job = await ledger.submit(submission("monday"))
    async with running(feed_of(database)) as feed, asyncio.timeout(2):
        async with database.engine.connect() as undone:
            await ledger.event(undone, job.id, "undone", 0, None)
            await undone.rollback()
        listening = asyncio.create_task(take(feed, 1, feed.position))
        await ledger.submit(submission("tuesday"))
        assert await listening == ["queued"]


async def test_a_daemon_that_starts_in_between_begins_before_what_is_open(ledger: Ledger, database: Database) -> None:
    job = await ledger.submit(submission("monday"))
    async with database.write() as late:
        await ledger.event(late, job.id, "late", 0, None)
        await ledger.submit(submission("tuesday"))
        async with running(feed_of(database)) as feed:
            listening = asyncio.create_task(take(feed, 2, feed.position))
            await asyncio.sleep(0.2)
            await late.commit()
            assert await listening == ["late", "queued"]
