"""Claim, parse in a worker, load, finish: the only place that decides what becomes of a failed attempt."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Self, TypeVar, cast

from ingest.errors import ErrorRecord, FileRejectedError
from ingest.load import NotStraightError, load
from ingest.report import ACCEPTED_FILE
from ingest.target import TargetMismatchError, Targets

from .errors import (
    DatabaseUnavailableError,
    HeadgateError,
    LeaseLostError,
    PoolClosedError,
    QueueFullError,
    RetryableError,
    TaskTimeoutError,
    WorkerCrashedError,
    WorkerLostError,
    WorkerStartError,
)
from .jobs import Job, Outcome
from .outcomes import Records, loaded_rows, read_records, refused_file, refused_parse
from .pools.turnstile import Turnstile
from .pools.worktasks import parse_workbook

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.report import Report
    from ingest.spec import Dataset

    from .database import Database
    from .executors import Envelope, Executors
    from .ledger import Ledger
    from .metrics import Metrics
    from .retry import RetryPolicy
    from .spool import Spool

logger = logging.getLogger(__name__)
T = TypeVar("T")

LOADS_BESIDE_PARSES: Final = 4
"""Jobs in flight beyond the CPU workers: while files are loaded, the workers are parsing the next ones."""
LOADING_TOLD_SECONDS: Final = 0.1
"""After so long a parse it is told that the load begins: people watch, and a transaction more is nothing beside it."""


class _RolledBackError(Exception):
    """Carries the outcome of a load that must not be committed out of its transaction."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(slots=True, kw_only=True)
class _Flight:
    """A job on its way: its task, whether somebody wants it ended, and the outcome that a COMMIT may have made true."""

    job_id: int
    task: asyncio.Task[None]
    cancelled: bool = False
    outcome: Outcome | None = None


