"""The daemon's sign of life in the ledger: beats, reaps the dead, and knows whether the database answers."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, Self

from ..errors import ExecutorError, first_line
from ..ledger.jobs import UNMATCHED, Outcome
from ..lifecycle.components import UntilClosed
from .dispatcher import CLAIM
from .job_runner import NOTING

if TYPE_CHECKING:
    from ..ledger.dataset_pasts import Failure
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
"""A beat that takes so many of its intervals stands still: a held lock, a server that has stopped answering.

So does a look at the spool: a disk that hangs, or nobody left to look.
"""


class Heartbeat(UntilClosed):
    """Runs from before the first claim until after the drain: a daemon that drains is alive."""

    def __init__(self, parts: PipelineParts, dispatcher: Dispatcher, ends: JobEnds, settings: PipelineSettings) -> None:
        super().__init__()
        self._parts, self._dispatcher, self._ends, self._settings = parts, dispatcher, ends, settings
        self._ledger, self._queries, self._spool = parts.ledger, parts.queries, parts.spool
        self._looked_at = -FRESHNESS_SECONDS
        self._failures: dict[str, tuple[Failure, dict[str, int]]] = {}
        self._beat_began: float | None = None
        self._spool_look = _SpoolLook(parts)
        self._clock_ahead = 0.0, 0.0
        self._strays: set[str] = set()

    @property
    def trouble(self) -> str | None:
        """Why no work can be taken now: what fails the ledger, or the spool."""
        return self.database_trouble or self._spool_look.trouble(self._patience_seconds)

    @property
    def database_trouble(self) -> str | None:
        """Why the ledger cannot be worked with now; also when nothing fails, but nothing comes back either."""
        trouble = self._parts.database.supervisor.trouble
        silent = 0.0 if self._beat_began is None else time.monotonic() - self._beat_began
        told = trouble(BEAT) or trouble(CLAIM) or trouble(NOTING)
        if told is None and silent > self._patience_seconds:
            return f"the database has not answered for {silent:.0f} s"
        return told

    @property
    def _patience_seconds(self) -> float:
        return self._settings.beat_seconds * BEATS_MISSED

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
        await self._spool_look.renew()
        await self._first_beat()
        dead, run_io = self._spool_look.dead, self._parts.executors.run_io
        ownerless = await run_io(self._spool.ownerless, dead)
        needed = await self._queries.spool_keys(self._ledger.spool_id)
        removed = await run_io(self._spool.sweep, ownerless, needed, dead)
        if removed:
            logger.info("spool swept", extra={"folders": removed})
        return self

    async def run(self) -> None:
        """Beat until closed; a database that does not answer is waited for, and readiness says so."""
        try:
            while True:
                await self.pause(self._settings.beat_seconds)
                if self._closing.is_set():
                    return
                await self._spool_look.renew(self._settings.beat_seconds)
                with self._parts.database.supervisor.waiting(BEAT):
                    await self._beat()
        finally:
            self._spool_look.cancel()

    async def _first_beat(self) -> None:
        """Beat; what waits for somebody's lock is left to the next beat, and readiness says so till then."""
        database = self._parts.database
        try:
            await self._beat()
        except Exception as error:  # raised again unless it is a lock
            if database.meaning(error).counted_as != "locked":
                raise
            database.supervisor.failed(BEAT, error)

    async def _beat(self) -> None:
        self._beat_began = time.monotonic()
        try:
            await self._work()
        finally:
            self._beat_began = None
        self._dispatcher.wake()
        # It asks once for each dataset: what that takes is no silence of the database.
        await self._refresh_freshness()

    async def _work(self) -> None:
        self._note_clock(await self._ledger.correct_clock())
        await self._ledger.beat()
        retry = self._settings.retry
        for job in await self._ledger.reap(known_dead=self._spool_look.dead, max_lost_leases=retry.max_lost_leases):
            self._ends.tell_given_up(job)
        await self._let_go_of_strays()
        await self._cancel()
        await self._queries.refresh_backlog()

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
        """Tell when each dataset was last tried, refused and loaded, by whichever daemon, also before a restart.

        Told are moments of this machine's clock, as of what happens here.
        """
        if time.monotonic() - self._looked_at < FRESHNESS_SECONDS:
            return
        self._looked_at = time.monotonic()
        metrics, datasets = self._parts.metrics, tuple(self._parts.datasets)
        ahead = self._queries.backlog().clock_ahead_seconds
        for dataset, at in (await self._queries.last_successes(datasets)).items():
            metrics.loaded_at(dataset, at - ahead)
        for dataset, past in (await self._queries.pasts((*datasets, UNMATCHED))).items():
            metrics.expected_since(dataset, None if past.first_at is None else past.first_at - ahead)
            if past.begun_at is not None:
                metrics.attempted_at(dataset, past.begun_at - ahead)
            if past.failure is not None and (codes := await self._codes(dataset, past.failure)):
                metrics.failed_at(dataset, past.failure.at - ahead, codes)

    async def _codes(self, dataset: str, failure: Failure) -> dict[str, int]:
        """Return the codes of a dataset's latest failure. Its records may be a thousand: they are read once."""
        known, codes = self._failures.get(dataset, (None, {}))
        if known != failure:
            codes = await self._queries.codes_of(failure)
            self._failures[dataset] = failure, codes
        return codes


class _SpoolLook:
    """What the spool last said of itself, and for how long it has said nothing: its disk may hang while beats go on."""

    def __init__(self, parts: PipelineParts) -> None:
        self._executors, self._spool = parts.executors, parts.spool
        self._look: asyncio.Task[tuple[str | None, tuple[str, ...]]] | None = None
        self._began = 0.0
        self._trouble: str | None = None
        self.dead: tuple[str, ...] = ()
        """Daemons of this spool whose process has ended."""

    def trouble(self, patience_seconds: float) -> str | None:
        """Return why nothing can be taken into the spool; also when it has said nothing for longer than that."""
        silent = 0.0 if self._look is None else time.monotonic() - self._began
        if silent > patience_seconds:
            return f"the spool's disk, or every I/O thread, has not answered for {silent:.0f} s"
        return self._trouble

    async def renew(self, seconds: float | None = None) -> None:
        """Look again, or go on waiting for the last look: no second thread goes where one hangs."""
        waits: float | None = 0.0  # for one that did not come in time the beats are not put off again
        if self._look is None:
            waits, self._began = seconds, time.monotonic()
            self._look = asyncio.create_task(self._executors.run_io(self._answer))
        done, _ = await asyncio.wait({self._look}, timeout=waits)
        if not done:
            return
        look, self._look, before = self._look, None, self._trouble
        try:
            self._trouble, self.dead = look.result()
        except (ExecutorError, OSError) as error:
            self._trouble = f"the spool does not answer: {first_line(error)}"
        if self._trouble != before:
            logger.warning("spool", extra={"trouble": self._trouble or "none any more"})

    def cancel(self) -> None:
        """Wait no more."""
        if self._look is not None:
            self._look.cancel()

    def _answer(self) -> tuple[str | None, tuple[str, ...]]:
        trouble = self._spool.trouble()
        return trouble, () if trouble else self._spool.dead_daemons()
