"""Watched folders to submissions: owns when a file is whole and which were taken; knows nothing of what is in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ingest.errors import FileRejectedError

from ..errors import FileTooLargeError, FileUnstableError, SpoolFullError, StartupError
from ..ledger.jobs import Origin
from .folder_archive import PLACES
from .folder_files import Stamp, is_being_written, list_files, opened, stamp_of
from .folder_notify import FolderWatch

if TYPE_CHECKING:
    from ..ledger.jobs import Job
    from ..pipeline.parts import PipelineParts
    from ..spool import Received
    from .folder_archive import Filing
    from .submissions import Submissions

logger = logging.getLogger(__name__)

TAKEN_AT_ONCE: Final = 4
BATCH: Final = 200
"""Files that the ledger is asked about at a time."""
WRITER_SECONDS: Final = 60.0
"""How long a file that a process holds open for writing is waited for after its last change.

Some programs hold it open for as long as the workbook is on somebody's screen, and some network file systems
say so of every file.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFolder:
    """A folder whose files are submitted; without a dataset each file's path decides by the datasets' `match`.

    With `move` a file goes to done/ or rejected/ when its job has ended.
    """

    path: Path
    dataset: str | None = None
    recursive: bool = True
    move: bool = False


@dataclass(slots=True, kw_only=True)
class _File:
    """A file as the last scan saw it: since when it has been like this, and the job that it became."""

    stamp: Stamp
    since: float
    job_id: int | None = None
    over: bool = False
    """Nothing is left to do with it."""


@dataclass(slots=True, kw_only=True)
class _Watched:
    """A folder and what is known of its files, by their path below it."""

    folder: WatchedFolder
    files: dict[str, _File] = field(default_factory=dict)
    folders: frozenset[Path] = frozenset()

    @property
    def unsettled(self) -> bool:
        """Whether there is a file to be looked at again soon."""
        return any(not file.over for file in self.files.values())

    def origin(self, name: str) -> str:
        """Return the ledger's name of a file; a path need not be a text, so what is not UTF-8 is spelt out."""
        return _text(str(self.folder.path / name))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """Which folders are watched, how often they are looked through, and how large a file may be."""

    folders: tuple[WatchedFolder, ...]
    scan_seconds: float
    rescan_seconds: float
    max_file_bytes: int


