"""Which jobs are the next: owns whose turn it is, and takes those jobs under leases, in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import sqlalchemy as sa

from .queries import job_from_row
from .tables import in_state, unfinished

if TYPE_CHECKING:
    from collections.abc import Collection

    from .context import LedgerContext
    from .jobs import Job

CLAIMED_AT_ONCE: Final = 4
"""Jobs that one statement should claim at most.

The planner takes each for so dear (17,700 units where many wait) that from six on PostgreSQL would compile the
statement (`jit_above_cost`), which takes fifty times as long as to run it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that this daemon has taken; `mapped` says that mappings are kept for its dataset.

    The claim's own statement sees that on the way, for nearly no dataset has any: see `LedgerContext.seen`.
    """

    job: Job
    mapped: bool


class Claims:
    """Takes jobs for this daemon."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context
        # Built once: statements with all columns of a job take longer to put together than to run.
        table, mapping = context.tables.job, context.tables.mapping
        mapped = context.seen(sa.select(mapping.c.id).where(mapping.c.dataset == table.c.dataset).exists())
        self._statements = {
            narrowed: context.noted(self._claim(narrowed=narrowed), *table.c, mapped.label("claim_mapped"))
            for narrowed in (False, True)
        }

    async def claim(
        self, *, datasets: Collection[str], most: int = 1, only: Collection[int] | None = None
    ) -> list[Claim]:
        """Take the jobs that have waited longest, `most` of them, each with a fresh lease token and one more attempt.

        Only jobs whose file lies in this daemon's spool and whose dataset it knows; `only` narrows it to job ids.
        """
        asked: dict[str, Any] = {"spool": self._context.spool_id, "known": list(datasets), "most": most}
        asked["token"] = f"{uuid4().hex}-"
        if only is not None:
            asked["chosen"] = list(only)
        async with self._context.database.single("claim") as connection:
            rows = await self._statements[only is not None].make_each(connection, asked, event="running")
        claims = [Claim(job=job_from_row(row), mapped=row["claim_mapped"]) for row in rows]
        return sorted(claims, key=lambda claim: claim.job.id)

    def _claim(self, *, narrowed: bool) -> sa.Update:
        table, daemon = self._context.tables.job, self._context.tables.daemon
        ahead = table.alias("ahead")
        chosen: sa.BindParameter[Any] = sa.bindparam("chosen", expanding=True)
        lease = self._context.lease_seconds
        # One whose file no living daemon has may wait for ever; it keeps nobody waiting.
        its_turn_comes_later = (
            sa.select(ahead.c.id)
            .join(daemon, daemon.c.spool_id == ahead.c.spool_id)
            .where(ahead.c.id == table.c.after_job, unfinished(ahead), daemon.c.beat_at >= self._context.now - lease)
        )
        if narrowed:
            # What this daemon does not choose it never claims.
            its_turn_comes_later = its_turn_comes_later.where(
                sa.or_(ahead.c.id.in_(chosen), daemon.c.id != self._context.daemon_id)
            )
        due = (
            sa.select(table.c.id)
            .where(
                in_state(table, "queued"),
                table.c.run_at <= self._context.now,
                table.c.spool_id == sa.bindparam("spool"),
                # As an expression, which no index has: what waits is walked through in order, up to the first. By an
                # index of the dataset the planner would collect all that waits of it, other daemons' jobs too.
                (table.c.dataset + "").in_(sa.bindparam("known", expanding=True)),
                table.c.cancelled_by.is_(None),
                sa.or_(table.c.after_job.is_(None), ~its_turn_comes_later.exists()),
            )
            .order_by(table.c.run_at, table.c.id)
            .limit(sa.bindparam("most", type_=sa.Integer))
            .with_for_update(skip_locked=True, key_share=True)
        )
        if narrowed:
            due = due.where(table.c.id.in_(chosen))
        taken: sa.ColumnElement[bool] = table.c.id.in_(due)
        if self._context.database.dialect == "postgresql":
            # An array is asked for once; a plan may ask for what stands in IN several times, and lock others each time.
            taken = table.c.id == sa.any_(sa.func.array(due.scalar_subquery()))
        return (
            table.update()
            .where(taken)
            .values(
                state="running",
                lease_token=sa.bindparam("token", type_=sa.Text) + sa.cast(table.c.id, sa.Text),
                lease_daemon=self._context.daemon_id,
                attempt=table.c.attempt + 1,
                started_at=self._context.now,
                reason=None,
            )
        )
