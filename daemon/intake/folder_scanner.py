"""Watched folders to submissions: owns when they are looked at and which files were taken, not what is in them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import ChainMap
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from ..errors import (
    FileNotReadError,
    FileTooLargeError,
    FileUnstableError,
    SpoolFullError,
    StartupError,
    first_line,
)
from ..machine.file_identity import Stamp, spelt
from ..machine.mounts import FileSystem, file_system_of
from ..machine.writers import blind_spot
from ..pipeline.rejects import RejectsLaterError
from .file_taker import FileTaker
from .folder_archive import PLACES
from .folder_files import Ignored, Listing, list_files, reason_of
from .folder_notify import FolderNotify
from .folder_state import FolderState
from .watched_folder import KnownFile, KnownFolder

if TYPE_CHECKING:
    from pathlib import Path

    from ..ledger.queries import Taken
    from ..pipeline.parts import PipelineParts
    from .folder_archive import FolderArchive
    from .settings import IntakeSettings
    from .submissions import Submissions

logger = logging.getLogger(__name__)

TAKEN_AT_ONCE: Final = 4
BATCH: Final = 200
"""Files that the ledger is asked about at a time."""
TOLD_AT_ONCE: Final = 50
"""So many senders at the most are told a second time after a kill."""


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
            KnownFolder(folder=folder, state=FolderState(folder.path, parts.metrics.folders))
            for folder in settings.folders
        ]
        self._settings, self._filing, self._watch = settings, filing, FolderNotify()
        self._taker = FileTaker(parts, submissions, self._watch, settings)
        self._ledger, self._queries = parts.ledger, parts.queries
        self._executors, self._database = parts.executors, parts.database
        self._closing = asyncio.Event()
        self._full = False

    async def __aenter__(self) -> Self:
        """Check the folders.

        Raises:
            StartupError: one is not a folder that can be read, or written where files are to be moved.

        """
        for watched in self._watched:
            folder = watched.folder
            rights = os.R_OK | os.X_OK | (os.W_OK if folder.move else 0)
            if not folder.path.is_dir() or not os.access(folder.path, rights):
                wanted = "read and written" if folder.move else "read"
                raise StartupError(
                    f"watched folder {folder.path} cannot be {wanted}; create it or correct intake.folders"
                )
            watched.state.watched(unseen=blind_spot(folder.path), rescan_seconds=self._settings.rescan_seconds)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take no more files; a file being taken is finished by `run`."""
        self._closing.set()
        self._watch.changed.set()

    async def run(self) -> None:
        """Scan until closed."""
        try:
            while not self._closing.is_set():
                self._watch.changed.clear()
                self._full = False
                for watched in self._watched:
                    await self._look_through(watched)
                self._watch.use(dict(ChainMap(*(dict(watched.folders) for watched in self._watched))))
                await self._pause()
        finally:
            self._watch.close()

    async def _pause(self) -> None:
        """Wait for a change, or until it is time to look again; never less than the time between two looks."""
        soon = any(watched.unsettled for watched in self._watched) and not self._full
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._settings.scan_seconds)
        if not soon and self._watch.works:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._watch.changed.wait(), self._settings.rescan_seconds)

    async def _look_through(self, watched: KnownFolder) -> None:
        try:
            await self._scan(watched)
        except OSError as error:
            watched.state.lost(error)
            return
        try:
            await self._take_all(watched)
            if watched.folder.move:
                await self._put_away(watched)
        except Exception as error:
            if not self._will_pass(error):
                raise
            watched.state.waits(spelt(first_line(error)))
        else:
            watched.state.waits(None)
        watched.tell()

    def _stop(self, reason: str) -> None:
        """Take nothing until the next look."""
        if not self._full:
            self._full = True
            logger.warning("intake stopped", extra={"reason": reason})

    def _will_pass(self, error: Exception) -> bool:
        return isinstance(error, OSError) or self._database.will_pass(error)

    async def _scan(self, watched: KnownFolder) -> None:
        folder, now = watched.folder, time.monotonic()
        listing, file_system = await self._executors.run_io(
            _look_at,
            folder.path,
            recursive=folder.recursive,
            ignored=self._settings.ignored,
            skip=PLACES if folder.move else (),
        )
        watched.state.read(listing.folders[folder.path], file_system)
        watched.folders, watched.unread, watched.unmarked = listing.folders, listing.unread, 0
        before, watched.files = watched.files, {}
        for name, stamp in listing.files.items():
            if not folder.is_marked(name, listing.files):
                watched.unmarked += not folder.is_marker(name)
                continue
            known = before.get(name)
            same = known is not None and known.stamp == stamp
            watched.files[name] = (
                known if known is not None and same else KnownFile(label=spelt(name), stamp=stamp, since=now)
            )

    # -- taking --------------------------------------------------------------------------------------

    async def _take_all(self, watched: KnownFolder) -> None:
        waiting = ((name, file) for name, file in watched.files.items() if file.job_id is None and not file.over)
        while batch := list(islice(waiting, BATCH)):
            left = await self._not_taken_before(watched, batch)
            rest = iter(left)
            ends = await asyncio.gather(
                *(self._take_each(watched, rest) for _ in range(TAKEN_AT_ONCE)), return_exceptions=True
            )
            if (error := next(filter(None, ends), None)) is not None:
                raise error

    async def _take_each(self, watched: KnownFolder, files: Iterator[_Waiting]) -> None:
        for name, file, before in files:
            if self._closing.is_set() or self._full:
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
                moved = (job for job in jobs if file.stamp.moved_from(Stamp.read(job.origin_stamp)))
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
        try:
            job_id = await self._taker.take(watched, name, file, before)
            if job_id is None:
                await self._opened(watched, name, file)
            else:
                self._taken(watched, file, job_id)
        except FileUnstableError:
            file.unfinished = True
            if file.nearly_due:
                self._executors.expect_cpu()
        except FileNotReadError as error:
            file.trouble = str(error)
        except FileTooLargeError as error:
            await self._refuse(watched, name, file, f"file.too_large: {error}; split it, or raise intake.max_file_mb")
        except SpoolFullError as error:
            self._stop(str(error))
        watched.state.goes_on()

    async def _opened(self, watched: KnownFolder, name: str, file: KnownFile) -> None:
        """Let an archive be whose files have become jobs; each of these is told of for itself."""
        file.over = True
        if watched.folder.move:
            try:
                await self._filing.opened(watched.folder, name, file.stamp)
            except OSError as error:
                file.trouble = f"cannot be moved: {reason_of(error)}"

    async def _refuse(self, watched: KnownFolder, name: str, file: KnownFile, reason: str) -> None:
        """Let a file be that becomes no job, as long as it stays as it is."""
        file.over = True
        logger.warning("file refused", extra={"file": spelt(name), "reason": reason})
        if watched.folder.move:
            try:
                await self._filing.refuse(watched.folder, name, file.stamp, reason)
            except OSError as error:
                file.trouble = f"cannot be moved: {reason_of(error)}"

    # -- moving --------------------------------------------------------------------------------------

    async def _put_away(self, watched: KnownFolder) -> None:
        """Tell in the folder how jobs have ended, also those whose files an earlier process has taken."""
        told = []
        watched.unmoved = {}
        for job in await self._queries.owed(spelt(str(watched.folder.path)), limit=BATCH):
            if self._closing.is_set():
                break
            try:
                await self._filing.put_away(watched.folder, watched.name_of(job.origin or ""), job)
                told.append(job.id)
            except OSError as error:
                watched.unmoved[job.file] = reason_of(error)
            except RejectsLaterError as error:
                watched.unmoved[job.file] = str(error)
            if len(told) >= TOLD_AT_ONCE:
                await self._ledger.delivered(told)
                told = []
        if told:
            await self._ledger.delivered(told)


def _look_at(folder: Path, *, recursive: bool, ignored: Ignored, skip: Collection[str]) -> tuple[Listing, FileSystem]:
    """Return what a folder holds and on what it lies. Blocking."""
    listing = list_files(folder, recursive=recursive, ignored=ignored, skip=skip)
    return listing, file_system_of(listing.folders[folder].device)
