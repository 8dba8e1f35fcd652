"""Which files the places of a command mean, in order and one after the other; knows nothing of what is in them."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ingest.messages import say

from ..config.dataset_files import fitting
from ..errors import HeadgateError
from ..intake.folder_archive import REASON_SUFFIX, REJECTS_SUFFIXES
from ..intake.folder_files import Ignored, reason_of
from ..machine.file_identity import spelt
from .remote import RemotePlace

if TYPE_CHECKING:
    from ..executors.executors import Executors
    from ..spool.spool import Spool
    from ..spool.upload import Received
    from .remote import RemoteAccess, RemoteFile

THIS_MACHINE: Final = ("", "localhost")
OF_HEADGATE: Final = tuple(f"*{suffix}" for suffix in (*REJECTS_SUFFIXES.values(), REASON_SUFFIX))
"""Names of what Headgate itself puts beside files that were rejected."""


class NoSuchPlaceError(HeadgateError):
    """There is no such file, folder or URL; the message says what to name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file of this machine, or with `trouble` one that cannot be looked at, or a folder, and why."""

    path: Path
    size_bytes: int = 0
    trouble: str | None = None

    @property
    def label(self) -> str:
        """What reports and the ledger call it."""
        return spelt(str(self.path))

    def digest(self) -> str:
        """Return the SHA-256 of its content in hexadecimal; a link is an OSError. Blocking."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    async def receive(self, executors: Executors, spool: Spool, max_bytes: int) -> Received:
        """Take a copy into the spool; raises what `Spool.receive_file` raises."""
        received: Received = await executors.run_io(spool.receive_file, self.path, max_bytes)
        return received


class Total(NamedTuple):
    """How many files there are, and how many bytes they have."""

    files: int = 0
    size_bytes: int = 0


class Listing:
    """The files of several places: each in the order given, a folder's by name, with those of the folders in it.

    Nothing is kept of a file: it may be gone through any number of times, however many there are.
    """

    def __init__(self, places: Sequence[str], ignored: Sequence[str], access: RemoteAccess) -> None:
        """Take the places; those of this machine are looked at. Blocking.

        Raises:
            NoSuchPlaceError: one is not there, or a pattern that nothing fits.
            StorageSettingsError: a URL cannot be used.

        """
        self._ignored = Ignored((*ignored, *OF_HEADGATE))
        self._places = [self._place(place, access) for place in places]

    def look_elsewhere(self) -> None:
        """See that there is something at the places on other machines. Blocking, for an I/O thread.

        Raises:
            StorageError: there is nothing, or a storage does not say.

        """
        for place in self._places:
            if isinstance(place, RemotePlace):
                place.look()

    def __iter__(self) -> Iterator[LocalFile | RemoteFile]:
        """Yield the files. Blocking, for an I/O thread.

        Raises:
            StorageError: a storage cannot be listed.

        """
        for place in self._places:
            if isinstance(place, RemotePlace):
                yield from place
            else:
                yield from chain.from_iterable(map(self._below, self._matches(place)))

    def _place(self, place: str, access: RemoteAccess) -> str | RemotePlace:
        """Return the path or pattern of this machine that a place means, or what lies on another one."""
        url = urlsplit(place)
        if "://" not in place:
            pattern = place
        elif url.scheme == "file" and url.netloc in THIS_MACHINE:
            pattern = url2pathname(url.path)
        else:
            return RemotePlace(place, access, self._ignored)
        if next(self._matches(pattern), None) is None:
            raise NoSuchPlaceError(say("{place} is not there; name files, folders or patterns", place=place))
        return pattern

    def _matches(self, pattern: str) -> Iterator[Path]:
        """Yield the paths that a pattern fits, in order; one that is there is no pattern, whatever is in its name."""
        if os.path.lexists(pattern):
            yield Path(pattern)
        elif glob.has_magic(pattern):
            yield from (path for path in fitting(pattern) if path.name not in self._ignored)

    def _below(self, path: Path) -> Iterator[LocalFile]:
        try:
            facts = path.stat()
        except OSError as error:
            yield LocalFile(path=path, trouble=reason_of(error))
            return
        if not stat.S_ISDIR(facts.st_mode):
            # Links are resolved: one that the user names is theirs to name.
            yield LocalFile(path=path.resolve(), size_bytes=facts.st_size)
            return
        waiting = [iter(self._held(path.resolve()))]
        while waiting:
            if (found := next(waiting[-1], None)) is None:
                waiting.pop()
            elif isinstance(found, LocalFile):
                yield found
            else:
                waiting.append(iter(self._held(found)))

    def _held(self, folder: Path) -> Iterator[LocalFile | Path]:
        """Yield the regular files and the folders right in a folder, by name; links are left alone."""
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield LocalFile(path=folder, trouble=reason_of(error))
            return
        for entry in found:
            if entry.name in self._ignored:
                continue
            path = folder / entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    yield path
                elif entry.is_file(follow_symlinks=False):
                    yield LocalFile(path=path, size_bytes=entry.stat(follow_symlinks=False).st_size)
            except FileNotFoundError:
                continue
            except OSError as error:
                yield LocalFile(path=path, trouble=reason_of(error))
