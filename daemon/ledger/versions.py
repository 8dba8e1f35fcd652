"""By which version of its dataset a job is read: owns what becomes of it where it was entered by another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ..errors import LeaseLostError
from .tables import unfinished

if TYPE_CHECKING:
    from .context import LedgerContext
    from .jobs import Job, Outcome
    from .leases import Ledger


async def take_version(context: LedgerContext, job: Job, version: int) -> int | None:
    """Have a running job count for the version that it is read by from now on, if it is no duplicate by that.

    Return the number of the job that makes it one: of the same content, under that version, it waits, runs or has
    loaded it; see `give_way`. Else a file that waits for its turn while its dataset is changed, and is handed in again,
    is loaded twice by the same rules.

    Raises:
        LeaseLostError: the lease is not this daemon's any more.

    """
    table = context.tables.job
    mine = sa.and_(table.c.id == job.id, table.c.lease_token == job.lease_token, table.c.state == "running")
    while True:
        try:
            async with context.database.write() as connection:
                changed = await connection.execute(table.update().where(mine).values(spec_version=version))
                if changed.rowcount != 1:
                    raise LeaseLostError
                # Looked at after the change, which waits for whoever ends such a job in this moment.
                return await context.loaded_before(connection, job.evolve(spec_version=version))
        except IntegrityError:
            async with context.database.read() as connection:
                twin: int | None = await connection.scalar(_twin(table, job, version))
            if twin is not None:
                return twin
            # It has ended meanwhile.


async def give_way(ledger: Ledger, job: Job, version: int, outcome: Outcome) -> bool:
    """End a job as the duplicate of the one that its outcome names, if it is one still; say whether it has ended.

    Neither may two give way to each other, of which two daemons read each by the other's version, nor this one to a job
    that ends unloaded in this moment: of each pair both look at the lower number's row first, and here is shared of the
    other's what `supersede` wants for itself.

    Raises:
        LeaseLostError: the lease is not this daemon's any more.

    """
    table, first = ledger.tables.job, outcome.first_job
    async with ledger.context.database.write() as connection:
        for number in sorted({job.id, first or job.id}):
            other = number != job.id
            row = sa.select(table.c.id).where(table.c.id == number)
            await connection.execute(row.with_for_update(read=other, key_share=other))
        await ledger.lock(connection, job)
        of_version = job.evolve(spec_version=version)
        found = await connection.scalar(_twin(table, job, version))
        if first != (found or await ledger.context.loaded_before(connection, of_version)):
            return False
        await ledger.finish(connection, of_version, outcome)
        return True


def _twin(table: sa.Table, job: Job, version: int) -> sa.Select[tuple[int]]:
    """Return the question for the job that has the place which each content has once: see the index of it."""
    return sa.select(table.c.id).where(
        table.c.dataset == job.dataset,
        table.c.sha256 == job.sha256,
        table.c.spec_version == version,
        unfinished(table),
        table.c.after_job.is_(None),
        sa.not_(table.c.check_only),
        table.c.id != job.id,
    )