class Dispatcher:
    """Moves jobs from `queued` to their terminal state, as many at once as the workers can use."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        database: Database,
        executors: Executors,
        spool: Spool,
        datasets: Mapping[str, Dataset],
        metrics: Metrics,
        retry: RetryPolicy,
        parallel_parses: int,
        poll_seconds: float,
        drain_seconds: float,
        force: asyncio.Event,
        only: Collection[int] | None = None,
    ) -> None:
        self._ledger, self._database, self._executors, self._spool = ledger, database, executors, spool
        self._datasets, self._metrics, self._retry = datasets, metrics, retry
        self._poll_seconds, self._drain_seconds, self._only = poll_seconds, drain_seconds, only
        self._force = force
        self._settled: dict[int, asyncio.Event] = {}
        self._targets = Targets()
        # Only `run` waits here, so the queue is never full.
        self._slots = Turnstile(places=parallel_parses + LOADS_BESIDE_PARSES, queue_limit=1, queue_timeout_seconds=1)
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
        self._retry, self._poll_seconds, self._drain_seconds = retry, poll_seconds, drain_seconds
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
            task = asyncio.create_task(self._run(job), name=f"job-{job.id}")
            self._running.add(task)
            self._flights[job.lease_token] = _Flight(job_id=job.id, task=task)
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
            if flight.job_id == job_id and not flight.cancelled:
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
        except Exception as error:  # noqa: BLE001  # raised again unless it will pass
            self._raise_unless_transient(error)
            logger.warning("claim failed", extra={"error": str(error)})
            return None

    def _raise_unless_transient(self, error: Exception) -> None:
        if not isinstance(error, RetryableError) and self._database.classify(error) != "transient":
            raise error

    # -- one job -------------------------------------------------------------------------------------

    async def _run(self, job: Job) -> None:
        self._metrics.attempt(job.dataset, time.time())
        try:
            outcome = await self._attempt(job)
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
            await self._finish(job, outcome)
        except LeaseLostError:
            loaded = self._flights[job.lease_token].outcome
            if loaded is None or await self._persist(lambda: self._ledger.settle(job)) is None:
                logger.warning("lease lost", extra={"job": job.id, "attempt": job.attempt})
                return
            outcome = loaded
        await self._tell(job, outcome)

    async def _attempt(self, job: Job) -> Outcome:
        """Take a job to its terminal state and return it; anything raised is a failed attempt."""
        dataset = self._datasets[job.dataset]
        assert job.spool_key is not None  # noqa: S101  # only jobs with a file are claimed
        assert job.lease_token is not None  # noqa: S101  # a claim sets it
        folder = self._spool.work_folder(job.spool_key, job.lease_token)
        try:
            envelope = await self._parse(job, dataset, self._spool.source(job.spool_key), folder)
        except FileRejectedError as error:
            return await self._finish(job, refused_file(error.record))
        # A clean file has no records: no thread needs to look for them.
        records = await self._executors.run_io(read_records, folder) if envelope.value.errors_total else ()
        if envelope.value.rejection is not None:
            return await self._finish(job, refused_parse(envelope, envelope.value.rejection, records))
        return await self._load(job, dataset, envelope, records, folder / ACCEPTED_FILE)

    async def _parse(self, job: Job, dataset: Dataset, source: Path, folder: Path) -> Envelope:
        limits = dataset.limits
        memory = min(limits.worker_mb << 20, self._executors.limits.worker_memory_bytes)
        try:
            return await self._executors.submit_cpu(
                parse_workbook,
                source,
                dataset,
                folder,
                job.file,
                job.id,
                timeout=limits.parse_seconds,
                kind="parse",
                lane=f"dataset {job.dataset}",
                memory_bytes=memory,
            )
        except TaskTimeoutError as error:
            record = ErrorRecord(
                code="file.timeout",
                message=f"reading {job.file} took longer than {limits.parse_seconds} s",
                hint="split the workbook, or raise limits.parse_seconds of the dataset",
                spec_version=dataset.version,
            )
            raise FileRejectedError(record) from error
        except MemoryError as error:
            record = ErrorRecord(
                code="file.memory_limit",
                message=f"reading {job.file} needs more than {memory >> 20} MB",
                hint="split the workbook, or raise limits.worker_mb of the dataset or executors.worker_memory_mb",
                spec_version=dataset.version,
            )
            raise FileRejectedError(record) from error

    async def _load(self, job: Job, dataset: Dataset, envelope: Envelope, records: Records, accepted: Path) -> Outcome:
        report: Report = envelope.value
        loading = partial(self._load_once, job, dataset, envelope, records, accepted)
        try:
            if sum(report.seconds.values()) >= LOADING_TOLD_SECONDS:
                await self._ledger.note(job, "loading")
            try:
                return await loading(straight=True)
            except NotStraightError:
                return await loading(straight=False)
        except _RolledBackError as error:
            return await self._finish(job, error.outcome)
        except TargetMismatchError as error:
            return await self._give_up(job, "load.db_rejected", error)
        except Exception as error:  # noqa: BLE001  # sorted by kind there
            return await self._after_database_error(job, self._flights[job.lease_token].outcome, error)

    async def _load_once(
        self,
        job: Job,
        dataset: Dataset,
        envelope: Envelope,
        records: Records,
        accepted: Path,
        *,
        straight: bool,
    ) -> Outcome:
        """Load and finish a job in one transaction."""
        report: Report = envelope.value
        started = time.perf_counter()
        async with self._database.write("load") as connection:
            await self._ledger.lock(connection, job)
            loaded = await load(
                connection,
                dataset,
                accepted,
                rows=report.rows.accepted,
                key_range=report.key_range,
                targets=self._targets,
                straight=straight,
            )
            loaded_at = time.perf_counter()
            outcome = loaded_rows(dataset, envelope, records, loaded, loaded_at - started)
            if outcome.state == "rejected":
                raise _RolledBackError(outcome)
            self._flights[job.lease_token].outcome = outcome
            await self._ledger.finish(connection, job, outcome)
        return replace(outcome, seconds={**outcome.seconds, "commit": time.perf_counter() - loaded_at})

    async def _after_database_error(self, job: Job, outcome: Outcome | None, error: Exception) -> Outcome:
        """Decide by the kind of error; a COMMIT without reply may have worked, so the row is read back first."""
        kind = self._database.classify(error)
        if kind == "data":
            record = ErrorRecord(
                code="load.db_rejected",
                message=f"the database refused the rows: {_first_line(error)}",
                hint="correct the rows or the dataset's constraints so that they match the table's",
            )
            return await self._finish(job, refused_file(record))
        if kind == "configuration":
            return await self._give_up(job, "load.db_rejected", error)
        if kind != "transient":
            raise error
        settled = await self._persist(lambda: self._ledger.settle(job))
        if settled is not None and outcome is not None:
            return outcome
        raise DatabaseUnavailableError(f"the database gave up: {_first_line(error)}") from error

    # -- what becomes of it --------------------------------------------------------------------------

    async def _finish(self, job: Job, outcome: Outcome) -> Outcome:
        await self._persist(lambda: self._ledger.finish_alone(job, outcome))
        return outcome

    async def _give_up(self, job: Job, code: str, error: Exception) -> Outcome:
        record = ErrorRecord(
            code=code, message=_first_line(error), hint="correct the cause, then submit the file again"
        )
        return await self._finish(job, replace(refused_file(record), state="dead"))

    async def _crashed(self, job: Job, error: WorkerCrashedError) -> None:
        with contextlib.suppress(LeaseLostError):
            charged = await self._persist(lambda: self._ledger.charge_crash(job))
            await self._failed(charged, "file.worker_crash", error)

    async def _failed(self, job: Job, code: str, error: Exception) -> None:
        """Retry a failed attempt or give the job up when its attempts or crashes are used up."""
        crashed = code == "file.worker_crash"
        exhausted = job.crashes >= self._retry.max_crashes if crashed else job.attempt >= self._retry.max_attempts
        if not exhausted:
            await self._requeue(job, "worker_crash" if crashed else "transient", error)
            return
        with contextlib.suppress(LeaseLostError):
            await self._tell(job, await self._give_up(job, code, error))

    async def _requeue(self, job: Job, reason: str, error: Exception, *, give_back: bool = False) -> None:
        delay = self._retry.delay_seconds(job.attempt)
        logger.warning(
            "attempt failed",
            extra={
                "job": job.id,
                "attempt": job.attempt,
                "error": _first_line(error),
                "retry_seconds": delay,
            },
            exc_info=None if isinstance(error, HeadgateError) else error,
        )
        with contextlib.suppress(LeaseLostError):
            await self._persist(
                lambda: self._ledger.requeue(job, delay_seconds=delay, reason=_first_line(error), give_back=give_back)
            )
            self._metrics.job_retried(reason)

    async def _persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Repeat a ledger transaction until the database answers: a job must not stay `running` for want of it."""
        attempt = 0
        while True:
            try:
                return await write()
            except Exception as error:  # raised again unless it will pass
                if isinstance(error, LeaseLostError):
                    raise
                self._raise_unless_transient(error)
                attempt += 1
                logger.warning("ledger not reached", extra={"error": _first_line(error), "attempt": attempt})
                await asyncio.sleep(max(0.05, self._retry.delay_seconds(attempt)))

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


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
