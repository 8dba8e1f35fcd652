"""Replies to mails: owns when one is sent, what hangs on it, and that each is sent until the server has taken it."""

from __future__ import annotations

import logging
from dataclasses import replace
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from typing import TYPE_CHECKING, Final

from ingest.errors import FileRejectedError

from ...errors import ExecutorError, SpoolAwayError
from ...lifecycle.components import UntilClosed
from ...lifecycle.seldom import Seldom
from ...pipeline.rejects import NoRejectsError, RejectsLaterError
from .attachment_taker import LANE, rejects_names
from .reply_text import RECORDS_TOLD, ToldJob, reply_text
from .smtp_session import ReplyLaterError, ReplyRefusedError, send

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ...config.mail_settings import MailboxSettings, ReplySettings
    from ...ledger.jobs import Job
    from ...ledger.mail import MailLedger, OwedReply, ReplyOutcome
    from ...pipeline.parts import PipelineParts
    from ...pipeline.rejects import Rejects
    from ...pipeline.retry_policy import RetryPolicy
    from .reply_text import Attached

logger = logging.getLogger(__name__)

BATCH: Final = 20
TRIES_COUNTED: Final = 20
"""From so many tries on the pause between two grows no more."""
XLSX: Final = "vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Replies(UntilClosed):
    """Answers the messages of all mailboxes whose jobs have ended, one after the other.

    A reply is noted as sent after the server has taken it: a kill between the two sends it twice, never not at all.
    Both have the same Message-ID.
    """

    def __init__(
        self,
        mailboxes: tuple[MailboxSettings, ...],
        parts: PipelineParts,
        rejects: Rejects,
        mails: MailLedger,
        *,
        retry: RetryPolicy,
        poll_seconds: float,
    ) -> None:
        super().__init__()
        self._mailboxes: Mapping[str, MailboxSettings] = {mailbox.name: mailbox for mailbox in mailboxes}
        self._rejects, self._mails, self._retry = rejects, mails, retry
        self._queries, self._executors, self._database = parts.queries, parts.executors, parts.database
        self._poll_seconds, self._metrics = poll_seconds, parts.metrics.mails
        self._seldom = Seldom()

    async def run(self) -> None:
        """Answer until closed; a database that does not answer is waited for."""
        while not self._closing.is_set():
            with self._database.supervisor.waiting("replies"):
                await self._look()
            await self.pause(self._poll_seconds)

    async def _look(self) -> None:
        for mail_id in await self._mails.due(limit=BATCH):
            if self._closing.is_set():
                return
            reply = await self._mails.begin_reply(mail_id)
            if reply is not None:
                await self._answer(reply)

    async def _answer(self, reply: OwedReply) -> None:
        mailbox = self._mailboxes.get(reply.mailbox)
        if mailbox is None or mailbox.reply is None:
            await self._end(reply, "none", "no replies are configured")
            return
        try:
            message = await self._composed(reply, mailbox.reply)
            await self._executors.run_io(
                send, mailbox.reply, message, timeout_seconds=mailbox.timeout_seconds, lane=LANE
            )
        except (ReplyRefusedError, ValueError, MessageError) as error:
            await self._end(reply, "refused", str(error))
        except (ReplyLaterError, RejectsLaterError, SpoolAwayError, ExecutorError, OSError) as error:
            if reply.waiting_seconds > mailbox.reply.give_up_seconds:
                await self._end(reply, "given_up", str(error))
            else:
                await self._put_off(reply, error)
        else:
            await self._end(reply, "sent", None)

    async def _put_off(self, reply: OwedReply, error: Exception) -> None:
        if (passed_over := self._seldom.passed_over(reply.mailbox)) is not None:
            extra = {"mailbox": reply.mailbox, "mail": reply.id, "tries": reply.tries, "reason": str(error)}
            logger.warning("reply not sent", extra={**extra, "passed_over": passed_over})
        self._metrics.reply(reply.mailbox, "put_off")
        delay = self._retry.delay_seconds(min(reply.tries, TRIES_COUNTED))
        await self._mails.put_off_reply(reply.id, delay_seconds=delay)

    async def _end(self, reply: OwedReply, outcome: ReplyOutcome, reason: str | None) -> None:
        await self._mails.end_reply(reply.id, outcome)
        self._metrics.reply(reply.mailbox, outcome)
        level = logging.INFO if outcome == "sent" else logging.WARNING
        extra = {"mailbox": reply.mailbox, "mail": reply.id, "sender": reply.letter.sender, "outcome": outcome}
        logger.log(level, "reply over", extra={**extra, "reason": reason})

    # -- what it says --------------------------------------------------------------------------------

    async def _composed(self, reply: OwedReply, settings: ReplySettings) -> EmailMessage:
        """Return the whole message.

        Raises:
            RejectsLaterError: no worker can be had for the workbook now.
            ValueError, MessageError: the sender's address cannot stand in a header.

        """
        message = _envelope(reply, settings)
        told: list[ToldJob] = []
        room = settings.attach_mb << 20
        names = rejects_names(reply.jobs)
        workbooks: list[tuple[str, bytes]] = []
        for job in reply.jobs:
            one = await self._told(job)
            workbook = await self._workbook(one.decisive, room)
            attached: Attached = "no" if workbook is None else "too_large"
            if workbook:
                attached = "yes"
                room -= len(workbook)
                workbooks.append((names[job.id], workbook))
            told.append(replace(one, attached=attached))
        message.set_content(reply_text(reply.letter, tuple(told)))
        for name, content in workbooks:
            message.add_attachment(content, maintype="application", subtype=XLSX, filename=name)
        # Last: it would go with the text into a part of its own.
        message["Content-Language"] = reply.letter.language
        return message

    async def _told(self, job: Job) -> ToldJob:
        decisive = job
        if job.state == "duplicate" and job.first_job is not None:
            # The first job of a duplicate is only ever pruned after it was loaded.
            decisive = await self._queries.job(job.first_job) or job
        records = await self._queries.records(decisive.id, limit=RECORDS_TOLD)
        return ToldJob(job=job, decisive=decisive, records=tuple(record for _, record in records))

    async def _workbook(self, job: Job, room: int) -> bytes | None:
        """Return the workbook with a job's rejected rows, nothing of one that has no room; None if there is none."""
        try:
            async with self._rejects.written(job, "xlsx") as path:
                return bytes(await self._executors.run_io(_content, path, room))
        except (NoRejectsError, FileRejectedError):
            return None


def _content(path: Path, room: int) -> bytes:
    return path.read_bytes() if path.stat().st_size <= room else b""


def _envelope(reply: OwedReply, settings: ReplySettings) -> EmailMessage:
    """Return the message without what it says: whoever gets it sees what it answers, and that a program wrote it."""
    letter = reply.letter
    local, _, domain = letter.sender.rpartition("@")
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.address
    message["To"] = Address(username=local, domain=domain)
    message["Subject"] = letter.subject if letter.subject.casefold().startswith("re:") else f"Re: {letter.subject}"
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = f"<{reply.reply_id}@{settings.address.rpartition('@')[2]}>"
    if letter.message_id is not None:
        message["In-Reply-To"] = letter.message_id
        message["References"] = " ".join(dict.fromkeys((*letter.references.split(), letter.message_id)))
    message["Auto-Submitted"] = "auto-replied"
    message["X-Auto-Response-Suppress"] = "All"
    return message
