"""Watched folders to submissions: owns when a file is whole; knows nothing of what is in it."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from ingest.errors import FileRejectedError

from .errors import FileTooLargeError, FileUnstableError, RetryableError, StartupError

if TYPE_CHECKING:
    from .database import Database
    from .executors import Executors
    from .spool import Received, Spool
    from .submissions import Submissions

logger = logging.getLogger(__name__)

UNFINISHED_PREFIXES: Final = ("~$", ".")
UNFINISHED_SUFFIXES: Final = (".part", ".tmp", ".crdownload")


class Signature(NamedTuple):
    """What changes when somebody writes to a file or puts another in its place."""

    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFolder:
    """A folder whose files are submitted; without a dataset each file's path decides by the datasets' `match`."""

    path: Path
    dataset: str | None = None
    recursive: bool = True


class Intake:
    """Scans the folders and submits each file once per content change, when two scans saw it alike."""

    def __init__(
        self,
        *,
        folders: Sequence[WatchedFolder],
        scan_seconds: float,
        max_file_bytes: int,
        submissions: Submissions,
        spool: Spool,
        executors: Executors,
        database: Database,
    ) -> None:
        self._folders, self._scan_seconds, self._max_file_bytes = folders, scan_seconds, max_file_bytes
        self._submissions, self._spool, self._executors = submissions, spool, executors
        self._database = database
        self._seen: dict[Path, Signature] = {}
        self._taken: dict[Path, Signature] = {}
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Check the folders.

        Raises:
            StartupError: one is not a folder that can be read.

        """
        for folder in self._folders:
            if not os.access(folder.path, os.R_OK | os.X_OK) or not folder.path.is_dir():
                raise StartupError(f"watched folder {folder.path} cannot be read; create it or correct intake.folders")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take no more files; a file being taken is finished by `run`."""
        self._closing.set()

    async def run(self) -> None:
        """Scan until closed."""
        while not self._closing.is_set():
            for folder in self._folders:
                await self._scan(folder)
            try:
                await asyncio.wait_for(self._closing.wait(), self._scan_seconds)
            except TimeoutError:
                continue

    async def _scan(self, folder: WatchedFolder) -> None:
        found = await self._executors.run_io(list_files, folder.path, recursive=folder.recursive)
        self._forget_missing(folder, found)
        for path, signature in found.items():
            if self._closing.is_set():
                return
            stable = self._seen.get(path) == signature
            self._seen[path] = signature
            if stable and self._taken.get(path) != signature:
                await self._take(folder, path, signature)

    def _forget_missing(self, folder: WatchedFolder, found: dict[Path, Signature]) -> None:
        for known in (self._seen, self._taken):
            for path in [path for path in known if path.is_relative_to(folder.path) and path not in found]:
                del known[path]

    async def _take(self, folder: WatchedFolder, path: Path, signature: Signature) -> None:
        relative = path.relative_to(folder.path).as_posix()
        try:
            received: Received = await self._executors.run_io(self._spool.receive_file, path, self._max_file_bytes)
            await self._submit(folder, relative, received)
        except FileUnstableError:
            return
        except FileTooLargeError as error:
            logger.warning("file refused", extra={"file": relative, "code": "file.too_large", "reason": str(error)})
        except Exception as error:  # noqa: BLE001  # raised again unless it will pass
            self._raise_unless_passing(error)
            logger.warning("file not taken yet", extra={"file": relative, "reason": str(error)})
            return
        self._taken[path] = signature

    def _raise_unless_passing(self, error: Exception) -> None:
        passing = isinstance(error, (RetryableError, OSError)) or self._database.classify(error) == "transient"
        if not passing:
            raise error

    async def _submit(self, folder: WatchedFolder, relative: str, received: Received) -> None:
        try:
            dataset = self._submissions.choose(folder.dataset, relative, f"{folder.path.name}/{relative}")
        except FileRejectedError as error:
            await self._submissions.refuse(received, record=error.record, file=relative, source="folder")
            return
        await self._submissions.enter(received, dataset=dataset, file=relative, source="folder")


def list_files(folder: Path, *, recursive: bool) -> dict[Path, Signature]:
    """Return the regular files of a folder, sorted by path; links are not followed. Blocking; for an I/O thread."""
    found: dict[Path, Signature] = {}
    pending = [folder]
    while pending:
        try:
            entries = sorted(os.scandir(pending.pop()), key=lambda entry: entry.name)
        except FileNotFoundError:
            continue
        for entry in entries:
            if entry.name.startswith(UNFINISHED_PREFIXES) or entry.name.endswith(UNFINISHED_SUFFIXES):
                continue
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(facts.st_mode):
                found[Path(entry.path)] = Signature(facts.st_ino, facts.st_size, facts.st_mtime_ns)
            elif recursive and stat.S_ISDIR(facts.st_mode):
                pending.append(Path(entry.path))
    return found
