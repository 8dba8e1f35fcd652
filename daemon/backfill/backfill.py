"""The way of many files through the one-shot pipeline: owns the window of those on their way, and skips what is known.

Files are looked at and copied side by side, entered in the order of their listing, and loaded as many at once as the
workers can use. No more than a window of them are in memory or in the spool, however many there are.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ingest.errors import FileRejectedError
from ingest.languages import ENGLISH
from ingest.messages import say

from ..errors import (
    FileTooLargeError,
    FileUnstableError,
    SpoolFullError,
    StorageError,
    StorageUnreachableError,
    TaskTimeoutError,
    first_line,
)
from ..executors.executors import PRELOAD
from ..intake.archives import Archives, ArchiveSettings
from ..intake.folder_files import reason_of
from ..ledger.jobs import Content, Origin
from ..ledger.reasons import SAME_CONTENT, told_job, told_reason, told_records
from ..oneshot import as_json, refused, run_in_core, too_large, without_job
from ..pipeline.dispatcher import LOADS_BESIDE_PARSES
from .census import read_only
from .listing import LocalFile, Total
from .members import MemberFile
from .remote import RemoteFile
from .step import Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ingest.errors import ErrorRecord
    from ingest.spec.archive import ArchiveMember
    from ingest.spec.dataset import Dataset

    from ..assembly import Core
    from ..config.settings import Settings
    from ..ledger.jobs import Job
    from ..spool.upload import Received
    from .listing import Listing
    from .tally import Tally

T = TypeVar("T")
FETCH_PAUSES_SECONDS: Final = (1.0, 4.0, 16.0)
"""How long it is waited before a file is asked for again whose storage does not answer."""
LISTED_AT_ONCE: Final = 500
"""Files that are listed in one go of an I/O thread."""
SAME_CONTENT_READ: Final = say("another of these files has the same content")


AnyFile = LocalFile | RemoteFile | MemberFile
ListedFile = LocalFile | RemoteFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which files to load, and as what.

    With `check_only` they are only read. `language` is the one in which their errors are told. `ended` is called with
    the JSON form of each file, `changed` when the tally has.
    """

    dataset: Dataset
    listing: Listing
    tally: Tally
    ended: Callable[[dict[str, Any]], None]
    changed: Callable[[], None]
    check_only: bool = False
    language: str = ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """A file that was looked at: it lies in the spool, or it is known already what becomes of it."""

    file: AnyFile
    received: Received | None = None
    members: tuple[ArchiveMember, ...] | None = None
    """What is in it, if it is an archive."""
    entry: dict[str, Any] = field(default_factory=dict)


async def backfill_files(settings: Settings, request: Request, *, environ: Mapping[str, str]) -> None:
    """Take every file of the listing to its end; the tally says at any moment how far that has come.

    Raises:
        StartupError: a part cannot start.
        InterruptedByUserError: a stop signal came first.
        SpoolFullError: there is no room for one file.
        StorageError: there is nothing at a URL, or its storage cannot be listed.

    """
    mine: set[int] = set()

    async def work(core: Core) -> None:
        await _Backfill(core, settings, request, mine).run()

    await run_in_core(settings, request.dataset, work, environ=environ, only=mine, preload=PRELOAD)
    request.tally.complete = True


