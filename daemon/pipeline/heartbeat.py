"""The daemon's sign of life in the ledger: beats, reaps the dead, and knows whether the database answers."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, Self

from ..ledger.jobs import Outcome
from ..lifecycle.components import UntilClosed
from .dispatcher import CLAIM
from .job_runner import NOTING

if TYPE_CHECKING:
    from .dispatcher import Dispatcher
    from .job_ends import JobEnds
    from .parts import PipelineParts
    from .settings import PipelineSettings

logger = logging.getLogger(__name__)

FRESHNESS_SECONDS: Final = 30.0
"""How often it is looked what other daemons on this ledger have loaded."""

CLOCK_TOLD_SECONDS: Final = 3600.0
"""How long it is told that the ledger's clock was ahead: its times are corrected at once, so nobody would see it."""

BEAT: Final = "beat"
BEATS_MISSED: Final = 4
"""A beat that takes so many of its intervals stands still: a held lock, a server that has stopped answering."""


class Heartbeat(UntilClosed):
    """Runs from before the first claim until after the drain: a daemon that drains is alive."""

    def __init__(self, parts: PipelineParts, dispatcher: Dispatcher, ends: JobEnds, settings: PipelineSettings) -> None:
        super().__init__()
        self._parts, self._dispatcher, self._ends, self._settings = parts, dispatcher, ends, settings
        self._ledger, self._queries, self._spool = parts.ledger, parts.queries, parts.spool
        self._looked_at = -FRESHNESS_SECONDS
        self._beaten_at = time.monotonic()
        self._spool_trouble: str | None = None
        self._clock_ahead = 0.0, 0.0
        self._strays: set[str] = set()

    @property
    def trouble(self) -> str | None:
        """Why no work can be taken now: what fails the ledger, or the spool."""
        return self.database_trouble or self._spool_trouble

    @property
    def database_trouble(self) -> str | None:
        """Why the ledger cannot be worked with now; also when nothing fails, but nothing comes back either."""
        silent, trouble = time.monotonic() - self._beaten_at, self._parts.database.supervisor.trouble
        told = trouble(BEAT) or trouble(CLAIM) or trouble(NOTING)
        if told is None and silent > self._settings.beat_seconds * BEATS_MISSED:
            return f"the database has not answered for {silent:.0f} s"
        return told

    @property
    def clock_ahead_seconds(self) -> float:
        """By how much the ledger was ahead of its clock when that was last corrected, 0.0 after a while."""
        ahead_seconds, at = self._clock_ahead
        return ahead_seconds if time.monotonic() - at < CLOCK_TOLD_SECONDS else 0.0

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

    async def run(self) -> None:
        """Beat until closed; a database that does not answer is waited for, and readiness says so."""
        while True:
            await self.pause(self._settings.beat_seconds)
            if self._closing.is_set():
                return
            self._look_at_spool(await self._parts.executors.run_io(self._spool.trouble))
            with self._parts.database.supervisor.waiting(BEAT):
                await self._beat()

    def _look_at_spool(self, trouble: str | None) -> None:
        if trouble != self._spool_trouble:
            logger.warning("spool", extra={"trouble": trouble or "none any more"})
        self._spool_trouble = trouble

    async def _beat(self) -> None:
        self._note_clock(await self._ledger.correct_clock())
        await self._ledger.beat()
        dead = await self._parts.executors.run_io(self._spool.dead_daemons)
        for job in await self._ledger.reap(known_dead=dead, max_lost_leases=self._settings.retry.max_lost_leases):
            self._ends.tell_given_up(job)
        await self._let_go_of_strays()
        await self._cancel()
        await self._queries.refresh_backlog()
        await self._refresh_freshness()
        self._beaten_at = time.monotonic()
        self._dispatcher.wake()

    def _note_clock(self, ahead_seconds: float) -> None:
        if ahead_seconds:
            self._clock_ahead = ahead_seconds, time.monotonic()
            logger.warning("clock was ahead; times corrected", extra={"seconds": round(ahead_seconds, 1)})

    async def _let_go_of_strays(self) -> None:
        """Put back jobs that are this daemon's and do not run here: their claim was committed, its answer lost.

        Seen in two beats: the answer to a claim may be on its way. One that comes later still finds its lease gone.
        """
        strays = await self._ledger.held() - self._dispatcher.leases
        again = strays & self._strays
        self._strays = strays - again
        if again:
            logger.warning("claims without an answer given back", extra={"jobs": len(again)})
            await self._ledger.let_go(again)

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
