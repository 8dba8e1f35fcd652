"""An archive that lies in the spool, opened into its files: owns their way into the spool, one submission each.

A sandboxed worker reads the archive, whoever has made it; the daemon sees names and finished files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from ingest.errors import FileRejectedError, rejected
from ingest.messages import say
from ingest.spec.archive import WORKBOOKS, ArchiveLimits
from ingest.spec.dataset import FileLimits

from ..errors import FileTooLargeError, KeyUsedError
from ..machine.file_identity import spelt
from ..pipeline.reading import folder_for, patiently, read_in_worker
from ..pipeline.worker_tasks import check_archive, list_archive, unpack_archive_member
from .folder_files import Ignored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from ingest.spec.archive import ArchiveMember
    from ingest.spec.dataset import Dataset

    from ..config import intake_settings as config
    from ..executors.executors import Executors
    from ..ledger.jobs import Job, Origin
    from ..pipeline.parts import PipelineParts
    from ..spool.spool import Spool
    from ..spool.upload import Received
    from .submissions import Submissions

ZIP: Final = b"PK\x03\x04"
_NAME_AT: Final = 30
"""Where the name of the first part is in a zip file (APPNOTE.TXT 4.3.7)."""
_FIRST_OF_A_WORKBOOK: Final = (
    *(b"[Content_Types].xml", b"mimetype", b"_rels/", b"docProps/", b"xl/", b"customXml/"),
    *(b"META-INF/", b"content.xml", b"styles.xml", b"meta.xml", b"settings.xml", b"Configurations2/", b"Thumbnails/"),
)
"""What workbooks begin with: nobody has to look further into one."""
UNPACKED: Final = ".files"
"""What follows the name of an archive in the place where its files are said to come from: no file's own name."""
NAME_BYTES_MAX: Final = 1_024
"""Of a file's path in an archive, as it is spelt: PostgreSQL refuses an index entry of more than 2,704 bytes."""
LIMITS: Final = FileLimits()
"""Time and memory of the worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """What is held to, and which names in an archive are left alone."""

    limits: ArchiveLimits
    ignored: Ignored
    max_file_bytes: int

    @classmethod
    def of(cls, intake: config.IntakeSettings) -> Self:
        """Take them from the configuration."""
        return cls(
            limits=ArchiveLimits(
                members=intake.archive_members,
                total_bytes=intake.archive_total_mb << 20,
                ratio=intake.archive_ratio,
            ),
            ignored=Ignored((*intake.ignore, "__MACOSX")),
            max_file_bytes=intake.max_file_mb << 20,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Where an archive came from: what it is called, who handed it in, and its key, the same whoever takes it again."""

    file: str
    source: str
    submitter: str
    key: str
    origin: Origin | None = None

    def origin_of(self, member: ArchiveMember) -> Origin | None:
        """Return where a file of the archive came from: beside it, as if it had been unpacked there."""
        if self.origin is None:
            return None
        return replace(self.origin, path=f"{self.origin.path}{UNPACKED}/{spelt(member.name)}")


