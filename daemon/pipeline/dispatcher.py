"""Which jobs are claimed and how many at once, and what becomes of a failed attempt: decided nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Self, cast

from ..errors import (
    HeadgateError,
    LeaseLostError,
    PoolClosedError,
    QueueFullError,
    WorkerCrashedError,
    WorkerLostError,
    WorkerStartError,
    first_line,
)
from ..executors.fair_limiter import FairLimiter
from ..ledger.jobs import Job, Outcome
from .job_runner import Attempt

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from ..database.database import Database
    from ..executors.executors import Executors
    from ..ledger.leases import Ledger
    from ..metrics.job_metrics import Metrics
    from ..spool import Spool
    from .job_runner import JobRunner
    from .retry_policy import RetryPolicy

logger = logging.getLogger(__name__)

LOADS_BESIDE_PARSES: Final = 4
"""Jobs in flight beyond the CPU workers: while files are loaded, the workers are parsing the next ones."""


@dataclass(slots=True, kw_only=True)
class _Flight:
    """A job on its way, its task, and whether somebody wants it ended."""

    attempt: Attempt
    task: asyncio.Task[None]
    cancelled: bool = False


class Dispatcher:
    """Moves jobs from `queued` to their terminal state, as many at once as the workers can use."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        database: Database,
        attempts: JobRunner,
        executors: Executors,
        spool: Spool,
        datasets: Mapping[str, Dataset],
        metrics: Metrics,
        parallel_parses: int,
        poll_seconds: float,
        drain_seconds: float,
        force: asyncio.Event,
        only: Collection[int] | None = None,
    ) -> None:
        self._ledger, self._database, self._attempts = ledger, database, attempts
        self._executors, self._spool, self._datasets, self._metrics = executors, spool, datasets, metrics
        self._poll_seconds, self._drain_seconds, self._only = poll_seconds, drain_seconds, only
        self._force = force
        self._settled: dict[int, asyncio.Event] = {}
        # Only `run` waits here, so the queue is never full.
        self._slots = FairLimiter(places=parallel_parses + LOADS_BESIDE_PARSES, queue_limit=1, queue_timeout_seconds=1)
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()
        # By lease token: a job that was put back may be here again before its first task has ended.
        self._flights: dict[str | None, _Flight] = {}
        self._fatal: BaseException | None = None

    def wake(self) -> None:
        """Say that there may be a job to claim."""
        self._wake.set()

    def apply(self, *, retry: RetryPolicy, parallel_parses: int, poll_seconds: float, drain_seconds: float) -> None:
        """Go on under other settings; jobs in flight are not disturbed."""
        self._attempts.retry = retry
        self._poll_seconds, self._drain_seconds = poll_seconds, drain_seconds
        self._slots.resize(places=parallel_parses + LOADS_BESIDE_PARSES, queue_limit=1, queue_timeout_seconds=1)
        self.wake()

    async def run(self) -> None:
        """Claim and run jobs until `close`; every job's own failure is its own affair."""
        while not self._closing.is_set():
            await self._slots.enter("jobs")
            if self._fatal is not None:
                raise self._fatal
            self._wake.clear()
            if not await self._begin_next():
                self._slots.leave()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._poll_seconds)

    async def _begin_next(self) -> bool:
        """Claim a job and start it; False if none is due, or no more are begun."""
        async with self._claiming:
            job = None if self._closing.is_set() else await self._claim()
            if job is None:
                return False
            attempt = Attempt(job=job)
            task = asyncio.create_task(self._run(attempt), name=f"job-{job.id}")
            self._running.add(task)
            self._flights[job.lease_token] = _Flight(attempt=attempt, task=task)
            task.add_done_callback(self._ended)
            task.add_done_callback(partial(self._landed, job.lease_token))
            return True

    async def __aenter__(self) -> Self:
        """Return itself; `run` is started by the composition, which watches it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Drain."""
        await self.close()

    async def close(self) -> None:
        """Claim no more, give the running jobs their time to end, then kill what is left and give it back."""
        self._closing.set()
        self._wake.set()
        async with self._claiming:
            pass  # a claim under way begins its job first, which is then drained like the others
        if self._running:
            logger.info("draining", extra={"jobs": len(self._running), "seconds": self._drain_seconds})
            await self._drain()
        await self.terminate()

    async def _drain(self) -> None:
        """Wait for the running jobs, for the grace, or for a second stop signal, whichever comes first."""
        drained = asyncio.create_task(asyncio.wait(set(self._running)))
        forced = asyncio.create_task(self._force.wait())
        try:
            await asyncio.wait({drained, forced}, timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            drained.cancel()
            forced.cancel()
            await asyncio.gather(drained, forced, return_exceptions=True)

    async def terminate(self) -> None:
        """Kill the running jobs at once; the ledger gives their attempts back."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def expect(self, job_id: int) -> asyncio.Event:
        """Return an event that is set when this dispatcher tells of the job's outcome."""
        return self._settled.setdefault(job_id, asyncio.Event())

    def cancel(self, job_id: int) -> None:
        """End a job that runs here, its worker too; does nothing for any other."""
        for flight in self._flights.values():
            if flight.attempt.job.id == job_id and not flight.cancelled:
                flight.cancelled = True
                flight.task.cancel()

    def _landed(self, token: str | None, _: asyncio.Task[None]) -> None:
        del self._flights[token]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.leave()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The job could not even be put back: end the process, so that its lease is given to another.
            self._fatal = error
            self._wake.set()

    async def _claim(self) -> Job | None:
        try:
            return await self._ledger.claim(datasets=self._datasets, only=self._only)
        except Exception as error:
            if not self._database.will_pass(error):
                raise
            logger.warning("claim failed", extra={"error": str(error)})
            return None

    # -- one job -------------------------------------------------------------------------------------

    async def _run(self, attempt: Attempt) -> None:
        job = attempt.job
        self._metrics.attempt(job.dataset, time.time())
        try:
            outcome = await self._attempts.run(attempt)
            await self._tell(job, outcome)
        except LeaseLostError:
            logger.warning("lease lost", extra={"job": job.id, "attempt": job.attempt})
        except asyncio.CancelledError:
            if not self._flights[job.lease_token].cancelled or self._closing.is_set():
                logger.info("job given back", extra={"job": job.id, "attempt": job.attempt})
                raise
            cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
            await self._end_cancelled(job)
        except (QueueFullError, PoolClosedError, WorkerStartError, WorkerLostError) as error:
            await self._requeue(job, "pool_busy", error, give_back=True)
        except WorkerCrashedError as error:
            await self._crashed(job, error)
        except Exception as error:  # noqa: BLE001  # whatever it was, the job must reach a state
            await self._failed(job, "load.retry_exhausted", error)
        finally:
            if job.spool_key and job.lease_token:
                self._spool.remove_work(job.spool_key, job.lease_token)

    async def _end_cancelled(self, job: Job) -> None:
        """Finish a job that somebody cancelled, unless its load was committed before the wish came."""
        outcome = Outcome(state="cancelled", reason="cancelled while it ran")
        try:
            await self._attempts.finish(job, outcome)
        except LeaseLostError:
            loaded = self._flights[job.lease_token].attempt.outcome
            if loaded is None or await self._attempts.persist(lambda: self._ledger.settle(job)) is None:
                logger.warning("lease lost", extra={"job": job.id, "attempt": job.attempt})
                return
            outcome = loaded
        await self._tell(job, outcome)

    # -- what becomes of it --------------------------------------------------------------------------

    async def _crashed(self, job: Job, error: WorkerCrashedError) -> None:
        with contextlib.suppress(LeaseLostError):
            charged = await self._attempts.persist(lambda: self._ledger.charge_crash(job))
            await self._failed(charged, "file.worker_crash", error)

    async def _failed(self, job: Job, code: str, error: Exception) -> None:
        """Retry a failed attempt or give the job up when its attempts or crashes are used up."""
        crashed = code == "file.worker_crash"
        exhausted = (
            job.crashes >= self._attempts.retry.max_crashes
            if crashed
            else job.attempt >= self._attempts.retry.max_attempts
        )
        if not exhausted:
            await self._requeue(job, "worker_crash" if crashed else "transient", error)
            return
        with contextlib.suppress(LeaseLostError):
            await self._tell(job, await self._attempts.give_up(job, code, error))

    async def _requeue(self, job: Job, reason: str, error: Exception, *, give_back: bool = False) -> None:
        delay = self._attempts.retry.delay_seconds(job.attempt)
        logger.warning(
            "attempt failed",
            extra={
                "job": job.id,
                "attempt": job.attempt,
                "error": first_line(error),
                "retry_seconds": delay,
            },
            exc_info=None if isinstance(error, HeadgateError) else error,
        )
        with contextlib.suppress(LeaseLostError):
            await self._attempts.persist(
                lambda: self._ledger.requeue(job, delay_seconds=delay, reason=first_line(error), give_back=give_back)
            )
            self._metrics.job_retried(reason)

    async def _tell(self, job: Job, outcome: Outcome) -> None:
        if job.spool_key:
            await self._executors.run_io(self._put_away, job.spool_key, job.lease_token, outcome)
        self.tell(job, outcome)

    def _put_away(self, key: str, token: str | None, outcome: Outcome) -> None:
        """Remove what nobody needs of a job that has ended. Blocking; for an I/O thread."""
        if outcome.state in {"dead", "cancelled"}:
            return  # it may be the only copy, and it is what a retry needs
        if token and outcome.rows.rejected:
            conflicts = [record for record in outcome.records if record["code"] == "row.key_conflict"]
            self._spool.keep_rejects(key, token, conflicts)
        else:
            self._spool.remove(key)

    def tell(self, job: Job, outcome: Outcome) -> None:
        """Count and log the one outcome of a job."""
        if (expected := self._settled.pop(job.id, None)) is not None:
            expected.set()
        self._metrics.job_finished(
            dataset=job.dataset,
            outcome=outcome.state,
            rows=asdict(outcome.rows),
            codes=outcome.codes,
            size_bytes=job.size_bytes,
            stage_seconds=outcome.seconds,
        )
        logger.info(
            "job finished",
            extra={
                "job": job.id,
                "state": outcome.state,
                "dataset": job.dataset,
                "file": job.file,
                "attempt": job.attempt,
                "reason": outcome.reason,
                **{f"rows_{name}": count for name, count in asdict(outcome.rows).items()},
            },
        )

    def tell_given_up(self, job: Job) -> None:
        """Count and log a job that was given up because the daemons that held it died."""
        self.tell(job, Outcome(state="dead", reason=job.reason, codes={"load.retry_exhausted": 1}))
