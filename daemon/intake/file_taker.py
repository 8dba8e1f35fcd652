"""One file of a watched folder to a submission: owns what it becomes, not the look at whether it is whole."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from ingest.errors import FileRejectedError

from ..errors import FileNotReadError, FileUnstableError
from ..ledger.jobs import Origin
from .archives import Archives, Within
from .file_copy import copying, next_step
from .folder_files import is_there, reason_of
from .folder_notify import Seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.spec.archive import ArchiveMember
    from ingest.spec.dataset import Dataset

    from ..ledger.jobs import Job
    from ..ledger.queries import Taken
    from ..pipeline.parts import PipelineParts
    from ..spool.upload import Received
    from .folder_notify import FolderNotify
    from .settings import IntakeSettings
    from .submissions import Submissions
    from .watched_folder import KnownFile, KnownFolder

PATH_BYTES_MAX: Final = 2_600
"""Of a file's path, by which the ledger finds it: PostgreSQL refuses an index entry of more than 2,704 bytes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerhapsArchive:
    """A file in the spool that looks like an archive, and where it came from."""

    received: Received
    origin: Origin


class FileTaker:
    """Receives files that are whole and enters them."""

    def __init__(
        self, parts: PipelineParts, submissions: Submissions, watch: FolderNotify, settings: IntakeSettings
    ) -> None:
        self._submissions, self._watch, self._max_file_bytes = submissions, watch, settings.max_file_bytes
        self._spool, self._executors, self._ledger = parts.spool, parts.executors, parts.ledger
        self._archives = Archives(parts, settings.archives)

    async def take(self, known: KnownFolder, name: str, file: KnownFile, before: Taken | None) -> int | PerhapsArchive:
        """Enter a file and return the number of its job; one of `before` if only the inode is another than then.

        What looks like an archive is only received: it is to be handed to `open`, or to `drop`.

        Raises:
            FileUnstableError: it is not whole, or was changed meanwhile.
            FileTooLargeError, SpoolFullError, FileNotReadError: it is too large, there is no room, it cannot be read.
            FolderHangsError: its folder does not answer.

        """
        if (size := len(known.origin(name).encode())) > PATH_BYTES_MAX:
            raise FileNotReadError(f"its path has {size} bytes, more than {PATH_BYTES_MAX}; give it a shorter one")
        seen = self._seen(known.folder.path, name)
        try:
            received = await self._receive(known, name, file, seen)
        except OSError as error:
            raise FileNotReadError(reason_of(error)) from error
        if seen is not Seen.WRITING and self._seen(known.folder.path, name) is Seen.WRITING:
            await self._submissions.drop(received)
            raise FileUnstableError
        if before is not None and before.sha256 == received.sha256:
            await self._submissions.drop(received)
            return before.job_id
        origin = Origin(path=known.origin(name), stamp=str(file.stamp), owed=known.folder.move)
        if await self._archives.may_be_one(received, file.label):
            return PerhapsArchive(received=received, origin=origin)
        return (await self._enter(known, name, file, received, origin)).id

    async def drop(self, archive: PerhapsArchive) -> None:
        """Let a received file go that is to be taken another time."""
        await self._submissions.drop(archive.received)

    async def open(self, known: KnownFolder, name: str, file: KnownFile, archive: PerhapsArchive) -> int | None:
        """Enter each file of an archive and return None; the number of its job if it is refused, or is none after all.

        It takes as long as workers take, of which others are busy.

        Raises:
            SpoolFullError: there is no room.
            FolderHangsError: its folder does not answer.

        """
        received, origin = archive.received, archive.origin
        try:
            members = await self._archives.opened(received, file.label)
        except FileRejectedError as error:
            refused = await self._submissions.refuse(
                received, record=error.record, file=file.label, source="folder", origin=origin
            )
            return refused.id
        except BaseException:
            await self._submissions.drop(received)
            raise
        if members is not None:
            await self._enter_each(known, name, file, received, members, origin)
            return None
        return (await self._enter(known, name, file, received, origin)).id

    async def _enter_each(
        self,
        known: KnownFolder,
        name: str,
        file: KnownFile,
        received: Received,
        members: Sequence[ArchiveMember],
        origin: Origin,
    ) -> None:
        """Enter the files of an archive; in a folder where it stays it is remembered."""
        jobs = await self._archives.enter_each(
            received,
            members,
            submissions=self._submissions,
            choose=lambda inner: self._chosen(known, inner),
            within=Within(file=file.label, source="folder", submitter=origin.path, key=origin.stamp, origin=origin),
            is_there=lambda: known.calls.run(is_there, known.folder.path, name, file.stamp),
        )
        logger.info("archive opened", extra={"file": file.label, "jobs": len(jobs)})
        if jobs and not known.folder.move:
            await self._ledger.took(origin, received.sha256, jobs[-1].id)

    def _chosen(self, known: KnownFolder, name: str) -> Dataset:
        return self._submissions.choose(known.folder.dataset, name, f"{known.folder.path.name}/{name}")

    async def _enter(self, known: KnownFolder, name: str, file: KnownFile, received: Received, origin: Origin) -> Job:
        try:
            dataset = self._chosen(known, name)
        except FileRejectedError as error:
            return await self._submissions.refuse(
                received, record=error.record, file=file.label, source="folder", origin=origin
            )
        return await self._submissions.enter(received, dataset=dataset, file=file.label, source="folder", origin=origin)

    def may_have_lost(self, taken: Taken) -> bool:
        """Say whether a job waits for a file in another spool; handed in again, the ledger decides whose it is."""
        return taken.state == "queued" and taken.spool_id != self._spool.id

    def _seen(self, folder: Path, name: str) -> Seen:
        path = PurePosixPath(name)
        return self._watch.seen(folder / path.parent, path.name)

    async def _receive(self, known: KnownFolder, name: str, file: KnownFile, seen: Seen) -> Received:
        """Copy a file into the spool if it is whole, step by step: a step may hang, a large file takes many."""
        steps = copying(known.folder, name, file, seen, spool=self._spool, max_bytes=self._max_file_bytes)

        def late(received: Received | None) -> None:
            steps.close()
            if received is not None:
                self._spool.remove(received.key)

        try:
            while True:
                received: Received | None = await known.calls.run(next_step, steps, late=late)
                if received is not None:
                    return received
                known.state.goes_on()
        except BaseException:
            with contextlib.suppress(ValueError):  # its last step has not returned
                steps.close()
            raise
