"""What waits in the ledger, counted in one statement, and how far its clock is from this machine's; writes nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from .clock_correction import ahead_of_this_machine
from .jobs import WAITS
from .tables import in_state, ledger_clock, unfinished

if TYPE_CHECKING:
    from ..database.database import Database
    from .tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class BacklogSnapshot:
    """What waits or runs, and what was given up; moments are those of the ledger's clock."""

    jobs: int = 0
    bytes: int = 0
    oldest_at: float | None = None
    dead_jobs: int = 0
    waiting_jobs: int = 0
    clock_ahead_seconds: float = 0.0
    """By how much the ledger's clock is ahead of this machine's; less than 0.0 if it is behind."""


async def counted(database: Database, tables: Tables) -> BacklogSnapshot:
    """Return what the ledger has now."""
    table = tables.job
    waiting = unfinished(table)
    statement = sa.select(
        ledger_clock(database.dialect),
        sa.func.count().filter(waiting),
        sa.func.coalesce(sa.func.sum(table.c.size_bytes).filter(waiting), 0),
        sa.func.min(table.c.created_at).filter(waiting),
        sa.func.count().filter(in_state(table, "dead")),
        sa.func.count().filter(in_state(table, "queued"), table.c.reason.startswith(WAITS)),
    ).where(in_state(table, "queued", "running", "dead"))
    async with database.read() as connection:
        asked_at = time.time()
        now, jobs, size, oldest_at, dead, held = (await connection.execute(statement)).one()
        ahead = ahead_of_this_machine(now, asked_at, time.time())
    return BacklogSnapshot(
        jobs=jobs,
        bytes=int(size),
        oldest_at=oldest_at,
        dead_jobs=dead,
        waiting_jobs=held,
        clock_ahead_seconds=ahead,
    )
