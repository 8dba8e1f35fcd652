"""The ledger's events, in order and none left out, for all who listen; reads the ledger, writes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ..errors import HeadgateError

if TYPE_CHECKING:
    from ..database.database import Database
    from ..ledger.queries import JobEvent, JobQueries

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
"""How often events are looked for while somebody listens: of other daemons, and all but the ends that are told here."""
IDLE_POLL_SECONDS: Final = 1.0
BETWEEN_READS_SECONDS: Final = 0.05
"""What happens one thing after another is read together."""
PAGE: Final = 500
GAP_SECONDS: Final = 900.0
"""How long a transaction is waited for that may have taken a missing number.

A daemon that lives lets the database be silent for `database.load_timeout_seconds` at most, ten minutes by default, and
gives its transaction up then. What is open for longer is a session whose daemon the network has lost, for which the
server may wait for hours, or somebody's at a prompt: all who listen would wait for it.
"""
QUEUE_EVENTS: Final = 2000
"""Events that a slow listener may be behind; one that is further behind is let go and resumes by the last id."""


class ListenerBehindError(HeadgateError):
    """The listener reads more slowly than events come; it may resume after the last event it has got."""


Queue = asyncio.Queue["JobEvent | None"]


@dataclass(slots=True, kw_only=True)
class Gap:
    """Missing numbers up to `until`, and the transactions that were open when they were missed and still are."""

    until: int
    writers: frozenset[str]
    since: float


class EventFeed:
    """Reads new events once for all listeners; `position` is the id of the last one it has told of.

    A number is given when an event is written, and seen when its transaction is committed, which may be later than that
    of a higher one. Nothing behind a missing number is told while it may still come, so that no listener goes on from
    behind it. It comes no more when all those transactions have ended that were open when it was missed: however long
    others take, and without a guess how long that may be.
    """

    def __init__(self, *, queries: JobQueries, database: Database) -> None:
        self._queries, self._database = queries, database
        self.position = 0
        self._settled = 0
        """The number up to which none that is missing will come."""
        self._gap: Gap | None = None
        self._given_up: frozenset[str] = frozenset()
        self._queues: set[Queue] = set()
        self._closing, self._news = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin behind the newest event, or before the first that may still come."""
        self.position = await self._queries.last_event_id()
        if await self._queries.event_writers():
            self.position = await self._queries.before_missing_events(self.position, numbers=PAGE, seconds=GAP_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let every listener go."""
        self.close()

    def close(self) -> None:
        """Let every listener go, at once."""
        self._closing.set()
        self._news.set()
        for queue in self._queues:
            _end(queue)

    def wake(self) -> None:
        """Read now, if anybody listens: this daemon has committed the end of a job."""
        if self._queues:
            self._news.set()

    async def run(self) -> None:
        """Read until closed; a database that does not answer is waited for."""
        while not self._closing.is_set():
            self._news.clear()
            with self._database.supervisor.waiting("events"):
                await self._read()
            await self._pause()

    async def _pause(self) -> None:
        since = time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), POLL_SECONDS if self._queues else IDLE_POLL_SECONDS)
            await asyncio.sleep(since + BETWEEN_READS_SECONDS - time.monotonic())

    async def _read(self) -> None:
        while events := await self._queries.events_after(self.position, limit=PAGE):
            for event in events:
                if event.id > max(self.position, self._settled) + 1:
                    if not await self._settles(events[-1].id):
                        return
                    break  # what was committed meanwhile is to be seen first
                self.position = event.id
                self._hand_out(event)
            else:
                if len(events) < PAGE:
                    return

    async def _settles(self, seen: int) -> bool:
        """Say whether what is missing before an event that was seen will come no more: its number was given earlier.

        To be asked after the event was seen, and what is missing is to be looked for once more after that: whose lock
        is gone has committed before.
        """
        writers = await self._queries.event_writers()
        self._given_up &= writers
        if self._gap is None or self._gap.until <= self.position:
            self._gap = Gap(until=seen, writers=writers - self._given_up, since=time.monotonic())
        gap = self._gap
        gap.writers &= writers
        if gap.writers:
            if time.monotonic() - gap.since < GAP_SECONDS:
                return False
            # It may stay for hours, and is not waited for at each gap again.
            logger.warning("events not waited for any longer", extra={"after": self.position, "until": gap.until})
            self._given_up |= gap.writers
        self._settled, self._gap = gap.until, None
        return True

    def _hand_out(self, event: JobEvent) -> None:
        for queue in list(self._queues):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._queues.discard(queue)
                _end(queue)

    async def listen(self, after: int) -> AsyncGenerator[JobEvent, None]:
        """Yield the events after the id `after`, those that are there and those that come; ends with the feed.

        Raises:
            ListenerBehindError: the listener is too slow.

        """
        queue: Queue = asyncio.Queue(QUEUE_EVENTS)
        until = self.position
        self._queues.add(queue)
        self._news.set()  # while nobody listened it was read seldom
        try:
            # Another daemon may have told it more than this one has by now. A number beyond all is of another ledger.
            told = after if after <= until or after <= await self._queries.last_event_id() else until
            async for event in self._replay(after, until):
                yield event
            while not self._closing.is_set():
                live = await queue.get()
                if live is None:
                    break
                if live.id > told:
                    yield live
            if not self._closing.is_set():
                raise ListenerBehindError
        finally:
            self._queues.discard(queue)

    async def _replay(self, after: int, until: int) -> AsyncGenerator[JobEvent, None]:
        while after < until:
            events = await self._queries.events_after(after, limit=PAGE, until=until)
            for event in events:
                yield event
            if len(events) < PAGE:
                return
            after = events[-1].id


def _end(queue: Queue) -> None:
    """Wake the listener of a queue for the last time; what it has not read it will ask for again."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)
