"""One attempt at a job: parse in a worker, load and finish in one transaction. Decides no retries, tells nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from ingest.errors import ErrorRecord, FileRejectedError
from ingest.load.load import load
from ingest.load.loaded import OtherWayError, RefusedLoadError, Spooled, TargetMismatchError, Way
from ingest.load.sample import see_deferred
from ingest.load.target import Targets
from ingest.messages import say
from ingest.spec.corrections import for_corrections

from ..errors import (
    DatabaseUnavailableError,
    LeaseLostError,
    RowsLoadedError,
    TaskStalledError,
    TaskTimeoutError,
    first_line,
)
from ..ledger.followed_version import follow_version
from ..ledger.jobs import Outcome
from ..ledger.reasons import SAME_CONTENT, SAME_CONTENT_CHECKED
from ..ledger.superseding import is_wanted, supersede
from .changed_files import ChangedFiles
from .corrections import Corrections, rows_to_leave_out, tells_rows_apart
from .outcomes import (
    SUPERSEDED,
    checked,
    given_up,
    is_of_the_load,
    loaded_rows,
    read_records,
    refused_file,
    refused_load,
    refused_parse,
)
from .worker_failures import ReadingBounds, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ingest.output.report import Report
    from ingest.spec.dataset import Dataset

    from ..database.sqlstates import Classification
    from ..executors.serialization import TaskResult
    from ..ledger.corrected_rows import Correction
    from ..ledger.jobs import Job
    from ..ledger.leases import Ledger
    from .outcomes import Records
    from .parts import PipelineParts
    from .table_watch import TableWatch
    from .turns import Turns

T = TypeVar("T")

LOADING_TOLD_SECONDS: Final = 0.1
"""After so long a parse it is told that the load begins: people watch, and a transaction more is nothing beside it."""


SAMPLED: Final = 20
"""Rows that a check shows as they would stand in the table."""
CONFLICT_TRIES: Final = 20
"""How often a load is begun anew because other writers of the same rows came in between: that is no failed attempt."""
CONFLICT_PAUSE_SECONDS: Final = 0.05
"""The pause before it, times the number of conflicts so far."""


class Persist(Protocol):
    """Repeats a ledger transaction until the database answers."""

    async def __call__(self, write: Callable[[], Awaitable[T]]) -> T:
        """Return what the transaction returned."""


async def write_end(
    persist: Persist, ledger: Ledger, job: Job, outcome: Outcome, write: Callable[[], Awaitable[bool | None]]
) -> bool:
    """Write the end of a job that loads nothing; return whether it has ended, which False of `write` denies.

    Raises:
        LeaseLostError: the lease is not this daemon's any more.

    """
    try:
        return await persist(write) is not False
    except LeaseLostError:
        # It may be this very end that is written there: only the reply to its COMMIT was lost.
        if await persist(lambda: ledger.settle(job)) != outcome.state:
            raise
        return True


class _RolledBackError(Exception):
    """Carries the outcome of a load that must not be committed out of its transaction."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class _FileChangedError(Exception):
    """The file that a job is of was changed, and nobody else counts on what was read of it."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A job under way.

    `outcome` is what a COMMIT may have made true, its reply may never have come; `committed` says that it did.
    `cancelled` says that somebody wants the job ended; `mapped` that mappings were kept for its dataset.
    """

    job: Job
    mapped: bool
    outcome: Outcome | None = None
    committed: bool = False
    cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parsed:
    """What a worker left: its result, the first error records, and the folder of accepted rows."""

    dataset: Dataset
    result: TaskResult
    records: Records
    folder: Path
    correction: Correction | None

    @property
    def report(self) -> Report:
        report: Report = self.result.value
        return report


