"""Messages of mailboxes in the ledger: which are taken and by whom, their jobs, and the replies that are owed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

import sqlalchemy as sa

from .jobs import TERMINAL
from .queries import job_from_row
from .tables import insert_into

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .context import LedgerContext
    from .jobs import Job

Claim = Literal["mine", "taken", "elsewhere"]
"""A message is ours to take, was taken before, or is being taken by another daemon that lives."""
ReplyOutcome = Literal["sent", "refused", "given_up", "none"]
FIELD_LENGTH: Final = 900
"""Characters of a header field that are kept, as many as a line of a message may have."""


@dataclass(frozen=True, slots=True)
class MailKey:
    """Which message of which folder of which account, as long as the server numbers them by this UIDVALIDITY."""

    account: str
    folder: str
    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a reply takes of the message that it answers; `refusals` are attachments that became no job, and why."""

    sender: str
    subject: str
    message_id: str | None = None
    references: str = ""
    language: str
    refusals: tuple[Mapping[str, Any], ...] = ()
    """Of each the `file` and the error `record` as a mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedReply:
    """A message whose jobs have all ended and that is to be answered. Times are seconds since the epoch."""

    id: int
    mailbox: str
    reply_id: str
    letter: Letter
    jobs: tuple[Job, ...] = field(default=())
    tries: int = 0
    waiting_seconds: float = 0.0
    """Since when it has been tried in vain."""


class MailLedger:
    """The messages of the ledger, each call one transaction."""

    def __init__(self, context: LedgerContext) -> None:
        self._context, self._database = context, context.database
        self._mail, self._mail_job, self._job = context.tables.mail, context.tables.mail_job, context.tables.job

    # -- taking --------------------------------------------------------------------------------------

    async def known(self, account: str, folder: str, uidvalidity: int, uids: Sequence[int]) -> dict[int, bool]:
        """Return which messages were taken for good, and of each whether anything of it became a job.

        Those that another daemon has taken are its own to move, as long as it lives: they are not named.
        """
        mail, link = self._mail.c, self._mail_job.c
        jobs = sa.exists().where(link.mail_id == mail.id)
        asked = sa.select(mail.uid, jobs).where(
            mail.account == account,
            mail.folder == folder,
            mail.uidvalidity == uidvalidity,
            mail.uid.in_(uids),
            mail.state != "taking",
            self._is_free(mail.taker),
        )
        async with self._database.read() as connection:
            return {uid: bool(some) for uid, some in (await connection.execute(asked)).all()}

    async def claim(self, key: MailKey, *, mailbox: str, message_id: str | None) -> Claim:
        """Say whose a message is; ours, too, if the daemon that had begun with it is dead.

        "taken" says that it is to be moved only.

        One that was taken under another UIDVALIDITY is known again by its Message-ID: the server has numbered anew.
        """
        mail = self._mail
        same = sa.and_(*(mail.c[name] == value for name, value in asdict(key).items()))
        renumbered = sa.select(mail.c.id).where(
            mail.c.account == key.account,
            mail.c.message_id == message_id,
            mail.c.folder == key.folder,
            mail.c.uidvalidity != key.uidvalidity,
            mail.c.state != "taking",
        )
        enter = insert_into(mail, self._database.dialect).values(
            **asdict(key),
            message_id=message_id,
            reply_id=uuid4().hex,
            state="taking",
            taker=self._context.daemon_id,
            mailbox=mailbox,
            letter={},
            created_at=self._context.now,
        )
        async with self._database.write() as connection:
            if message_id is not None and (await connection.execute(renumbered.limit(1))).one_or_none() is not None:
                return "taken"
            await connection.execute(enter.on_conflict_do_nothing())
            ours = mail.update().where(same, self._is_free(mail.c.taker)).values(taker=self._context.daemon_id)
            state = (await connection.execute(ours.returning(mail.c.state))).scalar_one_or_none()
        return "elsewhere" if state is None else "mine" if state == "taking" else "taken"

    async def taken(self, key: MailKey, letter: Letter, *, jobs: Sequence[int], answer: bool) -> None:
        """Note what became of a message that is ours; with `answer` its reply is owed from now on, by this spool."""
        mail = self._mail
        same = sa.and_(*(mail.c[name] == value for name, value in asdict(key).items()))
        values: dict[str, Any] = {
            "state": "owed" if answer else "done",
            "outcome": None if answer else "none",
            "spool_id": self._context.spool_id,
            "letter": asdict(letter),
            "reply_at": self._context.now,
        }
        async with self._database.write() as connection:
            mail_id = (await connection.execute(mail.update().where(same).values(values).returning(mail.c.id))).scalar()
            links = [{"mail_id": mail_id, "job_id": job_id} for job_id in dict.fromkeys(jobs)]
            if links and mail_id is not None:
                enter = insert_into(self._mail_job, self._database.dialect).on_conflict_do_nothing()
                await connection.execute(enter, links)

    async def answered_jobs(self, reply_ids: Sequence[str], *, account: str) -> list[Job]:
        """Return the jobs with rejected rows that replies of ours told of, to somebody who answers these.

        Those whose content had come before are among them: they tell of the rows of their first job.
        """
        mail, link, job = self._mail.c, self._mail_job.c, self._job
        asked = (
            sa.select(job)
            .join(self._mail_job, link.job_id == job.c.id)
            .join(self._mail, link.mail_id == mail.id)
            .where(mail.reply_id.in_(reply_ids), mail.account == account)
            .where(job.c.state.in_(("partial", "rejected", "duplicate")))
            .order_by(job.c.id.desc())
        )
        async with self._database.read() as connection:
            return [job_from_row(row) for row in (await connection.execute(asked)).mappings()]

    # -- replies -------------------------------------------------------------------------------------

    async def due(self, *, limit: int) -> list[int]:
        """Return messages that are to be answered now: all their jobs have ended, and this spool has their files.

        A duplicate's turn comes when the job has ended that it is one of.
        """
        mail, link, job = self._mail.c, self._mail_job.c, self._job
        first = job.alias("first")
        unfinished = (
            sa.exists()
            .where(link.mail_id == mail.id, link.job_id == job.c.id)
            .where(
                sa.or_(
                    job.c.state.not_in(TERMINAL),
                    sa.exists().where(first.c.id == job.c.first_job, first.c.state.not_in(TERMINAL)),
                )
            )
        )
        asked = (
            sa.select(mail.id)
            .where(
                mail.state == sa.literal_column("'owed'"),
                mail.spool_id == self._context.spool_id,
                mail.reply_at <= self._context.now,
                ~unfinished,
            )
            .order_by(mail.reply_at, mail.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return list((await connection.execute(asked)).scalars())

    async def begin_reply(self, mail_id: int) -> OwedReply | None:
        """Take a reply upon us, and return what it is about; None if it is not owed any more or another is at it."""
        mail, now = self._mail, self._context.now
        ours = (
            mail.update()
            .where(mail.c.id == mail_id, mail.c.state == "owed", self._is_free(mail.c.replier))
            .values(
                replier=self._context.daemon_id,
                tries=mail.c.tries + 1,
                first_try_at=sa.func.coalesce(mail.c.first_try_at, now),
            )
            .returning(*mail.c, (now - mail.c.first_try_at).label("waiting"))
        )
        link = self._mail_job.c
        jobs = sa.select(self._job).join(self._mail_job, link.job_id == self._job.c.id).where(link.mail_id == mail_id)
        async with self._database.write() as connection:
            row = (await connection.execute(ours)).mappings().one_or_none()
            if row is None:
                return None
            found = (await connection.execute(jobs.order_by(self._job.c.id))).mappings().all()
        letter = row["letter"]
        return OwedReply(
            id=row["id"],
            mailbox=row["mailbox"],
            reply_id=row["reply_id"],
            letter=Letter(**{**letter, "refusals": tuple(letter["refusals"])}),
            jobs=tuple(job_from_row(one) for one in found),
            tries=row["tries"],
            waiting_seconds=row["waiting"] or 0.0,
        )

    async def end_reply(self, mail_id: int, outcome: ReplyOutcome) -> None:
        """Note that nothing is owed any more, and why."""
        await self._let_go(mail_id, state="done", outcome=outcome)

    async def put_off_reply(self, mail_id: int, *, delay_seconds: float) -> None:
        """Let a reply be tried again later."""
        await self._let_go(mail_id, reply_at=self._context.now + delay_seconds)

    async def _let_go(self, mail_id: int, **values: Any) -> None:
        held = sa.and_(self._mail.c.id == mail_id, self._mail.c.replier == self._context.daemon_id)
        async with self._database.write() as connection:
            await connection.execute(self._mail.update().where(held).values(replier=None, **values))

    def _is_free(self, holder: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Return the condition that no daemon but this one holds something, or that it is dead."""
        daemon = self._context.tables.daemon.c
        alive = daemon.beat_at >= self._context.now - self._context.lease_seconds
        other = sa.exists().where(daemon.id == holder, daemon.id != self._context.daemon_id, alive)
        return ~other