class Archives:
    """Opens archives that lie in the spool."""

    def __init__(self, parts: PipelineParts, settings: ArchiveSettings) -> None:
        self._parts, self._settings = parts, settings

    async def may_be_one(self, received: Received, file: str) -> bool:
        """Say whether `opened` has to look into a file to know what it is."""
        return not _is_called_workbook(file) and await self._looks_like_one(received)

    async def _looks_like_one(self, received: Received) -> bool:
        source = self._parts.spool.source(received.key)
        return bool(await self._parts.executors.run_io(may_be_archive, source))

    async def members(self, received: Received, file: str) -> tuple[ArchiveMember, ...] | None:
        """Return the files in an archive but for those that are ignored; None if a file is none, as workbooks are.

        `file` is what messages call it.

        Raises:
            FileRejectedError: it is damaged, encrypted, or holds nothing, or more than the limits allow.

        """
        if not await self._looks_like_one(received):
            return None
        source = self._parts.spool.source(received.key)
        found: tuple[ArchiveMember, ...] | None = await self._in_worker(
            file, list_archive, source, self._settings.limits
        )
        if found is None:
            return None
        kept = tuple(one for one in found if not any(part in self._settings.ignored for part in one.name.split("/")))
        if not kept:  # put away without a job, it would look like one that was loaded
            raise rejected(
                "file.empty",
                say("the archive has no files in it but those that intake.ignore leaves alone"),
                hint=say("make the archive anew"),
            )
        longest = max(len(spelt(one.name).encode()) for one in kept)
        if longest > NAME_BYTES_MAX:
            raise rejected(
                "file.corrupt_container",
                say(
                    "a file in the archive has a name of {size} bytes, more than {limit}",
                    size=longest,
                    limit=NAME_BYTES_MAX,
                ),
                hint=say("give it a shorter name, and make the archive anew"),
            )
        return kept

    async def opened(self, received: Received, file: str) -> tuple[ArchiveMember, ...] | None:
        """Return what `members` returns, of an archive that is taken as a whole or not at all.

        Raises:
            FileRejectedError: it is damaged, encrypted, empty, holds more than the limits allow, or too large a file.

        """
        found = None if _is_called_workbook(file) else await self.members(received, file)
        if found is None:
            return None
        limit = self._settings.max_file_bytes
        for member in found:
            if member.size_bytes > limit:
                raise rejected(
                    "file.too_large",
                    say("{name} in the archive has more than {limit} MB", name=member.name, limit=limit >> 20),
                )
        source = self._parts.spool.source(received.key)
        await self._in_worker(file, check_archive, source)
        return found

    async def enter_each(
        self,
        archive: Received,
        members: Sequence[ArchiveMember],
        *,
        submissions: Submissions,
        choose: Callable[[str], Dataset],
        within: Within,
        is_there: Callable[[], Awaitable[bool]] | None = None,
    ) -> list[Job]:
        """Enter each file of an archive that lies in the spool, and return their jobs; the archive is dropped then.

        What was entered before, by whoever began with this archive, is found again. `choose` gives the dataset of a
        file by its path in the archive, or raises FileRejectedError: then the file's job says so. `is_there` says
        whether the archive lies where it was taken from: then what had ended and was told there is entered anew.

        Raises:
            SpoolFullError: there is no room.

        """
        jobs: list[Job] = []
        try:
            for member, key in zip(members, await self._keys(within, members, is_there), strict=True):
                job = await self._parts.queries.by_key(within.submitter, key)
                if job is None:
                    job = await self._enter(archive, member, key, submissions, choose, within)
                jobs.append(job)
        finally:
            await submissions.drop(archive)
        await self._owe(jobs, within)
        return jobs

    async def _keys(
        self, within: Within, members: Sequence[ArchiveMember], is_there: Callable[[], Awaitable[bool]] | None
    ) -> list[str]:
        """Return the key under which each file is entered, or was by whoever began with this archive."""
        if is_there is not None:
            keys = [await self._key(within, member, put_back=True) for member in members]
            # Asked after the ledger: with the archive in its place nothing of it is told, so what was told before is
            # of an earlier time that it lay there. If it is gone, another daemon may just have told of this time.
            if await is_there():
                return keys
        return [await self._key(within, member, put_back=False) for member in members]

    async def _key(self, within: Within, member: ArchiveMember, *, put_back: bool) -> str:
        """Return a file's own key, or the one after the job that it was when it may not be that job any more.

        Which it may not when that one's bytes are lost, or its end was told before the archive was `put_back`.
        """
        key = first = f"{within.key} {member.index}"
        while (job := await self._parts.queries.by_key(within.submitter, key)) is not None:
            if not (put_back and job.owed is False) and not await self._is_lost(job):
                break
            key = f"{first} after {job.id}"
        return key

    async def _is_lost(self, job: Job) -> bool:
        """Say whether a job waits for a file in the spool of daemons that are no more."""
        if job.state != "queued" or job.spool_id == self._parts.spool.id:
            return False
        async with self._parts.database.read() as connection:
            return not await self._parts.ledger.context.spool_is_served(connection, job.spool_id)

    async def _owe(self, jobs: Sequence[Job], within: Within) -> None:
        """Let those be told of that were entered when nothing was told in their folder."""
        if within.origin is not None and within.origin.owed:
            untold = [job.id for job in jobs if job.owed is None]
            if untold:
                await self._parts.ledger.owe(untold)

    async def _enter(
        self,
        archive: Received,
        member: ArchiveMember,
        key: str,
        submissions: Submissions,
        choose: Callable[[str], Dataset],
        within: Within,
    ) -> Job:
        label = label_of(within.file, member)
        received = await self.receive(archive, member, label)
        about: dict[str, Any] = {
            "file": label,
            "source": within.source,
            "submitter": within.submitter,
            "idempotency_key": key,
            "origin": within.origin_of(member),
        }
        try:
            try:
                dataset = choose(member.name)
            except FileRejectedError as error:
                return await submissions.refuse(received, record=error.record, **about)
            return await submissions.enter(received, dataset=dataset, **about)
        except KeyUsedError:
            # Another daemon was first, or the answer to a COMMIT was lost: the job is there.
            job = await self._parts.queries.by_key(within.submitter, key)
            if job is None:
                raise
            return job

    async def receive(self, archive: Received, member: ArchiveMember, file: str) -> Received:
        """Take one file of an archive into the spool, as a submission of its own.

        Raises:
            FileRejectedError: it is damaged, or larger than the archive says.
            FileTooLargeError, SpoolFullError: it is too large, or there is no room.

        """
        parts, limit = self._parts, self._settings.max_file_bytes
        if member.size_bytes > limit:
            raise FileTooLargeError(
                say("the file has {size} bytes, {limit} are allowed", size=member.size_bytes, limit=limit)
            )
        executors: Executors = parts.executors
        spool: Spool = parts.spool
        await executors.run_io(spool.check_room, 2 * member.size_bytes)
        async with folder_for(parts, archive.key) as folder:
            out = folder / "member"
            await self._in_worker(file, unpack_archive_member, spool.source(archive.key), member.index, out)
            received: Received = await executors.run_io(spool.receive_file, out, limit)
        return received

    async def _in_worker(self, file: str, function: Callable[..., Any], *arguments: object) -> Any:
        return await patiently(
            lambda: read_in_worker(self._parts.executors, function, *arguments, file=file, limits=LIMITS)
        )


def archive_of(job: Job) -> str | None:
    """Return where the archive came from that a job's file was in; None if it was in none, or that is not known."""
    archive, origin = job.submitter, job.origin
    if archive is None or origin is None or not origin.startswith(f"{archive}{UNPACKED}/"):
        return None
    return archive


def label_of(archive: str, member: ArchiveMember) -> str:
    """Return what reports and the ledger call a file in an archive of this name."""
    return f"{archive}/{spelt(member.name)}"


def _is_called_workbook(file: str) -> bool:
    """Say whether a file is meant to be a workbook by its name: its sender is told what is wrong with it as one."""
    return file.lower().endswith(WORKBOOKS)


def may_be_archive(path: Path) -> bool:
    """Say whether a file is a zip that does not begin as workbooks do. Blocking."""
    with path.open("rb") as file:
        start = file.read(_NAME_AT + max(map(len, _FIRST_OF_A_WORKBOOK)))
    return start.startswith(ZIP) and not start[_NAME_AT:].startswith(_FIRST_OF_A_WORKBOOK)
