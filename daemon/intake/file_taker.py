"""One file of a watched folder to a submission: owns the look at whether it is whole, and the copy into the spool."""

from __future__ import annotations

import logging
import os
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ingest.errors import FileRejectedError

from ..errors import FileNotReadError, FileUnstableError
from ..ledger.jobs import Origin
from ..machine.file_identity import stamp_of
from .archives import Archives, Within
from .folder_files import is_being_written, opened, reason_of
from .folder_notify import Seen
from .wholeness import End, end_of, ends_within

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
    from .watched_folder import KnownFile, KnownFolder, WatchedFolder

logger = logging.getLogger(__name__)


class FileTaker:
    """Receives files that are whole and enters them."""

    def __init__(
        self, parts: PipelineParts, submissions: Submissions, watch: FolderNotify, settings: IntakeSettings
    ) -> None:
        self._submissions, self._watch, self._max_file_bytes = submissions, watch, settings.max_file_bytes
        self._spool, self._executors, self._ledger = parts.spool, parts.executors, parts.ledger
        self._archives = Archives(parts, settings.archives)

    async def take(self, known: KnownFolder, name: str, file: KnownFile, before: Taken | None) -> int | None:
        """Enter a file and return the number of its job; one of `before` if only the inode is another than then.

        None if it is an archive: each of its files has become a job.

        Raises:
            FileUnstableError: it is not whole, or was changed meanwhile.
            FileTooLargeError, SpoolFullError, FileNotReadError: it is too large, there is no room, it cannot be read.

        """
        seen = self._seen(known.folder.path, name)
        try:
            received = await self._executors.run_io(self._receive, known.folder, name, file, seen)
        except OSError as error:
            raise FileNotReadError(reason_of(error)) from error
        if seen is not Seen.WRITING and self._seen(known.folder.path, name) is Seen.WRITING:
            await self._submissions.drop(received)
            raise FileUnstableError
        if before is not None and before.sha256 == received.sha256:
            await self._submissions.drop(received)
            return before.job_id
        origin = Origin(path=known.origin(name), stamp=str(file.stamp), owed=known.folder.move)
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
            await self._enter_each(known, file, received, members, origin)
            return None
        return (await self._enter(known, name, file, received, origin)).id

    async def _enter_each(
        self, known: KnownFolder, file: KnownFile, received: Received, members: Sequence[ArchiveMember], origin: Origin
    ) -> None:
        """Enter the files of an archive; in a folder where it stays it is remembered."""
        jobs = await self._archives.enter_each(
            received,
            members,
            submissions=self._submissions,
            choose=lambda name: self._chosen(known, name),
            within=Within(file=file.label, source="folder", submitter=origin.path, key=origin.stamp, origin=origin),
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

    def _receive(self, folder: WatchedFolder, name: str, file: KnownFile, seen: Seen) -> Received:
        """Copy a file into the spool if it is whole. Blocking; for an I/O thread."""
        with opened(folder.path, name) as descriptor:
            facts = os.fstat(descriptor)
            if stamp_of(facts) != file.stamp:
                raise FileUnstableError
            self._wait_until_whole(folder, descriptor, file, seen)
            return self._spool.receive_open(descriptor, self._max_file_bytes)

    def _wait_until_whole(self, folder: WatchedFolder, descriptor: int, file: KnownFile, seen: Seen) -> None:
        """Let a file be taken only after it was quiet for as long as its kind needs."""
        patience, leased = folder.patience, is_being_written(descriptor)
        quiet = _quiet_seconds(descriptor, file, seen, leased=leased)
        if folder.done_marker is not None:
            needed = patience.scan
        elif file.stamp.size > self._max_file_bytes:
            needed = patience.needed(seen=seen, leased=leased, end=End.OPEN)
        else:
            end = end_of(descriptor, file.stamp.size)
            needed = patience.needed(seen=seen, leased=leased, end=end)
            if end is End.OPEN and quiet >= needed and ends_within(descriptor):
                needed = patience.needed(seen=seen, leased=leased, end=End.DOUBTED)
        file.nearly_due = patience.is_near(needed - quiet)
        if quiet < needed:
            if quiet >= patience.settle and not file.told:
                file.told = True
                logger.info("file waited for", extra={"file": file.label, "seconds": round(needed - quiet)})
            raise FileUnstableError
        if needed > patience.settle:
            logger.warning("unfinished file taken", extra={"file": file.label, "quiet_seconds": round(quiet)})


def _quiet_seconds(descriptor: int, file: KnownFile, seen: Seen, *, leased: bool | None) -> float:
    """Return for how long nothing has changed in a file, as far as that is certain."""
    watched = time.monotonic() - file.since
    facts = os.fstat(descriptor)
    if seen is Seen.RENAMED:
        return max(watched, time.time() - facts.st_mtime)
    if leased is False:  # a file system of this machine, whose clock is ours
        return max(watched, time.time() - max(facts.st_mtime, facts.st_ctime))
    return watched
