"""The attachments of one message to jobs: owns which dataset each belongs to, and that none is taken twice."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import ErrorRecord, FileRejectedError
from ingest.messages import say

from ...errors import FileTooLargeError, KeyUsedError
from ..archives import Archives, Within
from .attachments import (
    PARTS_MAX,
    DamagedAttachmentError,
    OddStructureError,
    TransferDecoder,
    attachment_of,
    is_sealed,
    leaves,
)
from .imap_session import MailboxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.spec.archive import ArchiveMember
    from ingest.spec.dataset import Dataset

    from ...config.mail_settings import MailboxSettings
    from ...ledger.jobs import Job
    from ...ledger.mail import MailKey, MailLedger
    from ...pipeline.parts import PipelineParts
    from ...spool.upload import Received, Upload
    from ..archives import ArchiveSettings
    from ..submissions import Submissions
    from .attachments import Attachment, Leaf
    from .head import Head
    from .imap_session import ImapSession

SOURCE: Final = "mail"
LANE: Final = "mail"
BLOCK_BYTES: Final = 1 << 18
"""So much of an attachment is in memory at once."""
_COPIES: Final = re.compile(r"( ?(\(\d{1,3}\)|\[\d{1,3}\]))+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message that is ours to take, its header as it came, and whom its jobs are by."""

    key: MailKey
    head: Head
    raw_head: bytes
    submitter: str

    def idempotency_key(self, leaf: Leaf) -> str:
        """Return what one part of this message is called, whoever takes it and however often."""
        key = self.key
        return f"{key.account}/{key.folder}/{key.uidvalidity}/{key.uid}/{leaf.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An attachment that became no job; `file` is empty where the message has none at all."""

    file: str
    record: ErrorRecord

    def as_dict(self) -> dict[str, Any]:
        """Return it as the ledger keeps it."""
        return {"file": self.file, "record": self.record.as_dict()}


