"""Reading the job ledger: lists, single jobs and counts. Writes nothing; the ledger does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .jobs import ERRORS_SHOWN, Job, RowCounts, State
from .tables import build_tables

if TYPE_CHECKING:
    from .database import Database

ROW_COLUMNS = tuple(RowCounts.__slots__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BacklogSnapshot:
    """What waits or runs, and what was given up."""

    jobs: int = 0
    bytes: int = 0
    oldest_at: float | None = None
    dead_jobs: int = 0


class JobQueries:
    """Questions to the ledger, each one read transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables = build_tables(database.dialect)
        self._backlog = BacklogSnapshot()

    async def job(self, job_id: int) -> Job | None:
        """Return one job with its first error records, None if there is none of that number."""
        table, reject = self._tables.job, self._tables.reject
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

    async def jobs(self, *, limit: int, before: int | None = None, state: State | None = None) -> list[Job]:
        """Return up to `limit` jobs, newest first, those below the id `before` only; without error records."""
        table = self._tables.job
        statement = sa.select(table).order_by(table.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(table.c.id < before)
        if state is not None:
            statement = statement.where(table.c.state == state)
        async with self._database.read() as connection:
            return [job_from_row(row) for row in (await connection.execute(statement)).mappings()]

    async def events(self, job_id: int) -> list[dict[str, Any]]:
        """Return what happened to a job, oldest first."""
        event = self._tables.event
        statement = sa.select(event.c.at, event.c.event, event.c.attempt, event.c.detail)
        async with self._database.read() as connection:
            rows = await connection.execute(statement.where(event.c.job_id == job_id).order_by(event.c.id))
            return [dict(row) for row in rows.mappings()]

    async def last_successes(self) -> dict[str, float]:
        """Return when each dataset last loaded, in seconds since the epoch: freshness survives a restart."""
        table = self._tables.job
        statement = (
            sa.select(table.c.dataset, sa.func.max(table.c.finished_at))
            .where(table.c.state.in_(("loaded", "partial")))
            .group_by(table.c.dataset)
        )
        async with self._database.read() as connection:
            return {row[0]: row[1] for row in await connection.execute(statement)}

    async def spool_keys(self, spool_id: str) -> set[str]:
        """Return the keys of a spool's folders that are still needed.

        Unfinished jobs need theirs, dead ones for a retry, and those with rejected rows for handing these back.
        """
        table = self._tables.job
        handed_back = sa.and_(table.c.state.in_(("partial", "rejected")), table.c.rows_rejected > 0)
        statement = sa.select(table.c.spool_key).where(
            table.c.spool_id == spool_id,
            sa.or_(table.c.state.in_(("queued", "running", "dead")), handed_back),
        )
        async with self._database.read() as connection:
            return {key for key in (await connection.execute(statement)).scalars() if key}

    async def refresh_backlog(self) -> None:
        """Count what waits, for `backlog()`."""
        table = self._tables.job
        waiting = table.c.state.in_(("queued", "running"))
        statement = sa.select(
            sa.func.count().filter(waiting),
            sa.func.coalesce(sa.func.sum(table.c.size_bytes).filter(waiting), 0),
            sa.func.min(table.c.created_at).filter(waiting),
            sa.func.count().filter(table.c.state == "dead"),
        ).where(table.c.state.in_(("queued", "running", "dead")))
        async with self._database.read() as connection:
            jobs, size, oldest_at, dead = (await connection.execute(statement)).one()
        self._backlog = BacklogSnapshot(jobs=jobs, bytes=int(size), oldest_at=oldest_at, dead_jobs=dead)

    def backlog(self) -> BacklogSnapshot:
        """Return the counts of the last refresh; safe to call from any thread."""
        return self._backlog


def job_from_row(row: Any) -> Job:
    """Return the job of one row of the job table, without its error records."""
    names = set(Job.__slots__) & set(row.keys())
    fields = {name: row[name] for name in names}
    rows = RowCounts(**{name: row[f"rows_{name}"] for name in ROW_COLUMNS})
    return Job(**fields, rows=rows)
