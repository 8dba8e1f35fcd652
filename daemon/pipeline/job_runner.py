"""One attempt at a job: parse in a worker, load and finish in one transaction; decides no retries."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from ingest.errors import ErrorRecord, FileRejectedError
from ingest.load.load import load
from ingest.load.statements import NotStraightError
from ingest.load.target import TargetMismatchError, Targets
from ingest.output.report import ACCEPTED_FILE

from ..errors import DatabaseUnavailableError, LeaseLostError, TaskTimeoutError, first_line
from ..machine.cores import available_cores
from .outcomes import Records, loaded_rows, read_records, refused_file, refused_parse
from .worker_tasks import parse_workbook

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.output.report import Report
    from ingest.spec.dataset import Dataset

    from ..database.database import Database
    from ..database.errors import Classification
    from ..executors.executors import Executors
    from ..executors.serialization import TaskResult
    from ..ledger.jobs import Job, Outcome
    from ..ledger.leases import Ledger
    from ..spool import Spool
    from .retry_policy import RetryPolicy

logger = logging.getLogger(__name__)
T = TypeVar("T")

LOADING_TOLD_SECONDS: Final = 0.1
"""After so long a parse it is told that the load begins: people watch, and a transaction more is nothing beside it."""


class _RolledBackError(Exception):
    """Carries the outcome of a load that must not be committed out of its transaction."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A job under way, and the outcome that a COMMIT may have made true: its reply may never have come."""

    job: Job
    outcome: Outcome | None = None


class JobRunner:
    """Takes jobs that were claimed to their terminal states."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        database: Database,
        executors: Executors,
        spool: Spool,
        datasets: Mapping[str, Dataset],
        retry: RetryPolicy,
    ) -> None:
        self._ledger, self._database, self._executors, self._spool = ledger, database, executors, spool
        self._datasets, self.retry = datasets, retry
        self._targets, self._cores = Targets(), available_cores()

    async def run(self, attempt: Attempt) -> Outcome:
        """Take a job to its terminal state and return it; anything raised is a failed attempt."""
        job = attempt.job
        dataset = self._datasets[job.dataset]
        assert job.spool_key is not None  # noqa: S101  # only jobs with a file are claimed
        assert job.lease_token is not None  # noqa: S101  # a claim sets it
        folder = self._spool.work_folder(job.spool_key, job.lease_token)
        try:
            result = await self._parse(job, dataset, self._spool.source(job.spool_key), folder)
        except FileRejectedError as error:
            return await self.finish(job, refused_file(error.record))
        # A clean file has no records: no thread needs to look for them.
        records = await self._executors.run_io(read_records, folder) if result.value.errors_total else ()
        if result.value.rejection is not None:
            return await self.finish(job, refused_parse(result, result.value.rejection, records))
        return await self._load(attempt, dataset, result, records, folder / ACCEPTED_FILE)

    async def _parse(self, job: Job, dataset: Dataset, source: Path, folder: Path) -> TaskResult:
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
                # A parse takes a second core only while no other needs it.
                int(self._cores) // (self._executors.busy_workers + 1),
                timeout=limits.parse_seconds,
                kind="parse",
                lane=f"dataset {job.dataset}",
                memory_bytes=memory,
            )
        except TaskTimeoutError as error:
            message = f"reading {job.file} took longer than {limits.parse_seconds} s"
            hint = "split the workbook, or raise limits.parse_seconds of the dataset"
            raise _refused(dataset, "file.timeout", message, hint) from error
        except MemoryError as error:
            message = f"reading {job.file} needs more than {memory >> 20} MB"
            hint = "split the workbook, or raise limits.worker_mb of the dataset or executors.worker_memory_mb"
            raise _refused(dataset, "file.memory_limit", message, hint) from error

    async def _load(
        self, attempt: Attempt, dataset: Dataset, result: TaskResult, records: Records, accepted: Path
    ) -> Outcome:
        job, report = attempt.job, result.value
        loading = partial(self._load_once, attempt, dataset, result, records, accepted)
        try:
            if sum(report.seconds.values()) >= LOADING_TOLD_SECONDS:
                await self._ledger.note(job, "loading")
            try:
                return await loading(straight=True)
            except NotStraightError:
                return await loading(straight=False)
        except _RolledBackError as error:
            return await self.finish(job, error.outcome)
        except TargetMismatchError as error:
            return await self.give_up(job, "load.db_rejected", error)
        except Exception as error:
            kind = self._database.classify(error)
            if kind == "other":
                raise
            return await self._after_database_error(attempt, kind, error)

    async def _load_once(
        self,
        attempt: Attempt,
        dataset: Dataset,
        result: TaskResult,
        records: Records,
        accepted: Path,
        *,
        straight: bool,
    ) -> Outcome:
        """Load and finish a job in one transaction."""
        report: Report = result.value
        started = time.perf_counter()
        async with self._database.write("load") as connection:
            await self._ledger.lock(connection, attempt.job)
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
            outcome = loaded_rows(dataset, result, records, loaded, loaded_at - started)
            if outcome.state == "rejected":
                raise _RolledBackError(outcome)
            attempt.outcome = outcome
            await self._ledger.finish(connection, attempt.job, outcome)
        return replace(outcome, seconds={**outcome.seconds, "commit": time.perf_counter() - loaded_at})

    async def _after_database_error(self, attempt: Attempt, kind: Classification, error: Exception) -> Outcome:
        """Decide by the kind of error; a COMMIT without reply may have worked, so the row is read back first."""
        job = attempt.job
        if kind == "data":
            record = ErrorRecord(
                code="load.db_rejected",
                message=f"the database refused the rows: {first_line(error)}",
                hint="correct the rows or the dataset's constraints so that they match the table's",
            )
            return await self.finish(job, refused_file(record))
        if kind == "configuration":
            return await self.give_up(job, "load.db_rejected", error)
        settled = await self.persist(lambda: self._ledger.settle(job))
        if settled is not None and attempt.outcome is not None:
            return attempt.outcome
        raise DatabaseUnavailableError(f"the database gave up: {first_line(error)}") from error

    # -- ends ----------------------------------------------------------------------------------------

    async def finish(self, job: Job, outcome: Outcome) -> Outcome:
        """Write the outcome of a job that loads nothing and return it.

        Raises:
            LeaseLostError: the lease is not this daemon's any more.

        """
        await self.persist(lambda: self._ledger.finish_alone(job, outcome))
        return outcome

    async def give_up(self, job: Job, code: str, error: Exception) -> Outcome:
        """Write that a job is dead, and why, and return it; raises what `finish` raises."""
        record = ErrorRecord(code=code, message=first_line(error), hint="correct the cause, then submit the file again")
        return await self.finish(job, replace(refused_file(record), state="dead"))

    async def persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Repeat a ledger transaction until the database answers: a job must not stay `running` for want of it."""
        attempt = 0
        while True:
            try:
                return await write()
            except Exception as error:  # raised again unless it will pass
                if isinstance(error, LeaseLostError) or not self._database.will_pass(error):
                    raise
                attempt += 1
                logger.warning("ledger not reached", extra={"error": first_line(error), "attempt": attempt})
                await asyncio.sleep(max(0.05, self.retry.delay_seconds(attempt)))


def _refused(dataset: Dataset, code: str, message: str, hint: str) -> FileRejectedError:
    return FileRejectedError(ErrorRecord(code=code, message=message, hint=hint, spec_version=dataset.version))
