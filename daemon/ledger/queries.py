"""Reading the job ledger: lists, single jobs and counts. Writes nothing; the ledger does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from .backlog import BacklogSnapshot, counted
from .clock_correction import FirstSeen
from .dataset_pasts import DAEMONS_LOST, asked, past_of, past_statement
from .jobs import ERRORS_SHOWN, TERMINAL, Job, RowCounts, State
from .tables import build_tables, in_state, succeeded

if TYPE_CHECKING:
    from ..database.database import Database
    from .dataset_pasts import DatasetPast, Failure

ROW_COLUMNS = tuple(RowCounts.__slots__)

SCANNED: Final = 5_000
"""Jobs looked through for one page of a filter that no index answers."""

LARGEST_KEY: Final = 2**63 - 1
"""No job of either database has a larger number, and neither can be asked for one."""
Condition = Callable[[Any], sa.ColumnElement[bool]]

_EVENT_WRITERS: Final = sa.text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted AND mode = 'RowExclusiveLock' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND relation = 'headgate.event'::regclass"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; `text` is a part of the file's name, in whichever case."""

    state: State | None = None
    dataset: str | None = None
    submitter: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Some jobs, newest first, and the id below which the next page begins; None if there is no other."""

    jobs: tuple[Job, ...]
    next_before: int | None


class Taken(NamedTuple):
    """A file of a watched folder that became a job; of one that is kept no longer, only what is remembered."""

    origin: str
    origin_stamp: str
    sha256: str
    job_id: int
    state: State = "loaded"
    spool_id: str | None = None
    owed: bool | None = False

    @property
    def has_ended(self) -> bool:
        """Whether its job has: only then is it certain that a change of the file does not keep it from being loaded."""
        return self.state in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that happened to a job, with what a listener wants to know of the job."""

    id: int
    job_id: int
    at: float
    event: str
    attempt: int
    detail: str | None
    dataset: str
    file: str
    submitter: str | None


