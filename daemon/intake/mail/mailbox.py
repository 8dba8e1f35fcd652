"""One mailbox: owns when it is looked through, which messages are taken, and where they go afterwards."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from ingest.languages import ENGLISH

from ...errors import ExecutorError, SpoolFullError, SpoolUnwritableError
from ...ledger.mail import FIELD_LENGTH, Letter, MailKey
from ...lifecycle.components import UntilClosed
from .attachment_taker import LANE, Incoming
from .head import UnreadableHeaderError, read_head
from .imap_session import ImapSession, MailboxError, MessageGoneError
from .mailbox_state import MailboxState
from .senders import is_allowed, is_authentic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...config.mail_settings import MailboxSettings
    from ...ledger.jobs import Job
    from ...ledger.mail import MailLedger
    from ...pipeline.parts import PipelineParts
    from .attachment_taker import AttachmentTaker, Refusal
    from .head import Head

logger = logging.getLogger(__name__)

BATCH: Final = 200
"""Messages that the ledger is asked about at a time."""


class Mailbox(UntilClosed):
    """Looks through the folders of a mailbox now and then, and takes each message once.

    One that cannot be reached is no reason not to start.
    """

    def __init__(
        self,
        settings: MailboxSettings,
        parts: PipelineParts,
        mails: MailLedger,
        taker: AttachmentTaker,
    ) -> None:
        super().__init__()
        self._settings, self._mails = settings, mails
        self._taker = taker
        self._executors, self._database, self._datasets = parts.executors, parts.database, parts.datasets
        self._account = f"{settings.user}@{settings.host}"
        self._own = {address.casefold() for address in _own_addresses(settings)}
        self._state = MailboxState(settings.name, parts.metrics.mails)
        self._failures: Counter[tuple[int, int]] = Counter()
        """How often each message, by UIDVALIDITY and UID, could not be taken: such ones come last."""

    async def run(self) -> None:
        """Look through it until closed; a database that does not answer is waited for."""
        while not self._closing.is_set():
            with self._database.supervisor.waiting(f"mailbox {self._settings.name}"):
                await self._look()
            await self.pause(self._settings.poll_seconds)

    async def _look(self) -> None:
        try:
            session: ImapSession = await self._executors.run_io(ImapSession.open, self._settings, lane=LANE)
            try:
                for folder in self._settings.folders:
                    await self._look_through(session, folder)
            finally:
                # A thread may still wait for an answer on it.
                session.drop()
        except MailboxError as error:
            self._state.failed(error)
        except ExecutorError as error:
            self._state.failed(MailboxError(f"not done in time: {error}", "connection"))
        except (SpoolFullError, SpoolUnwritableError) as error:
            logger.warning("intake stopped", extra={"mailbox": self._settings.name, "reason": str(error)})
        else:
            self._state.looked()

    async def _look_through(self, session: ImapSession, folder: str) -> None:
        uidvalidity: int = await self._executors.run_io(session.select, folder, lane=LANE)
        uids: list[int] = await self._executors.run_io(session.uids, lane=LANE)
        there = {(uidvalidity, uid) for uid in uids}
        for gone in [key for key in self._failures if key[0] == uidvalidity and key not in there]:
            del self._failures[gone]
        uids.sort(key=lambda uid: self._failures[uidvalidity, uid])
        for start in range(0, len(uids), BATCH):
            batch = uids[start : start + BATCH]
            known = await self._mails.known(self._account, folder, uidvalidity, batch)
            for some, place in ((True, self._settings.move_to), (False, self._settings.rejected_to)):
                if left := [uid for uid in batch if known.get(uid) is some]:
                    await self._put_away(session, left, place)
            for uid in batch:
                if self._closing.is_set():
                    return
                if uid not in known:
                    await self._try(session, MailKey(self._account, folder, uidvalidity, uid))

    async def _try(self, session: ImapSession, key: MailKey) -> None:
        """Take one message; what is wrong with it alone keeps no other one waiting."""
        try:
            await self._take(session, key)
        except MessageGoneError:
            return
        except MailboxError as error:
            self._failures[key.uidvalidity, key.uid] += 1
            if error.kind == "connection":
                raise
            self._state.message_failed(key.uid, error)

    async def _put_away(self, session: ImapSession, uids: Sequence[int], place: str) -> None:
        """Move messages that an earlier look has taken and could not move; others need not wait for them."""
        try:
            await self._move(session, uids, place)
        except MailboxError as error:
            if error.kind == "connection":
                raise
            self._state.message_failed(uids[0], error)

    async def _take(self, session: ImapSession, key: MailKey) -> None:
        raw: bytes = await self._executors.run_io(session.head, key.uid, lane=LANE)
        try:
            # Not on the loop: a long header takes a second.
            head = await self._executors.run_io(read_head, raw, lane=LANE)
        except UnreadableHeaderError as error:
            self._state.refused("", str(error))
            await self._move(session, [key.uid], self._settings.rejected_to)
            return
        if (reason := self._why_not(head)) is not None:
            self._state.refused(head.sender, reason)
            await self._move(session, [key.uid], self._settings.rejected_to)
            return
        claim = await self._mails.claim(key, mailbox=self._settings.name, message_id=head.message_id)
        if claim == "elsewhere":
            return
        if claim == "taken":
            await self._move(session, [key.uid], self._settings.move_to)
            return
        submitter = f"{self._settings.name}/{head.sender}"
        incoming = Incoming(key=key, head=head, raw_head=raw, submitter=submitter)
        jobs, refusals = await self._taker.take(session, incoming)
        answer = self._settings.reply is not None and not head.automatic
        letter = self._letter(incoming, jobs, refusals)
        await self._mails.taken(key, letter, jobs=[job.id for job in jobs], answer=answer)
        self._state.taken(head.sender, jobs=len(jobs), refused=len(refusals))
        await self._move(session, [key.uid], self._settings.move_to if jobs else self._settings.rejected_to)

    async def _move(self, session: ImapSession, uids: Sequence[int], place: str) -> None:
        await self._executors.run_io(session.move, uids, place, lane=LANE)

    def _why_not(self, head: Head) -> str | None:
        """Return why nothing is taken from this sender, whom nobody answers then, None if all is well."""
        if not head.sender:
            return "there is not exactly one sender"
        if head.sender in self._own:
            return "the sender is this mailbox itself"
        if not is_allowed(head.sender, self._settings.senders):
            return "the sender is not in the allow-list"
        server = self._settings.require_authentication
        if server is not None and not is_authentic(head, server):
            return f"{server} does not say that the sender is authentic"
        return None

    def _letter(self, incoming: Incoming, jobs: Sequence[Job], refusals: Sequence[Refusal]) -> Letter:
        head = incoming.head
        name = jobs[0].dataset if jobs else self._taker.dataset_name(incoming)
        dataset = self._datasets.get(name or "")
        return Letter(
            sender=head.sender,
            subject=head.subject[:FIELD_LENGTH],
            message_id=head.message_id,
            references=" ".join(head.references)[-FIELD_LENGTH:],
            language=(dataset and dataset.language) or ENGLISH,
            refusals=tuple(refusal.as_dict() for refusal in refusals),
        )


def _own_addresses(settings: MailboxSettings) -> tuple[str, ...]:
    """Return the addresses that are the mailbox's own, as far as they are known: what comes from there is a circle."""
    user = (settings.user,) if "@" in settings.user else ()
    return user if settings.reply is None else (*user, settings.reply.address)
