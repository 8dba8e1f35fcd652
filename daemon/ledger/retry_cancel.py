"""What people do to a job: retry, cancel and dismiss. Owns which states allow it; its tables keep it fenced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from ingest.messages import say

from ..errors import HeadgateError
from .jobs import GIVEN_UP, Job, Outcome
from .queries import job_from_row
from .reasons import BY, CANCELLED, DISMISSED
from .wishes import WISH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .context import LedgerContext

HELD_MS: Final = 300
"""Whoever holds a job's row for longer loads it; to put it back takes a few round trips."""
_RETRIED: Final = ", ".join(GIVEN_UP)


class NotPossibleError(HeadgateError):
    """The job's state does not allow it; the message says what does."""


class RetryCancel:
    """Retries, cancels and dismisses jobs, each in one transaction.

    `wake` is called when there may be a job to claim, `kill` with a job whose run here must end, `tell` with the
    outcome of one that is over.
    """

    def __init__(
        self,
        *,
        context: LedgerContext,
        wake: Callable[[], None],
        kill: Callable[[int], None],
        tell: Callable[[Job, Outcome], None],
    ) -> None:
        self._context, self._database = context, context.database
        self._wake, self._kill, self._tell = wake, kill, tell
        self._table = context.tables.job

    async def retry(self, job: Job, *, by: str) -> Job:
        """Put a job that was given up or cancelled back in the queue, with all its attempts.

        Raises:
            NotPossibleError: another state, the file is kept no longer, or its content has another job by now.

        """
        if job.state not in GIVEN_UP:
            raise NotPossibleError(
                say(
                    "job {job} is {state}; only {states} jobs are retried", job=job.id, state=job.state, states=_RETRIED
                )
            )
        context = self._context
        values = {
            "state": "queued",
            "reason": None,
            "attempt": 0,
            "crashes": 0,
            "lost_leases": 0,
            "lease_token": None,
            "lease_daemon": None,
            "cancelled_by": None,
            "errors_total": 0,
            "run_at": context.now,
            "started_at": None,
            "finished_at": None,
            # Who was told of the last end in a folder is told of the next one, too.
            "owed": sa.case((self._table.c.owed.is_not(None), sa.true())),
        }
        try:
            async with self._database.write() as connection:
                job = await self._given_up(connection, job)
                if job.spool_key is None or not await context.spool_is_served(connection, job.spool_id):
                    raise NotPossibleError(
                        say("the file of job {job} is not kept any more; submit it again", job=job.id)
                    )
                if await context.loaded_before(connection, job) is not None:
                    raise NotPossibleError(say("the content of job {job} was loaded by another job", job=job.id))
                row = await self._update(connection, job, GIVEN_UP, values)
                assert row is not None  # noqa: S101  # it is held
                reject = context.tables.reject
                await connection.execute(reject.delete().where(reject.c.job_id == job.id))
                await context.event(connection, job.id, "retried", 0, BY.format(name=by))
        except IntegrityError as error:
            raise NotPossibleError(say("the content of job {job} has another job by now", job=job.id)) from error
        self._wake()
        return row

    async def cancel(self, job: Job, *, by: str) -> Job:
        """End a waiting job at once; ask the daemon that runs it to end a running one.

        Raises:
            NotPossibleError: the job has ended.

        """
        context = self._context
        over = {
            "state": "cancelled",
            "reason": CANCELLED.format(name=by),
            "cancelled_by": by,
            "finished_at": context.now,
        }
        async with self._database.write() as connection:
            found = await self._update(connection, job, ("queued",), over)
            found = found or await self._wish(connection, job, over)
            if found is None:
                raise NotPossibleError(say("job {job} has ended; nothing is left to cancel", job=job.id))
            event = "cancelled" if found.finished else WISH
            await context.event(connection, job.id, event, found.attempt, BY.format(name=by))
        if found.finished:
            self._tell(found, Outcome(state="cancelled", reason=found.reason))
        else:
            self._kill(found.id)
        return found

    async def dismiss(self, job: Job, *, by: str) -> Job:
        """Put a dead job to rest: it alerts no more. Its file is kept as long as a dead one's, for a retry.

        Raises:
            NotPossibleError: the job is not dead.

        """
        values = {"state": "dismissed", "reason": DISMISSED.format(name=by, reason=job.reason)}
        async with self._database.write() as connection:
            found = await self._update(connection, job, ("dead",), values)
            if found is None:
                raise NotPossibleError(say("job {job} is not dead; only dead jobs are dismissed", job=job.id))
            await self._context.event(connection, job.id, "dismissed", found.attempt, BY.format(name=by))
        return found

    async def _given_up(self, connection: AsyncConnection, job: Job) -> Job:
        """Hold a job that was given up, and return it as it is: its file may be kept no longer since it was read."""
        asked = sa.select(self._table).where(self._table.c.id == job.id, self._table.c.state.in_(GIVEN_UP))
        row = (await connection.execute(asked.with_for_update(key_share=True))).mappings().one_or_none()
        if row is None:
            raise NotPossibleError(say("job {job} has changed meanwhile; look at it again", job=job.id))
        return job_from_row(row)

    async def _wish(self, connection: AsyncConnection, job: Job, over: Mapping[str, object]) -> Job | None:
        """Have a running job ended, None if it does not run.

        While it loads, its row is held, and nobody waits for that: the event of the wish is enough; see `fulfil`. But
        whoever is putting it back has done with it in a moment, and would not see the event.
        """
        if await self._is_free(connection, job):
            found = await self._update(connection, job, ("running",), {"cancelled_by": over["cancelled_by"]})
            return found or await self._update(connection, job, ("queued",), over)
        running = sa.select(self._table).where(self._table.c.id == job.id, self._table.c.state == "running")
        row = (await connection.execute(running)).mappings().one_or_none()
        return None if row is None else job_from_row(row)

    async def _is_free(self, connection: AsyncConnection, job: Job) -> bool:
        """Hold the job's row, or say that somebody holds it for longer than it takes to put a job back."""
        if self._database.dialect == "sqlite":
            return True
        asked = sa.select(self._table.c.id).where(self._table.c.id == job.id).with_for_update(key_share=True)
        try:
            async with connection.begin_nested():
                await connection.execute(sa.text(f"SET LOCAL lock_timeout = {HELD_MS}"))
                await connection.execute(asked)
        except DBAPIError as error:
            if self._database.meaning(error).counted_as != "locked":
                raise
            return False
        return True

    async def _update(
        self, connection: AsyncConnection, job: Job, states: Collection[str], values: Mapping[str, object]
    ) -> Job | None:
        table = self._table
        statement = table.update().where(table.c.id == job.id, table.c.state.in_(states)).values(values)
        row = (await connection.execute(statement.returning(*table.c))).mappings().one_or_none()
        return None if row is None else job_from_row(row)
