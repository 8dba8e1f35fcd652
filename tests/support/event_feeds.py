"""Feeds of events that run for as long as a test looks at them, and events for those that have no ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from daemon.ledger.queries import JobEvent

if TYPE_CHECKING:
    from daemon.api.event_feed import EventFeed


def queued_event(number: int) -> JobEvent:
    """Make an event of that number."""
    return JobEvent(
        id=number,
        job_id=1,
        at=0.0,
        event="queued",
        attempt=0,
        detail=None,
        dataset="orders",
        file="o.xlsx",
        submitter=None,
    )


@asynccontextmanager
async def running(feed: EventFeed) -> AsyncIterator[EventFeed]:
    """Let a feed read the ledger."""
    async with feed:
        task = asyncio.create_task(feed.run())
        try:
            yield feed
        finally:
            feed.close()
            await asyncio.wait_for(task, 5)
