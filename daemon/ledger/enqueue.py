"""How a submission becomes a row of the ledger: one job of each content, and one of each idempotency key."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ingest.errors import ErrorRecord
from ingest.messages import either, say

from ..errors import KeyUsedError
from .event_log import given, parameters
from .jobs import Job, State, Submission
from .queries import ROW_COLUMNS, job_from_row
from .reasons import COMES_AFTER, LOAD_REQUESTED, SAME_CONTENT, SAME_FILE, reason_of
from .retry_cancel import NotPossibleError
from .tables import insert_into, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .context import LedgerContext

GIVEN: Final = tuple(one.name for one in fields(Submission) if one.name not in {"origin", "in_turn", "spool_id"})
STARTS: Final[dict[str, Any]] = {
    **dict.fromkeys(("attempt", "crashes", "lost_leases", "errors_total"), 0),
    "seconds": {},
    "table_refused": False,
    **{f"rows_{name}": 0 for name in ROW_COLUMNS},
}
"""What every job begins with."""
ENTERED: Final = (
    *GIVEN,
    *STARTS,
    "spool_id",
    "state",
    "first_job",
    "origin",
    "origin_stamp",
    "owed",
    "reason",
    "after_job",
)
"""What is known of a job when it is entered."""


class Enqueue:
    """Enters submissions for the ledger, each in one transaction."""

    def __init__(self, context: LedgerContext) -> None:
        self._context, self._database, self._tables = context, context.database, context.tables
        table = self._tables.job
        insert = insert_into(table, self._database.dialect)
        # Built once: a statement with all columns of a job takes longer to put together than to run.
        insert = insert.values(**parameters(table, ENTERED), run_at=context.now, created_at=context.now)
        returned = table.c.id, table.c.attempt, table.c.created_at
        insert = insert.on_conflict_do_nothing()
        self._enter_queued = context.noted(insert, *returned)
        self._enter_ended = context.noted(insert.values(finished_at=context.now), *returned)

    async def submit(
        self, submission: Submission, *, adopt: bool = False, sending: Callable[[], None] | None = None
    ) -> Job:
        """Enter a submission: `queued`, or `duplicate` naming a job of the same content.

        Of jobs of the same content only one waits or runs at a time. Another
        that is queued but whose file no living daemon has is adopted: it is pointed at this
        submission's file, which has the same bytes. With `adopt` a job queued in this very spool is taken too.

        Where the last content counts (`repeats`), another content that was entered between the two makes this no
        duplicate: it is loaded again, after that one. One that is only checked is no duplicate, and makes none.

        `sending` is called just before the COMMIT: an error after that may mean that it went through.

        Raises:
            KeyUsedError: the submitter has used the idempotency key before.

        """
        async with self._database.write("enter") as connection:
            if submission.check_only:
                job = _entered(await self._insert(connection, submission, state="queued"))
            else:
                job = await self._enter(connection, submission, adopt=adopt)
            if sending is not None:
                sending()
        return job

    async def load_kept(self, kept: Job, submission: Submission, *, states: Collection[State]) -> Job:
        """Enter the file of a job that has loaded nothing of it and is in one of the states; it keeps it no longer.

        Raises:
            NotPossibleError: the job is in another state, or its file is not kept any more.

        """
        refuse_unloadable(kept, states)
        table = self._tables.job
        held = sa.and_(table.c.id == kept.id, table.c.state == kept.state, table.c.spool_key.is_not(None))
        async with self._database.write("enter") as connection:
            let_go = await connection.execute(table.update().where(held).values(spool_key=None))
            served = await self._context.spool_is_served(connection, kept.spool_id)
            if let_go.rowcount != 1 or not served:
                raise _not_kept(kept)
            job = await self._enter(connection, submission, adopt=False)
            await self._change(connection, kept, loaded_as=job.id)
            by = LOAD_REQUESTED.format(job=job.id, name=submission.submitter)
            await self._context.event(connection, kept.id, "load_requested", kept.attempt, by)
            return job

    async def _enter(self, connection: AsyncConnection, submission: Submission, *, adopt: bool) -> Job:
        after: Job | None = None
        while True:
            queued = await self._insert(connection, submission, state="queued", after=after)
            if queued is not None:
                return queued if after else await self._unless_loaded_before(connection, queued, submission)
            await self._refuse_used_key(connection, submission)
            # Asked first: what ends between the two questions would else be missed as what comes last.
            last = await self._newest_unfinished(connection, submission) if submission.repeats == "last" else None
            after = last if last is not None and not _same(last, submission) else None
            first = await self._newest_unfinished(connection, submission, same=True, hold=True)
            if first is not None and after is None:
                break
        if first.state == "queued" and await self._orphaned(connection, first, adopt=adopt):
            return await self._repoint(connection, first, submission)
        reason = SAME_CONTENT.format(job=first.id)
        return _entered(
            await self._insert(connection, submission, state="duplicate", first_job=first.id, reason=reason)
        )

    async def _unless_loaded_before(self, connection: AsyncConnection, job: Job, submission: Submission) -> Job:
        """Return a job just entered; as a `duplicate` if its content was loaded before, or with its turn.

        Looked at after the insert, which waits for whoever ends or removes such a job in this moment.
        """
        before = await self._context.loaded_before(connection, job)
        if submission.in_turn or (before is not None and job.repeats == "last"):
            ahead = await self._newest_unfinished(connection, submission, before=job.id, hold=True)
            if ahead is not None and not _same(ahead, submission):
                return await self._change(connection, job, **_turn(ahead))
            if ahead is not None:
                before = ahead.id
            elif before is not None:
                # What ran at the first question and had ended at the second may have been another content's load.
                before = await self._context.loaded_before(connection, job)
        if before is None:
            return job
        reason = SAME_CONTENT.format(job=before)
        ended = {"state": "duplicate", "first_job": before, "reason": reason, "spool_id": None, "spool_key": None}
        job = await self._change(connection, job, **ended, finished_at=self._context.now)
        await self._context.event(connection, job.id, "duplicate", 0, reason)
        return job

    async def _change(self, connection: AsyncConnection, job: Job, **values: Any) -> Job:
        table = self._tables.job
        await connection.execute(table.update().where(table.c.id == job.id).values(values))
        return job.evolve(**{name: value for name, value in values.items() if name != "finished_at"})

    async def refuse(self, submission: Submission, record: dict[str, Any]) -> Job:
        """Enter a submission that no dataset takes, as `rejected` at once.

        Raises:
            KeyUsedError: the submitter has used the idempotency key before.

        """
        reason = reason_of(ErrorRecord.from_dict(record))
        async with self._database.write("enter") as connection:
            job = _entered(await self._insert(connection, submission, state="rejected", reason=reason))
            table = self._tables.job
            await connection.execute(table.update().where(table.c.id == job.id).values(errors_total=1))
            await connection.execute(self._tables.reject.insert().values(job_id=job.id, number=1, record=record))
            return job.evolve(errors_total=1, errors=(record,))

    async def _insert(
        self,
        connection: AsyncConnection,
        submission: Submission,
        *,
        state: State,
        after: Job | None = None,
        first_job: int | None = None,
        reason: str | None = None,
    ) -> Job | None:
        """Enter a job and return it; None if another has its idempotency key, or waits or runs with its content."""
        kept, origin = state == "queued", submission.origin
        columns: dict[str, Any] = {
            **{name: getattr(submission, name) for name in GIVEN},
            "spool_id": (submission.spool_id or self._context.spool_id) if kept else None,
            "spool_key": submission.spool_key if kept else None,
            "state": state,
            "first_job": first_job,
            "origin": origin and origin.path,
            "origin_stamp": origin and origin.stamp,
            "owed": True if origin is not None and origin.owed else None,
            "after_job": None,
            "reason": reason,
            **({} if after is None else _turn(after)),
        }
        change = self._enter_queued if kept else self._enter_ended
        row = await change.make(connection, given({**columns, **STARTS}), event=state, detail=reason)
        if row is None:
            return None
        finished_at = None if kept else row["created_at"]
        return Job(id=row["id"], created_at=row["created_at"], finished_at=finished_at, **columns)

    async def _refuse_used_key(self, connection: AsyncConnection, submission: Submission) -> None:
        if submission.idempotency_key is None:
            return
        table = self._tables.job
        same = sa.and_(table.c.submitter == submission.submitter, table.c.idempotency_key == submission.idempotency_key)
        if (await connection.execute(sa.select(table.c.id).where(same))).one_or_none() is not None:
            raise KeyUsedError

    async def _newest_unfinished(
        self,
        connection: AsyncConnection,
        submission: Submission,
        *,
        same: bool = False,
        before: int | None = None,
        hold: bool = False,
    ) -> Job | None:
        """Return the newest job of the dataset that waits or runs: of the `same` content, entered `before` that job.

        With `hold` it is superseded only after this transaction, which may name it as the first; see `supersede`.
        """
        table = self._tables.job
        asked = sa.select(table).where(
            table.c.dataset == submission.dataset, unfinished(table), sa.not_(table.c.check_only)
        )
        if same:
            asked = asked.where(table.c.sha256 == submission.sha256, table.c.spec_version == submission.spec_version)
        if before is not None:
            asked = asked.where(table.c.id < before)
        asked = asked.order_by(table.c.id.desc()).limit(1)
        if hold:
            asked = asked.with_for_update(read=True, key_share=True)
        found = (await connection.execute(asked)).mappings().one_or_none()
        return None if found is None else job_from_row(found)

    async def _orphaned(self, connection: AsyncConnection, job: Job, *, adopt: bool) -> bool:
        if job.spool_id == self._context.spool_id:
            return adopt
        return not await self._context.spool_is_served(connection, job.spool_id)

    async def _repoint(self, connection: AsyncConnection, job: Job, submission: Submission) -> Job:
        table, origin = self._tables.job, submission.origin
        values = {"spool_id": submission.spool_id or self._context.spool_id, "spool_key": submission.spool_key}
        detail = None
        if origin is not None and origin.path == job.origin:
            # Perhaps in a later state, which it is known by from now on.
            values["origin_stamp"], detail = origin.stamp, SAME_FILE
        change = table.update().where(table.c.id == job.id, table.c.state == "queued")
        result = await connection.execute(change.values(**values, run_at=self._context.now))
        if result.rowcount:
            await self._context.event(connection, job.id, "adopted", job.attempt, detail)
        return job.evolve(**values)


def _entered(job: Job | None) -> Job:
    """Return the job that was entered where only another one's idempotency key may be in the way.

    Whoever has looked for the key before may have been answered before another daemon took the same request.
    """
    if job is None:
        raise KeyUsedError
    return job


def _same(job: Job, submission: Submission) -> bool:
    return (job.sha256, job.spec_version) == (submission.sha256, submission.spec_version)


def _turn(ahead: Job) -> dict[str, Any]:
    return {"after_job": ahead.id, "reason": COMES_AFTER.format(job=ahead.id)}


def refuse_unloadable(kept: Job, states: Collection[State]) -> None:
    """Refuse to load the file of a job that is in none of the states, was loaded already, or has no file any more.

    Raises:
        NotPossibleError: one of these.

    """
    if kept.state not in states:
        told = say(
            "job {job} is {state}; only {states} jobs are loaded", job=kept.id, state=kept.state, states=either(states)
        )
        raise NotPossibleError(told)
    if kept.loaded_as is not None:
        raise NotPossibleError(
            say("job {job} was loaded as job {other} already; look at that one", job=kept.id, other=kept.loaded_as)
        )
    if kept.spool_key is None:
        raise _not_kept(kept)


def _not_kept(kept: Job) -> NotPossibleError:
    return NotPossibleError(say("the file of job {job} is not kept any more; hand it in again", job=kept.id))