class Intake:
    """Scans the folders after every notification and now and then, and submits each file once per change."""

    def __init__(
        self, settings: IntakeSettings, parts: PipelineParts, submissions: Submissions, filing: Filing
    ) -> None:
        self._watched = [_Watched(folder=folder) for folder in settings.folders]
        self._settings, self._submissions, self._filing = settings, submissions, filing
        self._queries, self._spool = parts.queries, parts.spool
        self._executors, self._database = parts.executors, parts.database
        self._watch = FolderWatch()
        self._closing = asyncio.Event()
        self._full = False

    async def __aenter__(self) -> Self:
        """Check the folders.

        Raises:
            StartupError: one is not a folder that can be read, or written where files are to be moved.

        """
        for folder in (watched.folder for watched in self._watched):
            rights = os.R_OK | os.X_OK | (os.W_OK if folder.move else 0)
            if not folder.path.is_dir() or not os.access(folder.path, rights):
                wanted = "read and written" if folder.move else "read"
                raise StartupError(
                    f"watched folder {folder.path} cannot be {wanted}; create it or correct intake.folders"
                )
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
                await self._watch.use(frozenset().union(*(watched.folders for watched in self._watched)))
                await self._pause()
        finally:
            await self._watch.close()

    async def _pause(self) -> None:
        """Wait for a change, or until it is time to look again; never less than the time between two looks."""
        soon = any(watched.unsettled for watched in self._watched) and not self._full
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._settings.scan_seconds)
        if not soon and self._watch.works:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._watch.changed.wait(), self._settings.rescan_seconds)

    async def _look_through(self, watched: _Watched) -> None:
        try:
            await self._scan(watched)
            await self._take_all(watched)
            if watched.folder.move:
                await self._put_away(watched)
        except Exception as error:
            if not self._will_pass(error):
                raise
            logger.warning("folder not read", extra={"folder": str(watched.folder.path), "reason": _text(str(error))})

    def _stop(self, reason: str) -> None:
        """Take nothing until the next look."""
        if not self._full:
            self._full = True
            logger.warning("intake stopped", extra={"reason": reason})

    def _will_pass(self, error: Exception) -> bool:
        return isinstance(error, OSError) or self._database.will_pass(error)

    async def _scan(self, watched: _Watched) -> None:
        folder, now = watched.folder, time.monotonic()
        listing = await self._executors.run_io(
            list_files, folder.path, recursive=folder.recursive, skip=PLACES if folder.move else ()
        )
        watched.folders = listing.folders
        before, watched.files = watched.files, {}
        for name, stamp in listing.files.items():
            known = before.get(name)
            same = known is not None and known.stamp == stamp
            watched.files[name] = known if known is not None and same else _File(stamp=stamp, since=now)

    # -- taking --------------------------------------------------------------------------------------

    async def _take_all(self, watched: _Watched) -> None:
        waiting = ((name, file) for name, file in watched.files.items() if file.job_id is None and not file.over)
        while batch := list(islice(waiting, BATCH)):
            taken = await self._taken_before(watched, [name for name, _ in batch])
            left = []
            for name, file in batch:
                job = taken.get((watched.origin(name), str(file.stamp)))
                # One that waits in another spool may have lost its file: the ledger decides whose it is.
                if job is None or (job.state == "queued" and job.spool_id != self._spool.id):
                    left.append((name, file))
                else:
                    self._taken(watched, file, job)
            rest = iter(left)
            ends = await asyncio.gather(
                *(self._take_each(watched, rest) for _ in range(TAKEN_AT_ONCE)), return_exceptions=True
            )
            if (error := next(filter(None, ends), None)) is not None:
                raise error

    async def _take_each(self, watched: _Watched, files: Iterator[tuple[str, _File]]) -> None:
        for name, file in files:
            if self._closing.is_set() or self._full:
                return
            await self._take(watched, name, file)

    async def _taken_before(self, watched: _Watched, names: Sequence[str]) -> dict[tuple[str | None, str | None], Job]:
        """Return the jobs of files that were taken by an earlier process and not moved yet.

        Files that stay are handed in once more by each process, and are then duplicates.
        """
        if not watched.folder.move:
            return {}
        jobs = await self._queries.by_origin([watched.origin(name) for name in names])
        return {(job.origin, job.origin_stamp): job for job in reversed(jobs)}

    def _taken(self, watched: _Watched, file: _File, job: Job) -> None:
        file.job_id, file.over = job.id, not watched.folder.move

    async def _take(self, watched: _Watched, name: str, file: _File) -> None:
        settled = time.monotonic() - file.since
        try:
            received = await self._executors.run_io(self._receive, watched.folder.path, name, file.stamp, settled)
            self._taken(watched, file, await self._submit(watched, name, file, received))
        except FileUnstableError:
            return
        except FileTooLargeError as error:
            await self._refuse(watched, name, file, f"file.too_large: {error}; split it, or raise intake.max_file_mb")
        except SpoolFullError as error:
            self._stop(str(error))
        except Exception as error:
            if not self._will_pass(error):
                raise
            logger.warning("file not taken yet", extra={"file": _text(name), "reason": _text(str(error))})

    async def _refuse(self, watched: _Watched, name: str, file: _File, reason: str) -> None:
        """Let a file be that becomes no job, as long as it stays as it is."""
        file.over = True
        logger.warning("file refused", extra={"file": _text(name), "reason": reason})
        if watched.folder.move:
            try:
                await self._filing.refuse(watched.folder.path, name, file.stamp, reason)
            except OSError as error:
                logger.warning("file not moved", extra={"file": _text(name), "reason": _text(str(error))})

    def _receive(self, folder: Path, name: str, stamp: Stamp, settled_seconds: float) -> Received:
        """Copy a file into the spool if it is whole. Blocking; for an I/O thread."""
        with opened(folder, name) as descriptor:
            facts = os.fstat(descriptor)
            if stamp_of(facts) != stamp or not self._is_whole(descriptor, facts, settled_seconds):
                raise FileUnstableError
            return self._spool.receive_open(descriptor, self._settings.max_file_bytes)

    def _is_whole(self, descriptor: int, facts: os.stat_result, settled_seconds: float) -> bool:
        """Say whether a file may be taken: nobody writes to it, and it is old enough or two scans saw it alike."""
        written = is_being_written(descriptor)
        if written:
            return settled_seconds >= WRITER_SECONDS
        if settled_seconds >= self._settings.scan_seconds:
            return True
        # It came whole, by a rename: its content is older than the last look.
        return written is False and time.time() - facts.st_mtime >= max(self._settings.scan_seconds, 1.0)

    async def _submit(self, watched: _Watched, name: str, file: _File, received: Received) -> Job:
        origin = Origin(path=watched.origin(name), stamp=str(file.stamp))
        label = _text(name)
        try:
            dataset = self._submissions.choose(watched.folder.dataset, name, f"{watched.folder.path.name}/{name}")
        except FileRejectedError as error:
            return await self._submissions.refuse(
                received, record=error.record, file=label, source="folder", origin=origin
            )
        return await self._submissions.enter(received, dataset=dataset, file=label, source="folder", origin=origin)

    # -- moving --------------------------------------------------------------------------------------

    async def _put_away(self, watched: _Watched) -> None:
        """Move the files whose jobs have ended; the oldest jobs end first, so only those are asked for."""
        open_files = sorted(
            (file.job_id, name) for name, file in watched.files.items() if file.job_id is not None and not file.over
        )[:BATCH]
        ended = {job.id: job for job in await self._queries.ended([number for number, _ in open_files])}
        for number, name in open_files:
            file = watched.files[name]
            if number in ended and not self._closing.is_set():
                try:
                    file.over = await self._filing.put_away(watched.folder.path, name, file.stamp, ended[number])
                except OSError as error:
                    logger.warning("file not moved", extra={"file": _text(name), "reason": _text(str(error))})


def _text(path: str) -> str:
    """Return a path as a text of one line: what is not UTF-8 or cannot be printed is spelt out."""
    whole = path.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in whole)
