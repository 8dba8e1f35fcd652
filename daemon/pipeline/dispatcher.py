"""Which jobs are claimed, how many at once, and how they are drained; what becomes of each is the runner's affair."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from ..executors.fair_limiter import FairLimiter
from ..ledger.claims import CLAIMED_AT_ONCE
from .attempt import Attempt
from .turns import has_turn

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..ledger.claims import Claim
    from ..lifecycle.signals import Drain
    from .job_runner import JobRunner
    from .parts import PipelineParts
    from .settings import PipelineSettings

logger = logging.getLogger(__name__)

CLAIM: Final = "claim"
LOADS_BESIDE_PARSES: Final = 4
"""Jobs in flight beyond those that are parsed: while files are loaded, the workers are parsing the next ones."""
LOADS_OF_A_DATASET: Final = 2
"""Jobs of one dataset in flight beyond the CPU workers: one loads, another one waits for its turn."""


@dataclass(slots=True, kw_only=True)
class _Flight:
    """A job on its way, and its task."""

    attempt: Attempt
    task: asyncio.Task[None]


class Dispatcher:
    """Moves jobs from `queued` to their terminal state, as many at once as the workers can use."""

    def __init__(
        self,
        parts: PipelineParts,
        runner: JobRunner,
        settings: PipelineSettings,
        *,
        drain: Drain,
        only: Collection[int] | None = None,
    ) -> None:
        self._parts, self._runner, self._settings = parts, runner, settings
        self._drain, self._only = drain, only
        # Only `run` waits here, so the queue is never full.
        self._slots = FairLimiter(places=self._places, queue_limit=1, queue_timeout_seconds=1)
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._landed_all = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        # By lease token: a job that was put back may be here again before its first task has ended.
        self._flights: dict[str | None, _Flight] = {}
        self._fatal: BaseException | None = None

    def wake(self) -> None:
        """Say that there may be a job to claim."""
        self._wake.set()

    @property
    def leases(self) -> set[str]:
        """The lease tokens of the jobs that run here."""
        return {token for token in self._flights if token is not None}

    @property
    def _places(self) -> int:
        return self._parts.parser.places + LOADS_BESIDE_PARSES

    def apply(self, settings: PipelineSettings) -> None:
        """Go on under other settings; jobs in flight are not disturbed."""
        self._settings, self._drain.seconds = settings, settings.drain_seconds
        self.wake()

    async def run(self) -> None:
        """Claim and run jobs until `close`; every job's own failure is its own affair."""
        while not self._closing.is_set():
            # A reload may have changed how many there are, and workers of a cluster come and go.
            self._slots.resize(places=self._places, queue_limit=1, queue_timeout_seconds=1)
            await self._slots.enter("jobs")
            if self._fatal is not None:
                raise self._fatal
            self._wake.clear()
            if not await self._begin_due():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._settings.poll_seconds)

    async def _begin_due(self) -> bool:
        """Claim and start jobs for the place that was entered and all that are free; False if no more are due."""
        async with self._claiming:
            asked, claims = (0, []) if self._closing.is_set() else await self._claim(1 + self._slots.free)
            if not claims:
                self._slots.leave()
            for number, claim in enumerate(claims):
                if number:
                    await self._slots.enter("jobs")  # at once: only here anybody enters
                self._begin(claim)
            return bool(claims) and len(claims) == asked

    def _begin(self, claim: Claim) -> None:
        job, attempt = claim.job, Attempt(job=claim.job, mapped=claim.mapped)
        task = asyncio.create_task(self._runner.run(attempt), name=f"job-{job.id}")
        self._running.add(task)
        self._landed_all.clear()
        self._flights[job.lease_token] = _Flight(attempt=attempt, task=task)
        task.add_done_callback(self._ended)
        task.add_done_callback(partial(self._landed, job.lease_token))

    async def __aenter__(self) -> Self:
        """Return itself; `run` is started by the composition, which watches it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Drain."""
        await self.close()

    def claim_no_more(self) -> None:
        """Begin no more jobs; those that run go on."""
        self._closing.set()
        self._wake.set()

    async def close(self) -> None:
        """Claim no more, give the running jobs their time to end, then kill what is left and give it back."""
        self.claim_no_more()
        async with self._claiming:
            pass  # a claim under way begins its job first, which is then drained like the others
        if self._running:
            logger.info("draining", extra={"jobs": len(self._running), "seconds": self._drain.left_seconds})
            await self._drain.wait_for(self._landed_all)
        await self.terminate()

    async def terminate(self) -> None:
        """Kill the running jobs at once; the ledger gives their attempts back."""
        for flight in self._flights.values():
            flight.attempt.cancelled = False
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def cancel(self, job_id: int) -> None:
        """End a job that runs here, its worker too; does nothing for any other."""
        for flight in self._flights.values():
            if flight.attempt.job.id == job_id and not flight.attempt.cancelled:
                flight.attempt.cancelled = True
                flight.task.cancel()

    def _landed(self, token: str | None, _: asyncio.Task[None]) -> None:
        flight = self._flights.pop(token)
        if flight.attempt.job.repeats != "once":
            self.wake()  # another may have waited for its turn

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not self._running:
            self._landed_all.set()
        self._slots.leave()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The job could not even be put back: end the process, so that its lease is given to another.
            self._fatal = error
            self._wake.set()

    async def _claim(self, places: int) -> tuple[int, list[Claim]]:
        """Return for how many jobs the ledger was asked, and those that it gave."""
        # One dataset's jobs wait for their turns in places of its own: others' are not kept waiting for them.
        flying = Counter(
            flight.attempt.job.dataset for flight in self._flights.values() if has_turn(flight.attempt.job)
        )
        room = self._parts.parser.places + LOADS_OF_A_DATASET
        datasets = self._runner.waits.claimable([name for name in self._parts.datasets if flying[name] < room])
        supervisor = self._parts.database.supervisor
        if not datasets and supervisor.trouble(CLAIM) is None:
            return 0, []
        most = min(places, room - max((flying[name] for name in datasets), default=0), CLAIMED_AT_ONCE)
        with supervisor.waiting(CLAIM):
            return most, await self._parts.ledger.claim(datasets=datasets, most=most, only=self._only)
        return 0, []