class AttachmentTaker:
    """Receives the attachments of messages and enters them, each once."""

    def __init__(
        self,
        settings: MailboxSettings,
        parts: PipelineParts,
        submissions: Submissions,
        mails: MailLedger,
        archives: ArchiveSettings,
    ) -> None:
        self._settings, self._submissions, self._mails = settings, submissions, mails
        self._spool, self._executors, self._queries = parts.spool, parts.executors, parts.queries
        self._datasets = parts.datasets
        self._max_bytes = min(settings.max_attachment_mb << 20, archives.max_file_bytes)
        self._archives = Archives(parts, archives)

    async def take(self, session: ImapSession, incoming: Incoming) -> tuple[list[Job], list[Refusal]]:
        """Enter the attachments of a message; what was entered in an earlier try is found again, and not fetched.

        Raises:
            MailboxError: they cannot be had now.
            SpoolFullError: there is no room.

        """
        jobs: list[Job] = []
        attachments, refusals = await self._attachments(session, incoming)
        corrected = await self._corrected(incoming) if attachments else {}
        for attachment in attachments:
            job = await self._queries.by_key(incoming.submitter, incoming.idempotency_key(attachment.leaf))
            if job is not None:
                jobs.append(job)
                continue
            try:
                jobs += await self._take(session, incoming, attachment, corrected.get(_stem(attachment.file)))
            except FileRejectedError as error:
                refusals.append(Refusal(file=attachment.file, record=error.record))
        return jobs, refusals

    def dataset_name(self, incoming: Incoming) -> str | None:
        """Return the dataset that the mailbox's rules give a message, None if the file's name is to decide."""
        for rule in self._settings.rules:
            of_folder = rule.folder in (None, incoming.key.folder)
            subject, pattern = incoming.head.subject.casefold(), (rule.subject or "*").casefold()
            if of_folder and fnmatchcase(subject, pattern):
                return rule.dataset
        return self._settings.dataset

    async def _attachments(
        self, session: ImapSession, incoming: Incoming
    ) -> tuple[Sequence[Attachment], list[Refusal]]:
        """Return the attachments of a message, and what is to be told of those that nobody looks at."""
        uid, run_io = incoming.key.uid, self._executors.run_io
        structure = await run_io(session.structure, uid, lane=LANE)
        found = []
        try:
            parts, sealed = leaves(structure), is_sealed(structure)
        except OddStructureError as error:
            raise MailboxError(str(error)) from error
        for leaf in parts[:PARTS_MAX]:
            header = incoming.raw_head
            if structure.is_multipart:
                header = await run_io(session.part_header, uid, leaf.number, lane=LANE)
            attachment = await run_io(attachment_of, leaf, header, lane=LANE)
            if attachment is not None:
                found.append(attachment)
        records = [_TOO_MANY] if len(parts) > PARTS_MAX else []
        if not found:
            records.append(_SEALED if sealed else _NOTHING_ATTACHED)
        return found, [Refusal(file="", record=record) for record in records]

    async def _corrected(self, incoming: Incoming) -> Mapping[str, Job]:
        """Return the jobs whose rejected rows a person may send back with this message, by their files' stems."""
        ids = [reference.strip("<>").partition("@")[0] for reference in incoming.head.references]
        jobs = await self._mails.answered_jobs(ids, account=incoming.key.account) if ids else []
        found: dict[str, Job] = {}
        for job in reversed(jobs):
            first = job.first_job if job.state == "duplicate" else None
            decisive = job if first is None else await self._queries.job(first)
            if decisive is not None and decisive.state in {"partial", "rejected"}:
                found |= dict.fromkeys(
                    (_stem(rejects_name(job)), _stem(rejects_name(job, unlike_others=True))), decisive
                )
        return found

    async def _take(
        self, session: ImapSession, incoming: Incoming, attachment: Attachment, fixes: Job | None
    ) -> list[Job]:
        """Enter one attachment, or each file of one that is a zip of workbooks."""
        if attachment.is_archive:
            raise FileRejectedError(_ARCHIVE)
        if attachment.is_packed_message:
            raise FileRejectedError(_PACKED)
        if attachment.leaf.least_bytes > self._max_bytes:
            raise FileRejectedError(self._too_large())
        try:
            received = await self._receive(session, incoming, attachment.leaf)
        except FileTooLargeError:
            raise FileRejectedError(self._too_large()) from None
        except DamagedAttachmentError:
            raise FileRejectedError(_DAMAGED) from None
        members = await self._opened(received, attachment)
        if members is not None:
            return await self._enter_each(received, members, incoming, attachment)
        dataset: Dataset | ErrorRecord = self._chosen(incoming, attachment.file, fixes)
        return [await self._enter(received, incoming, attachment, dataset, fixes)]

    async def _opened(self, received: Received, attachment: Attachment) -> Sequence[ArchiveMember] | None:
        try:
            return await self._archives.opened(received, attachment.file)
        except BaseException:
            await self._submissions.drop(received)
            raise

    async def _enter_each(
        self, received: Received, members: Sequence[ArchiveMember], incoming: Incoming, attachment: Attachment
    ) -> list[Job]:
        name = self.dataset_name(incoming)
        return await self._archives.enter_each(
            received,
            members,
            submissions=self._submissions,
            choose=lambda file: self._submissions.choose(name, file, f"{incoming.key.folder}/{file}"),
            within=Within(
                file=attachment.file,
                source=SOURCE,
                submitter=incoming.submitter,
                key=incoming.idempotency_key(attachment.leaf),
            ),
        )

    def _chosen(self, incoming: Incoming, file: str, fixes: Job | None) -> Dataset | ErrorRecord:
        name = fixes.dataset if fixes is not None else self.dataset_name(incoming)
        try:
            return self._submissions.choose(name, file, f"{incoming.key.folder}/{file}")
        except FileRejectedError as error:
            return error.record

    async def _enter(
        self,
        received: Received,
        incoming: Incoming,
        attachment: Attachment,
        dataset: Dataset | ErrorRecord,
        fixes: Job | None,
    ) -> Job:
        submitter, key = incoming.submitter, incoming.idempotency_key(attachment.leaf)
        file = attachment.file
        try:
            if isinstance(dataset, ErrorRecord):
                return await self._submissions.refuse(
                    received, record=dataset, file=file, source=SOURCE, submitter=submitter, idempotency_key=key
                )
            return await self._submissions.enter(
                received,
                dataset=dataset,
                file=file,
                source=SOURCE,
                fixes=fixes,
                submitter=submitter,
                idempotency_key=key,
            )
        except KeyUsedError:
            # A COMMIT whose answer was lost: the job is there.
            job = await self._queries.by_key(submitter, key)
            if job is None:
                raise
            return job

    # -- bytes ---------------------------------------------------------------------------------------

    async def _receive(self, session: ImapSession, incoming: Incoming, leaf: Leaf) -> Received:
        """Copy an attachment into the spool, block by block."""
        run_io, decoder = self._executors.run_io, TransferDecoder(leaf.encoding)
        upload: Upload = await run_io(self._spool.upload, self._max_bytes, leaf.least_bytes, lane=LANE)
        try:
            offset = 0
            while True:
                block: bytes = await run_io(
                    session.block, incoming.key.uid, leaf.number, offset, BLOCK_BYTES, lane=LANE
                )
                offset += len(block)
                last = leaf.ends_at(offset, got=len(block), asked=BLOCK_BYTES)
                await run_io(_write, upload, decoder, block, last=last, lane=LANE)
                if last:
                    received: Received = await run_io(upload.keep, lane=LANE)
                    return received
        except BaseException:
            await run_io(upload.discard, lane=LANE)
            raise

    def _too_large(self) -> ErrorRecord:
        return ErrorRecord(
            code="file.too_large",
            message=say("the attachment is too large: at most {limit} MB are taken", limit=self._max_bytes >> 20),
            hint=say("split the workbook, and send the parts one by one"),
        )


