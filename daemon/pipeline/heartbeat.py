"""The daemon's sign of life in the ledger: beats, reaps the dead, and knows whether the database answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final, Self

from ..ledger.jobs import Outcome

if TYPE_CHECKING:
    from .dispatcher import Dispatcher
    from .job_ends import JobEnds
    from .parts import PipelineParts
    from .settings import PipelineSettings

logger = logging.getLogger(__name__)

FRESHNESS_SECONDS: Final = 30.0
"""How often it is looked what other daemons on this ledger have loaded."""

BEATS_MISSED: Final = 4
"""A beat that takes so many of its intervals stands still: a held lock, a server that has stopped answering."""


class Heartbeat:
    """Runs from before the first claim until after the drain: a daemon that drains is alive."""

    def __init__(self, parts: PipelineParts, dispatcher: Dispatcher, ends: JobEnds, settings: PipelineSettings) -> None:
        self._parts, self._dispatcher, self._ends, self._settings = parts, dispatcher, ends, settings
        self._ledger, self._queries, self._spool = parts.ledger, parts.queries, parts.spool
        self._looked_at = -FRESHNESS_SECONDS
        self._closing = asyncio.Event()
        self._trouble: str | None = None
        self._beaten_at = time.monotonic()

    @property
    def trouble(self) -> str | None:
        """Why the ledger cannot be worked with now; also when nothing fails, but nothing comes back either."""
        silent = time.monotonic() - self._beaten_at
        if self._trouble is None and silent > self._settings.beat_seconds * BEATS_MISSED:
            return f"the database has not answered for {silent:.0f} s"
        return self._trouble

    def apply(self, settings: PipelineSettings) -> None:
        """Go on under other settings from the next beat."""
        self._settings = settings

    async def __aenter__(self) -> Self:
        """Take over what dead daemons left, before anything is claimed."""
        await self._beat()
        dead = await self._parts.executors.run_io(self._spool.dead_daemons)
        removed = await self._parts.executors.run_io(
            self._spool.sweep, await self._queries.spool_keys(self._ledger.spool_id), dead
        )
        if removed:
            logger.info("spool swept", extra={"folders": removed})
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop beating."""
        self._closing.set()

    async def run(self) -> None:
        """Beat until closed; a database that does not answer is waited for, and readiness says so."""
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._settings.beat_seconds)
                return
            try:
                await self._beat()
            except Exception as error:
                if not self._parts.database.will_pass(error):
                    raise
                if self._trouble is None:
                    logger.warning("database not reached", extra={"error": str(error)})
                self._trouble = "the database does not answer"
            else:
                if self._trouble is not None:
                    logger.info("database reached again")
                self._trouble = None

    async def _beat(self) -> None:
        await self._ledger.beat()
        dead = await self._parts.executors.run_io(self._spool.dead_daemons)
        for job in await self._ledger.reap(known_dead=dead, max_lost_leases=self._settings.retry.max_lost_leases):
            self._ends.tell_given_up(job)
        await self._cancel()
        await self._queries.refresh_backlog()
        await self._refresh_freshness()
        self._beaten_at = time.monotonic()
        self._dispatcher.wake()

    async def _cancel(self) -> None:
        """End the jobs that somebody cancelled through another daemon, or while they changed hands."""
        running, ended = await self._ledger.cancellations()
        for job_id in running:
            self._dispatcher.cancel(job_id)
        for job in ended:
            self._ends.tell(job, Outcome(state="cancelled", reason=job.reason))

    async def _refresh_freshness(self) -> None:
        """Tell when each dataset was last loaded, by whichever daemon, this one before its restart included."""
        if time.monotonic() - self._looked_at < FRESHNESS_SECONDS:
            return
        self._looked_at = time.monotonic()
        for dataset, at in (await self._queries.last_successes(tuple(self._parts.datasets))).items():
            self._parts.metrics.loaded_at(dataset, at)
