"""What all that change the ledger share: its tables, its clock, who this daemon is, and how an event is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa

from .event_log import NotedChange
from .tables import build_tables

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..database.database import Database
    from .jobs import Job


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
        # Built once: it stands in every transaction.
        self._note = self.tables.event.insert().values(at=self.now)

    def noted(self, change: sa.Insert | sa.Update, *returned: sa.ColumnElement[Any]) -> NotedChange:
        """Return a change of a job together with the note of it; what it returns must name id and attempt."""
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

    async def spool_is_served(self, connection: AsyncConnection, spool_id: str | None) -> bool:
        """Say whether a living daemon claims the jobs of a spool."""
        daemon = self.tables.daemon
        alive = sa.select(sa.func.count()).where(
            daemon.c.spool_id == spool_id, daemon.c.beat_at >= self.now - self.lease_seconds
        )
        return bool((await connection.execute(alive)).scalar_one())

    async def loaded_before(self, connection: AsyncConnection, job: Job) -> int | None:
        """Return the number of a job that is kept no longer and has loaded the same content."""
        memory = self.tables.loaded_content
        found = await connection.execute(
            sa.select(memory.c.job_id).where(
                memory.c.dataset == job.dataset,
                memory.c.sha256 == job.sha256,
                memory.c.spec_version == job.spec_version,
            )
        )
        return found.scalar_one_or_none()
