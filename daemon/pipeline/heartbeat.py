"""The daemon's sign of life in the ledger: beats, reaps the dead, and knows whether the database answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final, Self

from ..ledger.jobs import Outcome

if TYPE_CHECKING:
    from ..database.database import Database
    from ..executors.executors import Executors
    from ..ledger.jobs import Job
    from ..ledger.leases import Ledger
    from ..ledger.queries import JobQueries
    from ..spool import Spool

logger = logging.getLogger(__name__)

FRESHNESS_SECONDS: Final = 30.0
"""How often it is looked what other daemons on this ledger have loaded."""

BEATS_MISSED: Final = 4
"""A beat that takes so many of its intervals stands still: a held lock, a server that has stopped answering."""


class Heartbeat:
    """Runs from before the first claim until after the drain: a daemon that drains is alive."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        queries: JobQueries,
        spool: Spool,
        executors: Executors,
        database: Database,
        beat_seconds: float,
        max_lost_leases: int,
        datasets: Collection[str],
        loaded: Callable[[str, float], None],
        given_up: Callable[[Job], None],
        kill: Callable[[int], None],
        tell: Callable[[Job, Outcome], None],
        wake: Callable[[], None],
    ) -> None:
        self._queries = queries
        self._ledger, self._spool, self._executors, self._database = ledger, spool, executors, database
        self._beat_seconds, self._max_lost_leases = beat_seconds, max_lost_leases
        self._datasets, self._loaded, self._looked_at = datasets, loaded, -FRESHNESS_SECONDS
        self._given_up, self._kill, self._tell, self._wake = given_up, kill, tell, wake
        self._closing = asyncio.Event()
        self._trouble: str | None = None
        self._beaten_at = time.monotonic()

    @property
    def trouble(self) -> str | None:
        """Why the ledger cannot be worked with now; also when nothing fails, but nothing comes back either."""
        silent = time.monotonic() - self._beaten_at
        if self._trouble is None and silent > self._beat_seconds * BEATS_MISSED:
            return f"the database has not answered for {silent:.0f} s"
        return self._trouble

    def apply(self, *, max_lost_leases: int) -> None:
        """Go on under other settings from the next beat."""
        self._max_lost_leases = max_lost_leases

    async def __aenter__(self) -> Self:
        """Take over what dead daemons left, before anything is claimed."""
        await self._beat()
        dead = await self._executors.run_io(self._spool.dead_daemons)
        removed = await self._executors.run_io(
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
                await asyncio.wait_for(self._closing.wait(), self._beat_seconds)
                return
            try:
                await self._beat()
            except Exception as error:
                if self._database.classify(error) != "transient":
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
        dead = await self._executors.run_io(self._spool.dead_daemons)
        for job in await self._ledger.reap(known_dead=dead, max_lost_leases=self._max_lost_leases):
            self._given_up(job)
        await self._cancel()
        await self._queries.refresh_backlog()
        await self._refresh_freshness()
        self._beaten_at = time.monotonic()
        self._wake()

    async def _cancel(self) -> None:
        """End the jobs that somebody cancelled through another daemon, or while they changed hands."""
        running, ended = await self._ledger.cancellations()
        for job_id in running:
            self._kill(job_id)
        for job in ended:
            self._tell(job, Outcome(state="cancelled", reason=job.reason))

    async def _refresh_freshness(self) -> None:
        """Tell when each dataset was last loaded, by whichever daemon, this one before its restart included."""
        if time.monotonic() - self._looked_at < FRESHNESS_SECONDS:
            return
        self._looked_at = time.monotonic()
        for dataset, at in (await self._queries.last_successes(tuple(self._datasets))).items():
            self._loaded(dataset, at)
