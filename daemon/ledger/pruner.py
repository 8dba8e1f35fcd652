"""The ledger lets go: of files that are kept no longer, and of jobs. Owns what is still referenced; removes no file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from .jobs import GIVEN_UP

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from .context import LedgerContext

BATCH: Final = 1000
"""Jobs that one transaction lets go of: the others wait no longer than for that."""
OWED_SECONDS: Final = 2_592_000.0
"""A reply to a mail that is owed for longer, 30 days, is nobody's any more: its mailbox was taken away."""


class Pruner:
    """Each method is one transaction and returns what it let go of."""

    def __init__(self, context: LedgerContext) -> None:
        self._context, self._database = context, context.database
        self._job = context.tables.job

    async def now(self) -> float:
        """Return the time by the clock that says what is due, in seconds since the epoch."""
        async with self._database.read() as connection:
            return float((await connection.execute(sa.select(self._context.now))).scalar_one())

    async def last_at_work(self) -> float | None:
        """Return when the youngest job was entered, in seconds since the epoch; None if there is none."""
        job = self._job.c
        youngest = sa.select(job.created_at).order_by(job.id.desc()).limit(1)
        async with self._database.read() as connection:
            at = (await connection.execute(youngest)).scalar_one_or_none()
            return None if at is None else float(at)

    def _kept(self) -> sa.ColumnElement[bool]:
        """Return the condition for jobs that have ended and whose file lies in this daemon's spool."""
        job = self._job.c
        return sa.and_(
            job.spool_id == self._context.spool_id,
            job.spool_key.is_not(None),
            job.finished_at.is_not(None),
            ~self._reply_is_owed(),
        )

    def _reply_is_owed(self) -> sa.ColumnElement[bool]:
        """Return the condition for jobs that a mail is still to tell of, for as long as anybody may be about to."""
        mail, link = self._context.tables.mail.c, self._context.tables.mail_job.c
        return sa.exists().where(
            link.job_id == self._job.c.id,
            link.mail_id == mail.id,
            mail.state != "done",
            mail.created_at > self._context.now - OWED_SECONDS,
        )

    async def forget_old_files(self, *, rejects_seconds: float, files_seconds: float) -> tuple[str, ...]:
        """Let go of files of jobs that ended so long ago, with rejects, given up or only checked; return their keys."""
        job, now = self._job.c, self._context.now
        with_rejects = job.state.in_(("partial", "rejected")) & (job.finished_at < now - rejects_seconds)
        given_up = job.state.in_((*GIVEN_UP, "checked")) & (job.finished_at < now - files_seconds)
        return await self._forget(sa.select(job.id, job.spool_key).where(self._kept(), with_rejects | given_up))

    async def forget_files_beyond(self, max_bytes: int) -> tuple[str, ...]:
        """Let go of the files that ended first, until the workbooks kept have at most so many bytes together."""
        job, now = self._job.c, self._context.now
        # What ended under a clock that was ahead is not younger for that than what ends now.
        ended_at = sa.case((job.finished_at > now, job.created_at), else_=job.finished_at)
        newer = sa.func.sum(job.size_bytes).over(
            order_by=(sa.case((ended_at > now, 0.0), else_=ended_at).desc(), job.id.desc())
        )
        sums = sa.select(job.id, job.spool_key, newer.label("bytes")).where(self._kept()).subquery()
        return await self._forget(sa.select(sums.c.id, sums.c.spool_key).where(sums.c.bytes > max_bytes))

    async def _forget(self, which: sa.Select[tuple[int, str]]) -> tuple[str, ...]:
        job = self._job.c
        keys: list[str] = []
        async with self._database.write() as connection:
            rows = (await connection.execute(which)).all()
            for start in range(0, len(rows), BATCH):
                ids = [row.id for row in rows[start : start + BATCH]]
                # A job that was put back in the queue since it was looked at needs its file. Of one that somebody
                # holds now the file may be about to become another job's: its turn comes later.
                still = sa.select(job.id, job.spool_key).where(job.id.in_(ids), self._kept())
                held = (await connection.execute(still.with_for_update(skip_locked=True, key_share=True))).all()
                mine = job.id.in_([row.id for row in held])
                await connection.execute(self._job.update().where(mine).values(spool_key=None))
                keys += await self._of_nobody(connection, [row.spool_key for row in held])
        return tuple(keys)

    async def _of_nobody(self, connection: AsyncConnection, keys: list[str]) -> list[str]:
        """Return those of the keys that no job has any more."""
        job = self._job.c
        others = sa.select(job.spool_key).where(job.spool_id == self._context.spool_id, job.spool_key.in_(keys))
        needed = set((await connection.execute(others)).scalars()) if keys else set()
        return [key for key in keys if key not in needed]

    async def forget_jobs(self, older_than_seconds: float) -> int:
        """Remove up to `BATCH` jobs that ended so long ago, with their events and error records; return how many.

        A job stays while its file is kept, while its end is owed to somebody, and while another names it as the first
        of its content or as the one whose rows it corrects. That a content was loaded is remembered: handed in again
        it is a duplicate still. So is the file of a watched folder that it was.
        """
        job = self._job.c
        other = self._job.alias("other")
        named = sa.exists().where(sa.or_(other.c.first_job == job.id, other.c.fixes_job == job.id))
        old = (
            sa.select(job.id)
            .where(
                job.finished_at < self._context.now - older_than_seconds,
                job.spool_key.is_(None),
                job.owed.is_not(True),
                ~self._reply_is_owed(),
                ~named,
            )
            .order_by(job.finished_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        async with self._database.write() as connection:
            ids = list((await connection.execute(old)).scalars())
            if ids:
                await self._remember(connection, ids)
                await connection.execute(self._job.delete().where(job.id.in_(ids)))
        return len(ids)

    async def forget_mails(self, older_than_seconds: float) -> int:
        """Remove messages that came so long ago; return how many."""
        mail = self._context.tables.mail
        async with self._database.write() as connection:
            old = mail.c.created_at < self._context.now - max(older_than_seconds, OWED_SECONDS)
            return int((await connection.execute(mail.delete().where(old))).rowcount)

    async def _remember(self, connection: AsyncConnection, ids: list[int]) -> None:
        job, memory = self._job.c, self._context.tables.loaded_content
        loaded = sa.select(job.dataset, job.sha256, job.spec_version, job.id.label("job_id"), job.finish_order).where(
            job.id.in_(ids), job.state.in_(("loaded", "partial"))
        )
        rows = (await connection.execute(loaded)).mappings()
        await self._context.remember(connection, memory, [dict(row) for row in rows])
        files = self._context.tables.taken_file
        taken = sa.select(job.origin, job.origin_stamp, job.sha256, job.id.label("job_id")).where(
            job.id.in_(ids), job.origin.is_not(None)
        )
        found = (await connection.execute(taken)).mappings()
        await self._context.remember(connection, files, [dict(row) for row in found])
