"""A job whose dataset was given another version while it waited: owns by which version its content counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from .tables import unfinished

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from .jobs import Job
    from .leases import Ledger


async def follow_version(ledger: Ledger, job: Job, version: int) -> int | None:
    """Have a job count by the version by which it is about to be loaded; return the job that makes it a duplicate.

    It was entered under another one, and so beside a job of the same content under this one. From here on who enters
    that content under this version finds this job.

    Raises:
        LeaseLostError: the lease is not this daemon's any more.

    """
    table, moved = ledger.tables.job, job.evolve(spec_version=version)
    async with ledger.context.database.write() as connection:
        await ledger.lock(connection, job)
        while True:
            before = await ledger.context.loaded_before(connection, moved)
            if before is not None:
                return before
            try:
                async with connection.begin_nested():
                    await connection.execute(table.update().where(table.c.id == job.id).values(spec_version=version))
            except IntegrityError:
                # Of each content one job alone waits or runs; it may have ended since.
                if (other := await _unfinished_twin(ledger, connection, moved)) is not None:
                    return other
            else:
                return None


async def _unfinished_twin(ledger: Ledger, connection: AsyncConnection, job: Job) -> int | None:
    table = ledger.tables.job
    same = (getattr(table.c, name) == getattr(job, name) for name in ("dataset", "sha256", "spec_version"))
    alone = sa.and_(unfinished(table), table.c.after_job.is_(None), sa.not_(table.c.check_only))
    found: int | None = (await connection.execute(sa.select(table.c.id).where(*same, alone))).scalar_one_or_none()
    return found
