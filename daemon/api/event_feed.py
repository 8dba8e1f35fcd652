"""The ledger's events, in order and none left out, for all who listen; reads the ledger, writes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final, Self

from ..errors import HeadgateError

if TYPE_CHECKING:
    from ..database.database import Database
    from ..ledger.queries import JobEvent, JobQueries

POLL_SECONDS: Final = 0.25
"""How often events are looked for while somebody listens: of other daemons, and all but the ends that are told here."""
IDLE_POLL_SECONDS: Final = 1.0
BETWEEN_READS_SECONDS: Final = 0.05
"""What happens one thing after another is read together."""
PAGE: Final = 500
GAP_SECONDS: Final = 2.0
"""How long a missing number is waited for: its transaction commits later than one that began after it, or never."""
QUEUE_EVENTS: Final = 2000
"""Events that a slow listener may be behind; one that is further behind is let go and resumes by the last id."""


class ListenerBehindError(HeadgateError):
    """The listener reads more slowly than events come; it may resume after the last event it has got."""


Queue = asyncio.Queue["JobEvent | None"]


class EventFeed:
    """Reads new events once for all listeners; `position` is the id of the last one it has told of."""

    def __init__(self, *, queries: JobQueries, database: Database) -> None:
        self._queries, self._database = queries, database
        self.position = 0
        self._gap: tuple[int, float] | None = None
        self._queues: set[Queue] = set()
        self._closing, self._news = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin behind the newest event."""
        self.position = await self._queries.last_event_id()
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
                if event.id != self.position + 1 and self._waits_for(self.position + 1):
                    return
                self.position = event.id
                self._hand_out(event)
            if len(events) < PAGE:
                return

    def _waits_for(self, missing: int) -> bool:
        now = time.monotonic()
        if self._gap is None or self._gap[0] != missing:
            self._gap = (missing, now)
        return now - self._gap[1] < GAP_SECONDS

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
            async for event in self._replay(after, until):
                yield event
            while not self._closing.is_set():
                live = await queue.get()
                if live is None:
                    break
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
