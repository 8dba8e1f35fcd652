"""What all that change the ledger share: its tables, its clock, who this daemon is, and how an event is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa

from .event_log import NotedChange
from .tables import build_tables, insert_into, ledger_clock, succeeded

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
        self.now = ledger_clock(database.dialect)
        # Built once: they stand in every transaction, or in that of every submission.
        self._note = self.tables.event.insert().values(at=self.now)
        self._loaded_before = {
            "once": self._memories(any_content=False),
            "last": self._memories(any_content=True),
        }
        self.next_order = self._next_order()
        """The place of a load that ends now among those of the dataset `of_dataset`."""

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
        """Write rows into a table of what was before: of a key the one that was loaded last, or of the youngest job."""
        order = [name for name in ("finish_order", "job_id") if name in memory.c]
        ordered = sorted(rows, key=lambda row: [row[name] for name in order])
        if not ordered:
            return
        insert = insert_into(memory, self.database.dialect)
        keys = list(memory.primary_key.columns)
        others = {column.name: insert.excluded[column.name] for column in memory.c if not column.primary_key}
        newer = sa.tuple_(*(insert.excluded[name] for name in order)) > sa.tuple_(*(memory.c[name] for name in order))
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

        Jobs that are kept no longer count, too: what they have loaded is remembered, and in which order.
        """
        if job.repeats == "again":
            return None
        content = {"of_dataset": job.dataset, "of_sha256": job.sha256, "of_spec_version": job.spec_version}
        found = (await connection.execute(self._loaded_before[job.repeats], content)).all()
        if not found:
            return None
        newest = max(found, key=lambda row: (int(row.finish_order), int(row.number)))
        return int(newest.number) if newest.same else None

    def _memories(self, *, any_content: bool) -> sa.CompoundSelect[Any]:
        """Return the query for the last job in each memory of jobs that has loaded a content, or any.

        Its rows are the job's `number`, its `finish_order`, and whether it was the `same` content.
        """
        newest = []
        for table, number, of_those in self._of_dataset():
            same = sa.and_(
                table.c.sha256 == sa.bindparam("of_sha256"), table.c.spec_version == sa.bindparam("of_spec_version")
            )
            asked = sa.select(number.label("number"), table.c.finish_order, same.label("same"))
            asked = asked.where(of_those) if any_content else asked.where(of_those, same)
            # One content is found by its index, and not by a walk through all loads in the order that theirs has.
            last = table.c.finish_order if any_content else table.c.finish_order + 0
            # Within a query of its own: SQLite takes no order of a part of a UNION.
            newest.append(sa.select(asked.order_by(last.desc(), number.desc()).limit(1).subquery()))
        return sa.union_all(*newest)

    def _next_order(self) -> sa.ColumnElement[int]:
        """Return the number after the highest in the memories of a dataset: a clock may be set, and then goes back.

        Loads whose transactions meet may get the same; neither has changed a row of the other's, which it would have
        had to wait for.
        """
        highest = [
            sa.select(sa.func.max(table.c.finish_order).label("at")).where(of) for table, _, of in self._of_dataset()
        ]
        newest = sa.select(sa.func.max(sa.union_all(*highest).subquery().c.at)).scalar_subquery()
        return sa.func.coalesce(newest, 0) + 1

    def _of_dataset(self) -> tuple[tuple[sa.FromClause, sa.ColumnElement[int], sa.ColumnElement[bool]], ...]:
        """Return the memories of jobs: the table, its number of the job, and the condition for a dataset's loads."""
        job, memory = self.tables.job.alias("before"), self.tables.loaded_content
        its: sa.BindParameter[str] = sa.bindparam("of_dataset", type_=sa.Text)
        return (
            (job, job.c.id, sa.and_(job.c.dataset == its, succeeded(job))),
            (memory, memory.c.job_id, memory.c.dataset == its),
        )
