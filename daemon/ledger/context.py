"""What all that change the ledger share: its tables, its clock, who this daemon is, and how an event is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa

from .event_log import NotedChange
from .tables import build_tables, insert_into, succeeded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..database.database import Database
    from .jobs import Content, Job


class LedgerContext:
    """The ledger's tables in one database, as one daemon sees them."""

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self.database, self.lease_seconds = database, lease_seconds
        self.tables = build_tables(database.dialect)
        self.daemon_id = uuid4().hex
        self.spool_id = ""
        """The spool whose jobs this daemon claims; set when it registers."""
        if database.dialect == "postgresql":
            self.now: sa.ColumnElement[float] = sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double)
        else:
            self.now = sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Double)
        # Built once: they stand in every transaction, or in that of every submission.
        self._note = self.tables.event.insert().values(at=self.now)
        # A content is looked up in both memories by an index, and a new one is in neither: one question. What was
        # loaded last nearly always stands in the first one, and the second would have to be sorted for it.
        self._loaded_before: dict[str, tuple[sa.Executable, ...]] = {
            "once": (sa.union_all(*self._memories(any_content=False)),),
            "last": self._memories(any_content=True),
        }

    def seen(self, beside: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        """Return what a change of jobs is to say of other rows on its way, so that nobody has to ask for it.

        A statement of SQLite cannot look beside the rows that it changes, and says that it may be so at any time.
        """
        return beside if self.database.dialect == "postgresql" else sa.true()

    def noted(self, change: sa.Insert | sa.Update, *returned: sa.ColumnElement[Any]) -> NotedChange:
        """Return a change of jobs together with the notes of it; what it returns must name id and attempt."""
        return NotedChange(
            change,
            *returned,
            event=self.tables.event,
            now=self.now,
            daemon_id=self.daemon_id,
            at_once=self.database.dialect == "postgresql",
        )

    async def event(
        self, connection: AsyncConnection, job_id: int, event: str, attempt: int, detail: str | None
    ) -> None:
        """Note what happened to a job, in the transaction in which it happens and as late in it as possible.

        Readers of the events wait for numbers that are missing: the time from here to the COMMIT is theirs.
        """
        about = {"job_id": job_id, "event": event, "attempt": attempt, "daemon": self.daemon_id, "detail": detail}
        await connection.execute(self._note, about)

    async def remember(self, connection: AsyncConnection, memory: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows into a table of what was before, the youngest job of a key last."""
        ordered = sorted(rows, key=lambda row: row["job_id"])
        if not ordered:
            return
        insert = insert_into(memory, self.database.dialect)
        keys = list(memory.primary_key.columns)
        others = {column.name: insert.excluded[column.name] for column in memory.c if not column.primary_key}
        newer = insert.excluded.job_id > memory.c.job_id
        await connection.execute(
            insert.on_conflict_do_update(index_elements=keys, set_=others, where=newer), [dict(row) for row in ordered]
        )

    async def spool_is_served(self, connection: AsyncConnection, spool_id: str | None) -> bool:
        """Say whether a living daemon claims the jobs of a spool."""
        daemon = self.tables.daemon
        alive = sa.select(sa.func.count()).where(
            daemon.c.spool_id == spool_id, daemon.c.beat_at >= self.now - self.lease_seconds
        )
        return bool((await connection.execute(alive)).scalar_one())

    async def loaded_before(self, connection: AsyncConnection, job: Job | Content) -> int | None:
        """Return the number of the job that makes this one a duplicate by what was loaded before it, if there is one.

        Jobs that are kept no longer count: what they have loaded is remembered, and came before all that is kept.
        """
        if job.repeats == "again":
            return None
        content = {"of_dataset": job.dataset, "of_sha256": job.sha256, "of_spec_version": job.spec_version}
        for statement in self._loaded_before[job.repeats]:
            found = (await connection.execute(statement, content)).all()
            if found:
                newest = min(found, key=lambda row: int(row.memory))
                return int(newest.number) if newest.same else None
        return None

    def _memories(self, *, any_content: bool) -> tuple[sa.Select[Any], ...]:
        """Return, for each memory of jobs, the query for the newest job that has loaded a content, or any.

        Its row is the job's `number`, whether it was the `same` content, and the `memory`: the lowest is the newest.
        """
        job, memory = self.tables.job, self.tables.loaded_content
        newest = []
        for place, (table, number, order, of_those) in enumerate(
            (
                (job, job.c.id, (job.c.finished_at.desc(), job.c.id.desc()), succeeded(job)),
                (memory, memory.c.job_id, (memory.c.job_id.desc(),), sa.true()),
            )
        ):
            same = sa.and_(
                table.c.sha256 == sa.bindparam("of_sha256"), table.c.spec_version == sa.bindparam("of_spec_version")
            )
            asked = sa.select(number.label("number"), same.label("same"), sa.literal_column(str(place)).label("memory"))
            asked = asked.where(table.c.dataset == sa.bindparam("of_dataset"), of_those)
            asked = asked if any_content else asked.where(same)
            # Within a query of its own: SQLite takes no order of a part of a UNION.
            newest.append(sa.select(asked.order_by(*order).limit(1).subquery()))
        return tuple(newest)