class _Backfill:
    def __init__(self, core: Core, settings: Settings, request: Request, mine: set[int]) -> None:
        self._core, self._request, self._mine = core, request, mine
        self._executors, self._spool = core.parts.executors, core.parts.spool
        self._limit_bytes = settings.intake.max_file_mb << 20
        self._pause_seconds = settings.ledger.poll_seconds
        self._on_their_way: set[asyncio.Task[None]] = set()
        self._contents: dict[str, Job] = {}
        """The jobs that are on their way, by the content of their files."""
        self._archives = Archives(core.parts, ArchiveSettings.of(settings.intake))
        self._seen: set[bytes] = set()
        """The contents that were only read so far: of those the ledger knows nothing."""

    @property
    def _places(self) -> int:
        """How many files are on their way at once; workers of a cluster come and go."""
        return self._core.parts.parser.places + LOADS_BESIDE_PARSES

    async def run(self) -> None:
        """Take all files to their end."""
        await self._executors.run_io(self._request.listing.look_elsewhere)
        counting = asyncio.create_task(self._count())
        looks: deque[asyncio.Task[_Looked]] = deque()
        try:
            async for file in self._listed():
                if len(looks) >= self._places:
                    await self._go_on(await looks.popleft())
                looks.append(asyncio.create_task(self._look(file)))
            while looks:
                await self._go_on(await looks.popleft())
            await self._landed(asyncio.ALL_COMPLETED)
            await counting
        finally:
            left = [counting, *looks, *self._on_their_way]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    # -- listing -------------------------------------------------------------------------------------

    async def _listed(self) -> AsyncIterator[ListedFile]:
        files = iter(self._request.listing)
        while batch := await self._executors.run_io(_next_of, files):
            for file in batch:
                yield file

    async def _count(self) -> None:
        """Go through the listing once for itself: how long it takes is told beside the work, which does not wait."""
        total = Total()
        files = iter(self._request.listing)
        while batch := await self._executors.run_io(_next_of, files):
            total = Total(total.files + len(batch), total.size_bytes + sum(file.size_bytes for file in batch))
        self._request.tally.total = total
        self._request.changed()

    # -- one file ------------------------------------------------------------------------------------

    async def _look(self, file: AnyFile) -> _Looked:
        """Copy a file into the spool, unless its content is known or it cannot be taken."""
        if file.trouble is not None:
            return self._failed(file, file.trouble)
        try:
            sha256 = await self._content_of(file)
            if sha256 is not None and (known := await self._known(sha256)) is not None:
                return self._skipped(file, sha256, known)
            return await self._received(file, await self._receive(file), was_known=sha256 is not None)
        except FileTooLargeError as error:
            return self._refused(file, too_large(error))
        except FileRejectedError as error:
            return self._refused(file, error.record)
        except (FileUnstableError, TaskTimeoutError, StorageError) as error:
            return self._failed(file, first_line(error))
        except OSError as error:
            return self._failed(file, reason_of(error))

    async def _received(self, file: AnyFile, received: Received, *, was_known: bool) -> _Looked:
        """Look at a file that lies in the spool; one whose content was not known before may be known now."""
        try:
            first = None if was_known else await self._known(received.sha256)
            members = None if isinstance(file, MemberFile) else await self._archives.members(received, file.label)
        except BaseException:
            await self._core.submissions.drop(received)
            raise
        if first is None:
            return _Looked(file=file, received=received, members=members)
        await self._core.submissions.drop(received)
        return self._skipped(file, received.sha256, first)

    async def _content_of(self, file: AnyFile) -> str | None:
        """Return the SHA-256 of what is in a file, if that is known without bringing it here."""
        if isinstance(file, RemoteFile):
            before = await self._patiently(lambda: self._core.parts.queries.taken([file.label]))
            return next((taken.sha256 for taken in before if taken.origin_stamp == file.stamp), None)
        if isinstance(file, MemberFile) or file.size_bytes > self._limit_bytes:
            return None
        digest: str = await self._executors.run_io(file.digest)
        return digest

    async def _known(self, sha256: str) -> int | None:
        """Return the number of a job that has loaded this content, in whichever order it came."""
        dataset = self._request.dataset
        content = Content(dataset=dataset.dataset, spec_version=dataset.version, sha256=sha256)
        return await self._patiently(lambda: self._core.parts.ledger.loaded_before(content))

    async def _receive(self, file: AnyFile) -> Received:
        while True:
            self._executors.expect_cpu()
            try:
                return await self._fetched(file)
            except SpoolFullError:
                # Room comes with the next file that ends, if any is on its way.
                if not self._on_their_way:
                    raise
                await self._landed(asyncio.FIRST_COMPLETED)

    async def _fetched(self, file: AnyFile) -> Received:
        """Take a copy into the spool; a storage that does not answer is asked a few times more."""
        for pause_seconds in FETCH_PAUSES_SECONDS:
            with contextlib.suppress(StorageUnreachableError):
                return await file.receive(self._executors, self._spool, self._limit_bytes)
            await asyncio.sleep(pause_seconds)
        return await file.receive(self._executors, self._spool, self._limit_bytes)

    async def _go_on(self, looked: _Looked) -> None:
        """Take a file that was looked at further, as soon as there is a place for it."""
        if looked.received is None:
            self._end(looked.entry)
            return
        if looked.members is not None:
            await self._open(looked.file, looked.received, looked.members)
            return
        while len(self._on_their_way) >= self._places:
            await self._landed(asyncio.FIRST_COMPLETED)
        if not self._request.check_only:
            await self._enter(looked.file, looked.received)
        elif (digest := bytes.fromhex(looked.received.sha256)) in self._seen:
            await self._skip(looked.file, looked.received, None)
        else:
            self._seen.add(digest)
            self._start(self._read(looked.file, looked.received))

    async def _open(self, file: AnyFile, received: Received, members: tuple[ArchiveMember, ...]) -> None:
        """Take the files of an archive further, one after the other; the archive stays in the spool meanwhile."""
        self._request.tally.more += len(members) - 1
        try:
            for member in members:
                within = MemberFile(archives=self._archives, archive=received, member=member, within=file.label)
                await self._go_on(await self._look(within))
        finally:
            await self._core.submissions.drop(received)

    async def _enter(self, file: AnyFile, received: Received) -> None:
        """Enter a file and have it followed; after every failure of the database it is received again."""
        while True:
            # Since it was looked at, another of the same content may have come to its end.
            on_its_way = self._contents.get(received.sha256)
            first = await self._known(received.sha256) if on_its_way is None else on_its_way.id
            if first is not None:
                await self._skip(file, received, first)
                return
            with self._waiting():
                job = await self._core.submissions.enter(
                    received,
                    dataset=self._request.dataset,
                    file=file.label,
                    source="cli",
                    origin=Origin(path=file.label, stamp=file.stamp) if isinstance(file, RemoteFile) else None,
                    adopt=True,
                )
                break
            await asyncio.sleep(self._pause_seconds)
            again = await self._look(file)
            if again.received is None:
                self._end(again.entry)
                return
            received = again.received
        self._contents[job.sha256] = job
        self._mine.add(job.id)
        self._core.dispatcher.wake()
        self._start(self._follow(file, job))

    async def _follow(self, file: AnyFile, job: Job) -> None:
        """Wait for the end of a job and tell it."""
        try:
            ended = await self._patiently(lambda: self._core.finished(job.id))
        finally:
            self._mine.discard(job.id)
            self._contents.pop(job.sha256, None)
        self._end(as_json(file.label, told_job(ended, self._request.language)))

    async def _read(self, file: AnyFile, received: Received) -> None:
        """Read a file only and tell what it would come to."""
        request = self._request
        try:
            outcome = await read_only(self._core, request.dataset, file.label, received.key)
        finally:
            await self._core.submissions.drop(received)
        entry = without_job(
            file.label,
            request.dataset,
            "checked",
            sha256=received.sha256,
            would_be=outcome.state,
            rows=asdict(outcome.rows),
            errors=told_records(outcome.records, request.language),
            errors_total=outcome.errors_total,
            reason=told_reason(outcome.reason, request.language, next(iter(outcome.records), None)),
            seconds=dict(outcome.seconds),
        )
        self._end(entry)

    # -- ends ----------------------------------------------------------------------------------------

    def _end(self, entry: dict[str, Any]) -> None:
        self._request.tally.note(entry)
        self._request.ended(entry)
        self._request.changed()

    async def _skip(self, file: AnyFile, received: Received, first_job: int | None) -> None:
        """Leave a file out whose content is on its way, or was read before."""
        await self._core.submissions.drop(received)
        skipped = self._skipped(file, received.sha256, first_job)
        self._end(skipped.entry)

    def _skipped(self, file: AnyFile, sha256: str, first_job: int | None) -> _Looked:
        reason = SAME_CONTENT_READ if first_job is None else SAME_CONTENT.format(job=first_job)
        entry = without_job(
            file.label, self._request.dataset, "duplicate", sha256=sha256, first_job=first_job, reason=reason
        )
        return _Looked(file=file, entry=entry)

    def _refused(self, file: AnyFile, record: ErrorRecord) -> _Looked:
        told = record.in_language(self._request.language)
        return _Looked(file=file, entry=refused(file.label, self._request.dataset, told))

    def _failed(self, file: AnyFile, reason: str) -> _Looked:
        entry = without_job(file.label, self._request.dataset, "failed", reason=reason)
        return _Looked(file=file, entry=entry)

    # -- waiting -------------------------------------------------------------------------------------

    def _start(self, work: Awaitable[None]) -> None:
        self._on_their_way.add(asyncio.ensure_future(work))

    async def _landed(self, when: str) -> None:
        """Wait for the files on their way, for one or for all of them; raises what one of them has raised."""
        if self._on_their_way:
            ended, _ = await asyncio.wait(self._on_their_way, return_when=when)
            self._on_their_way -= ended
            for task in ended:
                task.result()

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the database until it answers."""
        while True:
            with self._waiting():
                return await ask()
            await asyncio.sleep(self._pause_seconds)

    def _waiting(self) -> Step:
        return Step(self._core.parts.database.supervisor, self._request.tally, self._request.changed)


def _next_of(files: Iterator[ListedFile]) -> Collection[ListedFile]:
    return tuple(islice(files, LISTED_AT_ONCE))
