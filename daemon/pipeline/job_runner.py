"""The one owner of a claimed job: takes it through an attempt to its end or back to the queue, and has it told once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar, cast

from ..errors import ExecutorError, HeadgateError, LeaseLostError, WorkerCrashedError, first_line
from ..ledger.jobs import Outcome
from ..ledger.reasons import CANCELLED_RUNNING
from .attempt import Attempts, write_end
from .outcomes import checked, given_up
from .turns import Turns
from .waits import Waits
from .worker_failures import POOL_ERRORS

if TYPE_CHECKING:
    from ..ledger.jobs import Job
    from .attempt import Attempt
    from .job_ends import JobEnds
    from .parts import PipelineParts
    from .settings import PipelineSettings
    from .table_watch import TableWatch
    from .waits import Wait

logger = logging.getLogger(__name__)
T = TypeVar("T")

PERSIST_PAUSE_SECONDS = 0.05
"""The least pause before a ledger transaction is tried again."""
PERSIST_PAUSE_MAX_SECONDS: Final = 3.0
"""The longest: until then a database that is back is taken for away, and this daemon for one that cannot work."""
NOTING: Final = "what became of jobs"
"""The name of the work that `persist` does, for whoever asks why it waits."""


class JobRunner:
    """Runs claimed jobs; the only place that decides whether a failed attempt is repeated."""

    def __init__(self, parts: PipelineParts, ends: JobEnds, tables: TableWatch, settings: PipelineSettings) -> None:
        self._parts, self._ledger, self._ends = parts, parts.ledger, ends
        self._retry = settings.retry
        self.waits, self.turns = Waits(parts.database), Turns()
        self._attempts = Attempts(parts, tables, self.turns, self.persist)
        self._unwritten = 0

    def apply(self, settings: PipelineSettings) -> None:
        """Go on under another retry policy."""
        self._retry = settings.retry

    async def run(self, attempt: Attempt) -> None:
        """Take a job to its terminal state or back to the queue; raises only what leaves neither true."""
        if attempt.job.dataset not in self._parts.datasets:
            await self._let_go(attempt.job)
            return
        with self.turns.taking_part(attempt.job):
            await self._run(attempt)

    async def _run(self, attempt: Attempt) -> None:
        job = attempt.job
        self._note_attempt(job)
        try:
            outcome = await self._attempts.make(attempt)
            if not attempt.committed:
                await self._finish(job, outcome)
            await self._tell(job, outcome)
            self.waits.over(job.dataset)
        except LeaseLostError:
            logger.warning("lease lost", extra={"job": job.id, "attempt": job.attempt})
        except asyncio.CancelledError:
            if not attempt.cancelled:
                logger.info("job given back", extra={"job": job.id, "attempt": job.attempt})
                raise
            cast("asyncio.Task[None]", asyncio.current_task()).uncancel()
            await self._end_cancelled(attempt)
        except POOL_ERRORS as error:
            await self._requeue(job, "pool_busy", error, give_back=True)
        except WorkerCrashedError as error:
            await self._crashed(job, error)
        except Exception as error:  # noqa: BLE001  # whatever it was, the job must reach a state
            if (wait := self.waits.of(error)) is not None:
                await self._wait(job, wait)
                return
            exhausted = job.attempt >= self._retry.max_attempts
            await self._failed(job, "load.retry_exhausted", error, "transient", exhausted=exhausted)
        finally:
            if job.spool_key and job.lease_token:
                self._parts.spool.remove_work(job.spool_key, job.lease_token)

    async def _let_go(self, job: Job) -> None:
        """Put a job back whose dataset was removed while it was claimed; another daemon may know it still."""
        logger.info("job given back", extra={"job": job.id, "attempt": job.attempt, "dataset": job.dataset})
        if job.lease_token is not None:
            tokens = [job.lease_token]
            await self.persist(lambda: self._ledger.let_go(tokens))

    def _note_attempt(self, job: Job) -> None:
        if not job.check_only:
            self._parts.metrics.attempt(job.dataset, time.time())

    async def persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Repeat a ledger transaction until the database takes it: a job must not stay `running` for want of it."""
        attempt, supervisor = 0, self._parts.database.supervisor
        try:
            while True:
                try:
                    return await write()
                except Exception as error:  # raised again unless it will pass
                    if not supervisor.will_pass(error):
                        raise
                    attempt += 1
                    self._unwritten += attempt == 1
                    supervisor.failed(NOTING, error)
                    pause_seconds = min(PERSIST_PAUSE_MAX_SECONDS, self._retry.delay_seconds(attempt))
                    await asyncio.sleep(max(PERSIST_PAUSE_SECONDS, pause_seconds))
        finally:
            self._unwritten -= attempt > 0
            if attempt and not self._unwritten:
                supervisor.done(NOTING)

    # -- failures ------------------------------------------------------------------------------------

    async def _wait(self, job: Job, wait: Wait) -> None:
        """Put a job back whose failure was none of its own: it spends no attempt, and goes on by itself."""
        delay = self.waits.hold(job.dataset, self._retry.delay_seconds)
        logger.warning("job waits", extra={"job": job.id, "reason": wait.words, "retry_seconds": delay})
        await self._put_back(job, delay, wait.words, wait.reason, give_back=True)

    async def _crashed(self, job: Job, error: WorkerCrashedError) -> None:
        """Charge the file's content with the worker that it has killed."""
        with contextlib.suppress(LeaseLostError):
            charged = await self.persist(lambda: self._ledger.charge_crash(job))
            exhausted = charged.crashes >= self._retry.max_crashes
            await self._failed(charged, "file.worker_crash", error, "worker_crash", exhausted=exhausted)

    async def _failed(self, job: Job, code: str, error: Exception, reason: str, *, exhausted: bool) -> None:
        """Retry a failed attempt, or give the job up when its attempts or crashes are used up."""
        if not exhausted:
            await self._requeue(job, reason, error)
            return
        with contextlib.suppress(LeaseLostError):
            outcome = given_up(code, error)
            if job.check_only:
                outcome = checked(outcome)
            await self._finish(job, outcome)
            await self._tell(job, outcome)

    async def _requeue(self, job: Job, reason: str, error: Exception, *, give_back: bool = False) -> None:
        # Whatever keeps the executors from a task keeps them from the next one, too.
        delay = self.waits.hold(job.dataset, self._retry.delay_seconds) if give_back else self._delay(job)
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
        await self._put_back(job, delay, first_line(error), reason, give_back=give_back)

    def _delay(self, job: Job) -> float:
        return self._retry.delay_seconds(job.attempt)

    async def _put_back(self, job: Job, delay: float, words: str, reason: str, *, give_back: bool) -> None:
        with contextlib.suppress(LeaseLostError):
            await self.persist(
                lambda: self._ledger.requeue(job, delay_seconds=delay, reason=words, give_back=give_back)
            )
            self._parts.metrics.job_retried(reason)

    # -- ends ----------------------------------------------------------------------------------------

    async def _finish(self, job: Job, outcome: Outcome) -> None:
        """Write the outcome of a job that loads nothing.

        Raises:
            LeaseLostError: the lease is not this daemon's any more.

        """
        await write_end(self.persist, self._ledger, job, outcome, lambda: self._ledger.finish_alone(job, outcome))

    async def _end_cancelled(self, attempt: Attempt) -> None:
        """Finish a job that somebody cancelled, unless its load was committed before the wish came."""
        job, outcome = attempt.job, Outcome(state="cancelled", reason=CANCELLED_RUNNING)
        try:
            await self._finish(job, outcome)
        except LeaseLostError:
            loaded = attempt.outcome
            if loaded is None or await self.persist(lambda: self._ledger.settle(job)) is None:
                logger.warning("lease lost", extra={"job": job.id, "attempt": job.attempt})
                return
            outcome = loaded
        await self._tell(job, outcome)

    async def _tell(self, job: Job, outcome: Outcome) -> None:
        # Of a job that was given up it may be the only copy, and it is what a retry needs.
        if job.spool_key and not outcome.keeps_file:
            try:
                await self._parts.executors.run_io(self._parts.spool.remove, job.spool_key)
            except (ExecutorError, OSError) as error:
                # The job has ended all the same. What it leaves is swept at the next start.
                logger.warning("file left in the spool", extra={"job": job.id, "error": first_line(error)})
        self._ends.tell(job, outcome)