class JobQueries:
    """Questions to the ledger, each one read transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tables = build_tables(database.dialect)
        self._backlog = BacklogSnapshot()
        self._first_seen = FirstSeen()

    async def job(self, job_id: int) -> Job | None:
        """Return one job with its first error records, None if there is none of that number."""
        if job_id > LARGEST_KEY:
            return None
        table, reject = self.tables.job, self.tables.reject
        async with self._database.read() as connection:
            row = (await connection.execute(sa.select(table).where(table.c.id == job_id))).mappings().one_or_none()
            if row is None:
                return None
            records = await connection.execute(
                sa.select(reject.c.record)
                .where(reject.c.job_id == job_id)
                .order_by(reject.c.number)
                .limit(ERRORS_SHOWN)
            )
            return job_from_row(row).evolve(errors=tuple(records.scalars()))

    async def page(self, where: JobFilter, *, limit: int, before: int | None = None) -> JobPage:
        """Return up to `limit` jobs that pass the filter, newest first, those below the id `before` only.

        What no index answers is looked for among the `SCANNED` newest jobs that the index gives, so that a page
        costs the same however rare the matches are: it may be short, even empty, and still have a successor.
        """
        table = self.tables.job
        indexed, scanned = self._conditions(where)
        if before is not None:
            indexed.append(table.c.id < before)
        window = sa.select(table).where(*indexed).order_by(table.c.id.desc())
        async with self._database.read() as connection:
            # A plan for any state or dataset takes each for frequent, and reads the whole ledger for one that is not.
            await self._database.plan_for_values(connection)
            if not scanned:
                rows = (await connection.execute(window.limit(limit + 1))).mappings().all()
                return _page(rows, limit, None)
            seen = window.limit(SCANNED).subquery()
            statement = sa.select(seen).where(*(condition(seen.c) for condition in scanned))
            rows = (await connection.execute(statement.order_by(seen.c.id.desc()).limit(limit + 1))).mappings().all()
            if len(rows) > limit:
                return _page(rows, limit, None)
            ids = window.with_only_columns(table.c.id).limit(SCANNED).subquery()
            last, count = (await connection.execute(sa.select(sa.func.min(ids.c.id), sa.func.count()))).one()
            return _page(rows, limit, last if count == SCANNED else None)

    def _conditions(self, where: JobFilter) -> tuple[list[sa.ColumnElement[bool]], list[Condition]]:
        """Split a filter into what an index answers together with the order by id, and what is looked for by row."""
        job = self.tables.job.c
        equal = {
            name: value
            for name, value in (("submitter", where.submitter), ("dataset", where.dataset), ("state", where.state))
            if value is not None
        }
        # There are indexes on (submitter, id), (state, id), (dataset, id) and (dataset, state, id).
        in_index = ("submitter",) if "submitter" in equal else ("dataset", "state")
        indexed = [job[name] == value for name, value in equal.items() if name in in_index]
        scanned: list[Condition] = [
            partial(_equals, name, value) for name, value in equal.items() if name not in in_index
        ]
        if where.text:
            scanned.append(partial(_contains, where.text))
        return indexed, scanned

    async def taken(self, paths: Sequence[str]) -> list[Taken]:
        """Return which of the files of watched folders were taken, also by jobs that are kept no longer, oldest first.

        A file that was changed between is there several times. One whose job was superseded was not taken: should it
        lie there again as it was, nobody has loaded it.
        """
        job, memory, first = self.tables.job, self.tables.taken_file, self.tables.job.alias("first")
        columns = (job.c.origin, job.c.origin_stamp, job.c.sha256, job.c.id, job.c.state, job.c.spool_id, job.c.owed)
        of_superseded = sa.exists().where(first.c.id == job.c.first_job, first.c.state == "superseded")
        kept = sa.select(*columns).where(job.c.origin.in_(paths), job.c.state != "superseded", ~of_superseded)
        gone = sa.select(memory).where(memory.c.origin.in_(paths))
        async with self._database.read() as connection:
            rows = [(await connection.execute(statement)).all() for statement in (gone, kept)]
        return sorted((Taken(*row) for part in rows for row in part), key=lambda taken: taken.job_id)

    async def owed(self, folder: str, *, limit: int, after: int = 0) -> list[Job]:
        """Return jobs that have ended, which is still to be told in the folder that their files came from.

        Those above the number `after`, in the order of their numbers.

        A duplicate's turn comes when the job has ended that it is one of.
        """
        table, first = self.tables.job, self.tables.job.alias("first")
        waiting = sa.exists().where(first.c.id == table.c.first_job, first.c.state.not_in(TERMINAL))
        statement = (
            sa.select(table)
            .where(
                table.c.owed,
                table.c.id > after,
                table.c.state.in_(TERMINAL),
                table.c.origin.startswith(f"{folder}/", autoescape=True),
                ~waiting,
            )
            .order_by(table.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [job_from_row(row) for row in (await connection.execute(statement)).mappings()]

    async def owes(self, folder: str) -> bool:
        """Say whether the end of any job is to be told in a folder, also of one that has not ended."""
        table = self.tables.job
        told_there = sa.exists().where(table.c.owed, table.c.origin.startswith(f"{folder}/", autoescape=True))
        async with self._database.read() as connection:
            return bool(await connection.scalar(sa.select(told_there)))

    async def records(self, job_id: int, *, limit: int, after: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """Return up to `limit` error records of a job with their numbers, those above the number `after` only."""
        reject = self.tables.reject
        statement = sa.select(reject.c.number, reject.c.record).where(
            reject.c.job_id == job_id, reject.c.number > after
        )
        async with self._database.read() as connection:
            rows = await connection.execute(statement.order_by(reject.c.number).limit(limit))
            return [(row.number, row.record) for row in rows]

    async def first_records(self, jobs: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return the first error record of each of the jobs that have any."""
        reject = self.tables.reject
        statement = sa.select(reject.c.job_id, reject.c.record).where(reject.c.job_id.in_(jobs), reject.c.number == 1)
        async with self._database.read() as connection:
            return {row.job_id: row.record for row in await connection.execute(statement)}

    async def by_key(self, submitter: str, key: str) -> Job | None:
        """Return the job that was handed in under an idempotency key."""
        table = self.tables.job
        statement = sa.select(table).where(table.c.submitter == submitter, table.c.idempotency_key == key)
        async with self._database.read() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
            return None if row is None else job_from_row(row)

    async def preview(self, job_id: int) -> dict[str, Any] | None:
        """Return the columns and first rows that a check has seen in the table, None if it has seen none."""
        preview = self.tables.preview
        statement = sa.select(preview.c.preview).where(preview.c.job_id == job_id)
        async with self._database.read() as connection:
            found: dict[str, Any] | None = (await connection.execute(statement)).scalar_one_or_none()
            return found

    async def events(self, job_id: int) -> list[dict[str, Any]]:
        """Return what happened to a job, oldest first."""
        event = self.tables.event
        statement = sa.select(event.c.at, event.c.event, event.c.attempt, event.c.detail)
        async with self._database.read() as connection:
            rows = await connection.execute(statement.where(event.c.job_id == job_id).order_by(event.c.id))
            return [dict(row) for row in rows.mappings()]

    async def last_event_id(self) -> int:
        """Return the number of the newest event, 0 if there is none."""
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(sa.func.max(self.tables.event.c.id)))
            return int(found.scalar_one() or 0)

    async def events_after(self, after: int, *, limit: int, until: int | None = None) -> list[JobEvent]:
        """Return up to `limit` events of all jobs above the number `after`, in order, up to `until` with it."""
        event, job = self.tables.event.c, self.tables.job.c
        names = (event.id, event.job_id, event.at, event.event, event.attempt, event.detail)
        statement = (
            sa.select(*names, job.dataset, job.file, job.submitter)
            .join_from(self.tables.event, self.tables.job, event.job_id == job.id)
            .where(event.id > after)
            .order_by(event.id)
            .limit(limit)
        )
        if until is not None:
            statement = statement.where(event.id <= until)
        async with self._database.read() as connection:
            return [JobEvent(**row) for row in (await connection.execute(statement)).mappings()]

    async def event_writers(self) -> frozenset[str]:
        """Return the transactions that may have taken the number of an event, and whose COMMIT is still to be seen.

        PostgreSQL locks the table before it gives the number, and unlocks it after all can see what was committed. That
        holds in each session, whoever's it is and however it is reached, and every role may look at the locks. SQLite
        has one writer at a time, so there the numbers are seen in their order.
        """
        if self._database.dialect == "sqlite":
            return frozenset()
        async with self._database.read() as connection:
            return frozenset((await connection.execute(_EVENT_WRITERS)).scalars())

    async def before_missing_events(self, last: int, *, numbers: int, seconds: float) -> int:
        """Return the number of PostgreSQL's event below the first one that is missing, `last` if none is.

        Looked at are the `numbers` up to `last`, and what is missing before an event of the last `seconds`: older ones
        are missing because their jobs were let go.
        """
        event, begin = self.tables.event.c, max(last - numbers, 0)
        now = sa.extract("epoch", sa.func.clock_timestamp())
        below = sa.func.lag(event.id, 1, begin).over(order_by=event.id).label("below")
        seen = sa.select(event.id, event.at, below).where(event.id > begin, event.id <= last).subquery().c
        first = sa.select(sa.func.min(seen.below)).where(seen.below < seen.id - 1, seen.at > now - seconds)
        async with self._database.read() as connection:
            found: int | None = (await connection.execute(first)).scalar_one()
            return last if found is None else found

    async def last_successes(self, datasets: Iterable[str]) -> dict[str, float]:
        """Return when each of the datasets was last up to date, in seconds since the epoch, also across a restart.

        That is when it was last loaded, or when what was last loaded came again: nothing had changed since. What a
        clock wrote that was ahead is of when it was first seen.
        """
        table = self.tables.job
        last = sa.select(table.c.id, table.c.finished_at).where(succeeded(table))
        found: dict[str, float] = {}
        async with self._database.read() as connection:
            for dataset in datasets:
                latest = last.where(table.c.dataset == dataset).limit(1)
                latest = latest.order_by(table.c.finish_order.desc(), table.c.id.desc())
                row = (await connection.execute(latest)).one_or_none()
                if row is not None:
                    again = sa.select(sa.func.max(table.c.finished_at)).where(
                        table.c.first_job == row.id, table.c.state == "duplicate"
                    )
                    at = max(row.finished_at, (await connection.execute(again)).scalar_one() or 0.0)
                    found[dataset] = self._first_seen.at_most(dataset, at, self._now)
        return found

    async def pasts(self, datasets: Iterable[str]) -> dict[str, DatasetPast]:
        """Return when each of the datasets was first handed in, last begun and last in error, by whichever daemon."""
        async with self._database.read() as connection:
            return {
                dataset: past_of(await connection.execute(self._past, asked(dataset, self._now)))
                for dataset in datasets
            }

    @cached_property
    def _past(self) -> sa.CompoundSelect[Any]:
        # Made once: a statement of so many parts takes longer to put together than to run.
        return past_statement(self.tables.job, self._database.dialect)

    async def codes_of(self, failure: Failure) -> dict[str, int]:
        """Return how often each code is in the records that are kept of a job; nothing if it was put back since."""
        if not failure.recorded:
            return dict(DAEMONS_LOST)
        reject = self.tables.reject
        # A database whose encoding lacks letters of a record keeps it, but cannot look into it.
        statement = sa.select(reject.c.record).where(reject.c.job_id == failure.job_id)
        async with self._database.read() as connection:
            return Counter(record["code"] for record in (await connection.execute(statement)).scalars())

    async def spool_keys(self, spool_id: str) -> set[str]:
        """Return the keys of a spool's folders that are still needed.

        Unfinished jobs need theirs, dead ones for a retry, and those with rejected rows for handing these back.
        """
        table = self.tables.job
        statement = sa.select(table.c.spool_key).where(table.c.spool_id == spool_id, table.c.spool_key.is_not(None))
        async with self._database.read() as connection:
            return set((await connection.execute(statement)).scalars())

    async def refresh_backlog(self) -> None:
        """Count what waits, for `backlog()`."""
        self._backlog = await counted(self._database, self.tables)

    @property
    def _now(self) -> float:
        """What the ledger's clock says, by how far it was ahead at the last refresh."""
        return time.time() + self._backlog.clock_ahead_seconds

    async def queued(self, datasets: Iterable[str]) -> dict[str, int]:
        """Return how many jobs of each of the datasets wait in the queue, of those that have any."""
        job = self.tables.job.c
        statement = sa.select(job.dataset, sa.func.count().label("jobs")).group_by(job.dataset)
        async with self._database.read() as connection:
            rows = await connection.execute(
                statement.where(in_state(self.tables.job, "queued"), job.dataset.in_(list(datasets)))
            )
            return {row.dataset: row.jobs for row in rows}

    def backlog(self) -> BacklogSnapshot:
        """Return the counts of the last refresh; safe to call from any thread."""
        return self._backlog


def _page(rows: Sequence[Any], limit: int, last_seen: int | None) -> JobPage:
    jobs = tuple(job_from_row(row) for row in rows[:limit])
    return JobPage(jobs=jobs, next_before=jobs[-1].id if len(rows) > limit else last_seen)


def _equals(name: str, value: str, columns: Any) -> sa.ColumnElement[bool]:
    condition: sa.ColumnElement[bool] = columns[name] == value
    return condition


def _contains(text: str, columns: Any) -> sa.ColumnElement[bool]:
    return sa.func.lower(columns.file).contains(text.lower(), autoescape=True)


def job_from_row(row: Any) -> Job:
    """Return the job of one row of the job table, without its error records."""
    names = set(Job.__slots__) & set(row.keys())
    fields = {name: row[name] for name in names}
    rows = RowCounts(**{name: row[f"rows_{name}"] for name in ROW_COLUMNS})
    return Job(**fields, rows=rows)
