"""When a job whose file was changed meanwhile may end unloaded: owns who else counts on its content. Sees no files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from .reasons import SAME_FILE

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from .jobs import Job, Outcome
    from .leases import Ledger


async def is_wanted(ledger: Ledger, connection: AsyncConnection, job: Job) -> bool:
    """Say whether anybody but the file that a job is of was told that this job loads its content.

    Those are who handed the same content in and was named the job as the first, the same file in a later state too;
    a person who had it retried; and whose file it was pointed at. The same file in the same state is not: where two
    daemons look at one folder, both may have entered it. Nor is it in a later one that has passed: what the file came
    to hold is another job, which this one must not load over.
    """
    table, event, later = ledger.tables.job, ledger.tables.event, ledger.tables.job.alias("later")
    passed = sa.exists().where(
        later.c.origin == table.c.origin, later.c.id > table.c.id, later.c.sha256.is_distinct_from(job.sha256)
    )
    counts = table.c.origin.is_distinct_from(job.origin) | (
        table.c.origin_stamp.is_distinct_from(job.origin_stamp) & ~passed
    )
    twin = sa.exists().where(table.c.first_job == job.id, table.c.state == "duplicate", counts)
    of_others = (event.c.event == "adopted") & event.c.detail.is_distinct_from(SAME_FILE)
    asked_for = sa.exists().where(event.c.job_id == job.id, (event.c.event == "retried") | of_others)
    return bool((await connection.execute(sa.select(sa.or_(twin, asked_for)))).scalar_one())


async def supersede(ledger: Ledger, job: Job, outcome: Outcome) -> bool:
    """End a job whose file was changed, unless its content is wanted; say whether it has ended.

    Whoever enters a duplicate holds a share of the first job's row till its COMMIT. So it is seen here, or sees there
    that the job has ended, and loads the content itself.

    Raises:
        LeaseLostError: the lease is not this daemon's any more.

    """
    table = ledger.tables.job
    async with ledger.context.database.write() as connection:
        await connection.execute(sa.select(table.c.id).where(table.c.id == job.id).with_for_update())
        await ledger.lock(connection, job)
        if await is_wanted(ledger, connection, job):
            return False
        await ledger.finish(connection, job, outcome)
        # A duplicate that is left is of the very file that was changed: whoever changed it is told of the next job.
        of_it = table.update().where(table.c.first_job == job.id, table.c.owed)
        await connection.execute(of_it.values(owed=False))
    return True
