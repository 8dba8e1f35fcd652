"""Watched folders to submissions: owns when they are looked at and which files were taken, not what is in them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import time
from collections import ChainMap
from collections.abc import Awaitable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from ..errors import (
    FileNotReadError,
    FileTooLargeError,
    FileUnstableError,
    FolderHangsError,
    SpoolFullError,
    SpoolUnwritableError,
    StartupError,
    TaskTimeoutError,
    first_line,
)
from ..executors.folder_calls import FolderCalls
from ..machine.file_identity import Stamp, spelt
from ..machine.mounts import FileSystem, file_system_of
from ..machine.writers import is_shared
from .done_markers import DoneMarkers
from .file_taker import FileTaker
from .folder_archive import PLACES
from .folder_ends import FolderEnds
from .folder_files import Ignored, Listing, list_files, reason_of
from .folder_notify import FolderNotify
from .folder_start import begin
from .folder_state import FolderState
from .watched_folder import KnownFile, KnownFolder

if TYPE_CHECKING:
    from pathlib import Path

    from ..ledger.queries import Taken
    from ..pipeline.parts import PipelineParts
    from .file_taker import PerhapsArchive
    from .folder_archive import FolderArchive
    from .folder_start import Begun
    from .settings import IntakeSettings
    from .submissions import Submissions

logger = logging.getLogger(__name__)

TAKEN_AT_ONCE: Final = 4
START_SECONDS: Final = 10.0
"""So long the start waits for a folder that does not answer; it is looked at later."""
BATCH: Final = 200
"""Files that the ledger is asked about at a time."""
OPENED_AT_ONCE: Final = 2
"""Archives of one folder: each may hold a worker for as long as a worker may be held."""
ALONE_SECONDS: Final = 5.0
"""So long a look at one folder is waited for: then the others are looked at meanwhile."""


class _Waiting(NamedTuple):
    """A file that may have to be taken, and the job that it may be all the same."""

    name: str
    file: KnownFile
    before: Taken | None


class FolderScanner:
    """Scans the folders after every notification and now and then, and submits each file once per change."""

    def __init__(
        self, settings: IntakeSettings, parts: PipelineParts, submissions: Submissions, filing: FolderArchive
    ) -> None:
        self._watched = [
            KnownFolder(
                folder=folder,
                state=FolderState(folder.path, parts.metrics.folders),
                calls=FolderCalls(parts.executors),
                markers=DoneMarkers(folder.done_marker),
            )
            for folder in settings.folders
        ]
        self._settings, self._filing, self._watch = settings, filing, FolderNotify()
        self._taker = FileTaker(parts, submissions, self._watch, settings)
        self._ledger, self._queries = parts.ledger, parts.queries
        self._executors, self._database, self._metrics = parts.executors, parts.database, parts.metrics.folders
        self._closing = asyncio.Event()
        self._ends = FolderEnds(parts, filing, closing=self._closing)
        self._full = self._was_full = False

    async def __aenter__(self) -> Self:
        """Check the folders; one that hangs is told as one that cannot be read, and checked later.

        Raises:
            StartupError: one is not a folder that can be read, or written where files are to be moved.

        """
        await asyncio.gather(*(self._begin(watched) for watched in self._watched))
        # Before the first look: what is renamed into a folder from now on is known to be whole.
        self._notify()
        return self

    def _notify(self) -> None:
        """Be told of what happens in the folders as they were last seen."""
        self._watch.use(dict(ChainMap(*(dict(watched.folders) for watched in self._watched))))

    async def _begin(self, watched: KnownFolder) -> None:
        try:
            begun = await watched.calls.run(begin, watched.folder, within_seconds=START_SECONDS)
        except (FolderHangsError, TimeoutError) as error:
            watched.state.watched(unseen=None, rescan_seconds=self._settings.rescan_seconds)
            watched.state.lost(error)
            return
        if begun is None:
            rights = "read and written" if watched.folder.move else "read"
            raise StartupError(
                f"watched folder {watched.folder.path} cannot be {rights}; create it or correct intake.folders"
            )
        watched.state = FolderState(begun.path, self._metrics)
        self._checked(watched, begun)

    async def _begin_late(self, watched: KnownFolder) -> None:
        """Check a folder that did not answer at the start; raises what a look at it would."""
        begun = await watched.calls.run(begin, watched.folder)
        if begun is None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(watched.folder.path))
        self._checked(watched, begun)

    def _checked(self, watched: KnownFolder, begun: Begun) -> None:
        watched.folder, watched.checked = replace(watched.folder, path=begun.path), True
        watched.folders = {begun.path: begun.identity}
        watched.state.watched(unseen=begun.unseen, rescan_seconds=self._settings.rescan_seconds)

    async def __aexit__(self, *_: object) -> None:
        """Take no more files; a file being taken is finished by `run`, an archive is not."""
        self._closing.set()
        self._watch.changed.set()

    async def run(self) -> None:
        """Scan until closed."""
        try:
            while not self._closing.is_set():
                self._watch.changed.clear()
                self._was_full, self._full = self._full, False
                for watched in self._watched:
                    await self._look(watched)
                self._notify()
                if self._was_full and not self._full:
                    logger.info("intake goes on")
                await self._pause()
            for watched in self._watched:
                if watched.look is not None:
                    await watched.look
        finally:
            # An archive that is not opened to its end is begun anew at the next start, and entered once all the same.
            begun = [opening for watched in self._watched for opening in watched.openings]
            begun += [watched.look for watched in self._watched if watched.look is not None]
            for task in begun:
                task.cancel()
            await asyncio.gather(*begun, return_exceptions=True)
            self._watch.close()

    async def _look(self, watched: KnownFolder) -> None:
        """Look at a folder; a look that takes longer goes on while others are looked at."""
        patience = ALONE_SECONDS if watched.look is None else 0.0
        watched.look = watched.look or asyncio.create_task(self._look_through(watched))
        await asyncio.wait({watched.look}, timeout=patience)
        if watched.look.done():
            look, watched.look = watched.look, None
            look.result()

    async def _pause(self) -> None:
        """Wait for a change, or until it is time to look again; never less than the time between two looks."""
        soon = any(watched.unsettled for watched in self._watched) and not self._full
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._settings.scan_seconds)
        if not soon and self._watch.works and not any(watched.shared for watched in self._watched):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._watch.changed.wait(), self._settings.rescan_seconds)

    async def _look_through(self, watched: KnownFolder) -> None:
        try:
            if not await self._scan(watched):
                return
            await self._take_all(watched)
            _raise_of_openings(watched)
            if watched.folder.move:
                await self._ends.tell(watched)
        except FolderHangsError as error:
            watched.state.lost(error)
        except Exception as error:
            if not self._will_pass(error):
                raise
            watched.state.waits(spelt(first_line(error)))
        else:
            watched.state.waits(None)
        watched.tell()

    def _stop(self, reason: str) -> None:
        """Take nothing until the next look."""
        if not self._full and not self._was_full:
            logger.warning("intake stopped", extra={"reason": reason})
        self._full = True

    def _will_pass(self, error: Exception) -> bool:
        return isinstance(error, (OSError, TaskTimeoutError)) or self._database.will_pass(error)

    async def _scan(self, watched: KnownFolder) -> bool:
        """See what is in a folder; return whether it could be read."""
        try:
            if not watched.checked:
                await self._begin_late(watched)
            folder, now = watched.folder, time.monotonic()
            skip = PLACES if folder.move else ()
            listing, file_system = await watched.calls.run(
                _look_at, folder.path, folder.recursive, self._settings.ignored, skip
            )
        except OSError as error:
            watched.state.lost(error)
            return False
        watched.state.read(listing.folders[folder.path], file_system)
        watched.folders, watched.unread = listing.folders, listing.unread
        watched.shared = is_shared(file_system.kind)
        before, watched.files = watched.files, {}
        taken = {name: file.stamp for name, file in before.items() if file.job_id is not None or file.over}
        for name in watched.markers.marked(listing, taken):
            known, stamp = before.get(name), listing.files[name]
            same = known is not None and known.stamp == stamp
            watched.files[name] = (
                known if known is not None and same else KnownFile(label=spelt(name), stamp=stamp, since=now)
            )
        return True

    # -- taking --------------------------------------------------------------------------------------

    async def _take_all(self, watched: KnownFolder) -> None:
        full = len(watched.openings) >= OPENED_AT_ONCE
        waiting = [
            (name, file)
            for name, file in watched.files.items()
            if file.job_id is None and not (file.over or file.opening or (file.archive and full))
        ]
        # What could not be read comes last: if it makes the folder hang again, the others have had their turn.
        waiting.sort(key=lambda found: found[1].trouble is not None)
        for start in range(0, len(waiting), BATCH):
            batch = waiting[start : start + BATCH]
            left = await self._not_taken_before(watched, batch)
            rest = iter(left)
            ends = await asyncio.gather(
                *(self._take_each(watched, rest) for _ in range(TAKEN_AT_ONCE)), return_exceptions=True
            )
            if (error := next(filter(None, ends), None)) is not None:
                raise error

    async def _take_each(self, watched: KnownFolder, files: Iterator[_Waiting]) -> None:
        for name, file, before in files:
            if self._closing.is_set() or self._full or watched.calls.hangs:
                return
            await self._take(watched, name, file, before)

    async def _not_taken_before(self, watched: KnownFolder, batch: Sequence[tuple[str, KnownFile]]) -> list[_Waiting]:
        """Note the jobs of files that were taken before, by an earlier process too, and return the other files.

        A file that was put away and lies here again is taken again, as its sender wants it.
        """
        taken: dict[str, list[Taken]] = {}
        for one in await self._queries.taken([watched.origin(name) for name, _ in batch]):
            taken.setdefault(one.origin, []).insert(0, one)
        left: list[_Waiting] = []
        owing: list[int] = []
        for name, file in batch:
            jobs = taken.get(watched.origin(name), [])
            same = next((job for job in jobs if job.origin_stamp == str(file.stamp)), None)
            put_away = same is not None and watched.folder.move and same.owed is False
            if same is None or put_away or self._taker.may_have_lost(same):
                moved = (job for job in jobs if job.has_ended and file.stamp.moved_from(Stamp.read(job.origin_stamp)))
                left.append(_Waiting(name, file, None if watched.folder.move else next(moved, None)))
                continue
            self._taken(watched, file, same.job_id)
            if watched.folder.move and same.owed is None:
                owing.append(same.job_id)
        if owing:
            await self._ledger.owe(owing)
        return left

    def _taken(self, watched: KnownFolder, file: KnownFile, job_id: int) -> None:
        file.job_id, file.over = job_id, not watched.folder.move

    async def _take(self, watched: KnownFolder, name: str, file: KnownFile, before: Taken | None) -> None:
        file.trouble, file.unfinished = None, False
        if file.opened:
            await self._opened(watched, name, file)
            return
        if file.refused is not None:
            await self._refused(watched, name, file, file.refused)
            return
        await self._tried(watched, name, file, self._received(watched, name, file, before))
        watched.state.goes_on()

    async def _received(self, watched: KnownFolder, name: str, file: KnownFile, before: Taken | None) -> None:
        found = await self._taker.take(watched, name, file, before)
        if isinstance(found, int):
            self._taken(watched, file, found)
        elif len(watched.openings) < OPENED_AT_ONCE:
            file.opening = True
            watched.openings.add(asyncio.create_task(self._open(watched, name, file, found)))
        else:
            file.archive = True
            await self._taker.drop(found)

    async def _open(self, watched: KnownFolder, name: str, file: KnownFile, archive: PerhapsArchive) -> None:
        """Open an archive; whatever else comes into its folder is taken, and told of, meanwhile."""

        async def opened() -> None:
            job_id = await self._taker.open(watched, name, file, archive)
            if job_id is None:
                await self._opened(watched, name, file)
            else:
                self._taken(watched, file, job_id)

        try:
            await self._tried(watched, name, file, opened())
        finally:
            file.opening = False
            self._watch.changed.set()

    async def _tried(self, watched: KnownFolder, name: str, file: KnownFile, step: Awaitable[None]) -> None:
        """Take a step of a file's way, and note why it is not to be taken, or not now."""
        try:
            await step
        except FileUnstableError:
            file.unfinished = True
            if file.nearly_due:
                self._executors.expect_cpu()
        except FileNotReadError as error:
            file.trouble = str(error)
        except FolderHangsError as error:
            file.trouble = str(error)
            raise
        except FileTooLargeError as error:
            reason = f"file.too_large: {error}; split it, or raise intake.max_file_mb"
            logger.warning("file refused", extra={"file": spelt(name), "reason": reason})
            await self._refused(watched, name, file, reason)
        except (SpoolFullError, SpoolUnwritableError) as error:
            self._stop(str(error))

    async def _opened(self, watched: KnownFolder, name: str, file: KnownFile) -> None:
        """Let an archive be whose files have become jobs; each of these is told of for itself when it is moved."""
        file.opened = True
        if watched.folder.move:
            try:
                await self._filing.opened(watched, name, file.stamp)
            except OSError as error:
                file.trouble = f"cannot be moved: {reason_of(error)}"
                return
            watched.moved_away(name, None)  # no job is the archive's own
        file.over = True

    async def _refused(self, watched: KnownFolder, name: str, file: KnownFile, reason: str) -> None:
        """Let a file be that becomes no job, as long as it stays as it is; it may still be to be moved."""
        file.refused = reason
        if watched.folder.move:
            try:
                await self._filing.refuse(watched, name, file.stamp, reason)
            except OSError as error:
                file.trouble = f"cannot be moved: {reason_of(error)}"
                return
        file.over = True


def _raise_of_openings(watched: KnownFolder) -> None:
    """Let those openings go that have ended, and raise what one of them has raised."""
    ended = {opening for opening in watched.openings if opening.done()}
    watched.openings -= ended
    for error in [opening.exception() for opening in ended]:
        if error is not None:
            raise error


def _look_at(
    folder: Path,
    recursive: bool,  # noqa: FBT001  # handed to a thread
    ignored: Ignored,
    skip: Collection[str],
) -> tuple[Listing, FileSystem]:
    """Return what a folder holds and on what it lies. Blocking."""
    listing = list_files(folder, recursive=recursive, ignored=ignored, skip=skip)
    return listing, file_system_of(listing.folders[folder].device)