class Attempts:
    """Takes the steps of an attempt; the outcome is committed already if the attempt says so, else still to write."""

    def __init__(self, parts: PipelineParts, tables: TableWatch, turns: Turns, persist: Persist) -> None:
        self._parts, self._tables, self._turns, self._persist = parts, tables, turns, persist
        self._stalled: set[int] = set()
        self._targets = Targets()
        self._changed_files = ChangedFiles(parts.executors)
        self._corrections = Corrections(parts)

    async def make(self, attempt: Attempt) -> Outcome:
        """Parse and load; anything raised is a failed attempt."""
        outcome = await self._made_at_last(attempt)
        if attempt.committed:
            # What is told of it now keeps no other job waiting.
            self._turns.over(attempt.job)
        if attempt.job.check_only:
            outcome = checked(outcome)
        elif outcome.state == "rejected" and await self._is_changed(attempt.job) and await self._superseded(attempt):
            return SUPERSEDED
        if not attempt.committed:
            await self._keep_rejects(attempt.job, outcome)
        return outcome

    async def _keep_rejects(self, job: Job, outcome: Outcome) -> None:
        """Keep what is handed back of a job before the ledger says that it has ended: at once somebody may ask."""
        if outcome.rows.rejected and job.spool_key and job.lease_token:
            records = [record for record in outcome.records if is_of_the_load(record)]
            await self._parts.executors.run_io(self._parts.spool.keep_rejects, job.spool_key, job.lease_token, records)

    async def _is_changed(self, job: Job) -> bool:
        """Say whether the file that this job is of was changed since it was taken; see `ChangedFiles`."""
        return await self._changed_files.is_changed(job)

    async def _superseded(self, attempt: Attempt) -> bool:
        """End a job whose file was changed, unless its content is wanted all the same; say whether it has ended."""
        ledger, job = self._parts.ledger, attempt.job
        attempt.committed = await write_end(
            self._persist, ledger, job, SUPERSEDED, lambda: supersede(ledger, job, SUPERSEDED)
        )
        return attempt.committed

    async def _made_at_last(self, attempt: Attempt) -> Outcome:
        """Parse and load, and again where another job has loaded some of the rows meanwhile: without those then."""
        job = attempt.job
        while True:
            try:
                return await self._made(attempt)
            except RowsLoadedError:
                if job.spool_key and job.lease_token:
                    self._parts.spool.remove_work(job.spool_key, job.lease_token)

    async def _made(self, attempt: Attempt) -> Outcome:
        job, spool = attempt.job, self._parts.spool
        dataset = self._parts.datasets[job.dataset]
        if (twin := await self._twin(job, dataset.version)) is not None:
            return Outcome(state="duplicate", first_job=twin, reason=SAME_CONTENT.format(job=twin))
        if attempt.mapped:
            dataset = await self._parts.mappings.onto(dataset)
        if job.fixes_job is not None:
            dataset = for_corrections(dataset)
        assert job.spool_key is not None  # noqa: S101  # only jobs with a file are claimed
        assert job.lease_token is not None  # noqa: S101  # a claim sets it
        folder = spool.work_folder(job.spool_key, job.lease_token)
        correction = await self._corrections.of(job)
        loaded = rows_to_leave_out(job, dataset, correction)
        try:
            result = await self._parse(job, job.spool_key, job.lease_token, dataset, loaded)
        except FileRejectedError as error:
            return refused_file(error.record)
        # A clean file has no records: no thread needs to look for them.
        records = await self._parts.executors.run_io(read_records, folder) if result.value.errors_total else ()
        if result.value.rejection is not None:
            return refused_parse(result, result.value.rejection, records)
        parsed = _Parsed(dataset=dataset, result=result, records=records, folder=folder, correction=correction)
        await self._turns.come(job)
        return await self._load(attempt, parsed)

    async def _twin(self, job: Job, version: int) -> int | None:
        """Return the job that has loaded, or will load, the same content by the version that is in force by now."""
        if job.spec_version == version or job.check_only:
            return None
        return await self._persist(lambda: follow_version(self._parts.ledger, job, version))

    async def _parse(
        self, job: Job, key: str, token: str, dataset: Dataset, loaded: frozenset[str] | None
    ) -> TaskResult:
        parser = self._parts.parser
        bounds = ReadingBounds.within(
            dataset.limits,
            parser.limits,
            file=job.file,
            more_time=say(
                "split the workbook, or raise limits.parse_seconds of the dataset and executors.task_timeout_seconds"
            ),
            more_memory=say(
                "split the workbook, or raise limits.worker_mb of the dataset or executors.worker_memory_mb"
            ),
        )
        try:
            result = await parser.parse(job, key, token, dataset, bounds, loaded=loaded)
        except (TaskTimeoutError, MemoryError) as error:
            if isinstance(error, TaskStalledError) and job.id not in self._stalled:
                self._stalled.add(job.id)
                raise
            self._stalled.discard(job.id)
            raise FileRejectedError(replace(refusal(error, bounds), spec_version=dataset.version)) from error
        except FileNotFoundError:
            # Or a dataset's own transform lacks a file.
            await self._parts.executors.run_io(self._parts.spool.see_that_it_has, key)
            raise
        self._stalled.discard(job.id)
        return result

    async def _load(self, attempt: Attempt, parsed: _Parsed) -> Outcome:
        try:
            if sum(parsed.report.seconds.values()) >= LOADING_TOLD_SECONDS:
                await self._parts.ledger.note(attempt.job, "loading")
            return await self._load_some_way(attempt, parsed)
        except _RolledBackError as error:
            return error.outcome
        except TargetMismatchError as error:
            return given_up("load.db_rejected", error)
        except RefusedLoadError as error:
            return refused_load(parsed.result, error.record, parsed.records)
        except Exception as error:
            kind = self._parts.database.classify(error)
            if kind == "other":
                raise
            return await self._after_database_error(attempt, kind, error)
        finally:
            if self._targets.met_another(parsed.dataset):
                self._tables.look([parsed.dataset.dataset])

    async def _load_some_way(self, attempt: Attempt, parsed: _Parsed) -> Outcome:
        """Load by the shortest way that goes, and again where other writers of the table came in between."""
        # What is only tried is looked at beside the table, which says more.
        way, conflicts = Way.STAGED if attempt.job.check_only else Way.STRAIGHT, 0
        while True:
            try:
                return await self._load_once(attempt, parsed, way)
            except OtherWayError as error:
                way = error.way
            except _FileChangedError:
                if await self._superseded(attempt):
                    return SUPERSEDED
            except Exception as error:  # raised again unless another try may help
                if self._parts.database.conflicts(error) and conflicts < CONFLICT_TRIES:
                    conflicts += 1
                elif way is not Way.ROW_BY_ROW and self._is_of_the_rows(error):
                    way = Way.ROW_BY_ROW
                else:
                    raise
            attempt.outcome = None
            await asyncio.sleep(CONFLICT_PAUSE_SECONDS * conflicts)

    def _is_of_the_rows(self, error: BaseException) -> bool:
        return self._parts.database.classify(error) == "data"

    async def _load_once(self, attempt: Attempt, parsed: _Parsed, way: Way) -> Outcome:
        """Load and finish a job in one transaction."""
        started, database, folder = time.perf_counter(), self._parts.database, parsed.folder
        async with database.write("load") as connection:
            await self._parts.ledger.lock(connection, attempt.job)
            loaded = await load(
                connection,
                parsed.dataset,
                Spooled.of(
                    parsed.dataset,
                    parsed.report,
                    folder,
                    keeps_session=database.keeps_sessions,
                    sampled=SAMPLED if attempt.job.check_only else 0,
                ),
                targets=self._targets,
                way=way,
                at_fault=self._is_of_the_rows,
            )
            loaded_at = time.perf_counter()
            outcome = loaded_rows(
                parsed.dataset,
                parsed.result,
                parsed.records,
                loaded,
                loaded_at - started,
                correction=parsed.correction,
            )
            if attempt.job.check_only:
                outcome = await self._seen(connection, attempt.job, outcome)
            if outcome.state == "rejected" or attempt.job.check_only:
                raise _RolledBackError(outcome)
            if await self._is_changed(attempt.job) and not await is_wanted(self._parts.ledger, connection, attempt.job):
                raise _FileChangedError
            if parsed.correction is not None and tells_rows_apart(parsed.dataset):
                await self._corrections.keep(connection, attempt.job, parsed.correction, folder, loaded)
            attempt.outcome = outcome
            await self._keep_rejects(attempt.job, outcome)
            await self._parts.ledger.finish(connection, attempt.job, outcome)
        attempt.committed = True
        return replace(outcome, seconds={**outcome.seconds, "commit": time.perf_counter() - loaded_at})

    async def _seen(self, connection: AsyncConnection, job: Job, outcome: Outcome) -> Outcome:
        """Return what a load that is only tried would come to: what waits for the COMMIT is looked at now."""
        await see_deferred(connection)
        before = await self._parts.ledger.context.loaded_before(connection, job)
        if before is None:
            return outcome
        return replace(outcome, state="duplicate", reason=SAME_CONTENT_CHECKED.format(job=before))

    async def _after_database_error(self, attempt: Attempt, kind: Classification, error: Exception) -> Outcome:
        """Decide by the kind of error; a COMMIT without reply may have worked, so the row is read back first."""
        if kind == "data":
            record = ErrorRecord(
                code="load.db_rejected",
                message=say("the database refused the rows: {error}", error=first_line(error)),
                hint=say("correct the rows or the dataset's constraints so that they match the table's"),
            )
            return replace(refused_file(record), table_refused=True)
        if kind == "configuration":
            return given_up("load.db_rejected", error)
        settled = await self._persist(lambda: self._parts.ledger.settle(attempt.job))
        if settled is not None and attempt.outcome is not None:
            attempt.committed = True
            return attempt.outcome
        raise DatabaseUnavailableError(f"the database gave up: {first_line(error)}") from error
