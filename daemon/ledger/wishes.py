"""That somebody wants a running job ended: owns how such a wish is kept and found, and ends no run itself.

A load holds its job's row, so a wish may only stand among the job's events. On the row it is known to all who claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from .queries import job_from_row
from .reasons import BY, CANCELLED
from .tables import in_state, unfinished

if TYPE_CHECKING:
    from .context import LedgerContext
    from .jobs import Job
    from .tables import Tables

WISH: Final = "cancel_requested"
"""The event of a wish; one that comes before a retry is over."""


def wisher(tables: Tables) -> sa.ScalarSelect[str]:
    """Return who wants the job of an enclosing statement ended, one of them, NULL if nobody does."""
    wish, later = tables.event.alias("wish"), tables.event.alias("later")
    retried = sa.exists().where(later.c.job_id == wish.c.job_id, later.c.event == "retried", later.c.id > wish.c.id)
    name = sa.func.substr(wish.c.detail, len(BY.format(name="")) + 1, type_=sa.Text)
    # Not the last one by its number: a plan may look for that among the events of all jobs.
    stands = sa.select(sa.func.max(name)).where(wish.c.job_id == tables.job.c.id, wish.c.event == WISH, ~retried)
    return stands.correlate(tables.job).scalar_subquery()


async def fulfil(context: LedgerContext) -> tuple[list[int], list[Job]]:
    """Return the ids of this daemon's running jobs whose end is asked for, and end those that wait again.

    A running job may have been put back in the queue between the wish and its fulfilment.
    """
    table = context.tables.job
    asked = table.c.cancelled_by.is_not(None)
    mine = table.c.lease_daemon == context.daemon_id
    running = sa.select(table.c.id).where(
        in_state(table, "running"), mine, sa.or_(asked, wisher(context.tables).is_not(None))
    )
    async with context.database.write() as connection:
        ids = list((await connection.execute(running)).scalars())
        rows = await connection.execute(
            table.update()
            # In the words of the index of such jobs, which has few.
            .where(unfinished(table), in_state(table, "queued"), asked)
            .values(state="cancelled", reason=CANCELLED.format(name="") + table.c.cancelled_by, finished_at=context.now)
            .returning(*table.c)
        )
        ended = [job_from_row(row) for row in rows.mappings()]
        for job in ended:
            await context.event(connection, job.id, "cancelled", job.attempt, job.reason)
    return ids, ended