def _write(upload: Upload, decoder: TransferDecoder, block: bytes, *, last: bool) -> None:
    upload.write(decoder.feed(block))
    if last:
        upload.write(decoder.finish())


def rejects_names(jobs: Sequence[Job]) -> dict[int, str]:
    """Return what the workbooks with the rejected rows of one message's jobs are called, by the jobs' numbers."""
    plain = Counter(_stem(rejects_name(job)) for job in jobs)
    return {job.id: rejects_name(job, unlike_others=plain[_stem(rejects_name(job))] > 1) for job in jobs}


def rejects_name(job: Job, *, unlike_others: bool = False) -> str:
    """Return what the workbook with a job's rejected rows is called as an attachment."""
    number = f"-{job.id}" if unlike_others else ""
    return f"{PurePath(job.file).stem or 'file'}{number}.rejects.xlsx"


def _stem(file: str) -> str:
    """Return what a person's program leaves of a file's name: not `.xlsx`, nor ` (1)` or `[1]` of a copy."""
    return _COPIES.sub("", PurePath(file).stem).casefold()


_ARCHIVE: Final = ErrorRecord(
    code="file.format_unknown",
    message=say("the attachment is an archive of a kind that is not opened"),
    hint=say("attach the workbook itself, or a zip of workbooks"),
)
_PACKED: Final = ErrorRecord(
    code="file.format_unknown",
    message=say("the attachment is a message that Outlook has packed with its files, which only Outlook opens"),
    hint=say("send the message as HTML or plain text instead of rich text (RTF)"),
)
_SEALED: Final = ErrorRecord(
    code="file.encrypted",
    message=say("your message is encrypted, or wrapped into its signature: what is attached cannot be read"),
    hint=say("send it without encryption, and signed in clear text or not at all"),
)
_TOO_MANY: Final = ErrorRecord(
    code="file.too_large",
    message=say("your message has more than {limit} parts: those after them are not taken", limit=PARTS_MAX),
    hint=say("send the files that are not named here in further messages"),
)
_DAMAGED: Final = ErrorRecord(
    code="file.unreadable",
    message=say("the attachment was damaged on its way"),
    hint=say("send it again"),
)
_NOTHING_ATTACHED: Final = ErrorRecord(
    code="file.empty",
    message=say("no workbook is attached to your message"),
    hint=say("attach it as a file, and send the message again"),
)
