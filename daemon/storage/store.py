"""What is asked of every kind of storage, in the words of fsspec; each kind says only where it differs. Blocking."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ingest.messages import say

from ..errors import StorageExtraMissingError, StorageNotFoundError
from .failures import failure_of

if TYPE_CHECKING:
    from pathlib import Path

    from ..config.storage_access import Access
    from ..config.storage_url import Location

PAGE: Final = 1000
"""Files of one page of a listing, as the object stores have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """A file by its path below the location, with its size and what tells one content from the next."""

    path: str
    size_bytes: int
    version: str
    modified_at: float | None
    """Seconds since the epoch, by the clock of the storage."""


class Store(ABC):
    """One location, entered with the first call. Its calls raise what the library raises."""

    extra: ClassVar[str] = ""
    """The extra of Headgate that brings the library."""

    def __init__(self, location: Location, access: Access, timeout_seconds: float) -> None:
        self.location, self.access, self.timeout_seconds = location, access, timeout_seconds
        self._entered: Any = None

    @abstractmethod
    def enter(self) -> Any:
        """Return the file system of fsspec."""

    @abstractmethod
    def pages(self, *, recursive: bool, skip: str | None) -> Iterator[list[StoredObject]]:
        """Yield the files page by page, but for those below the path `skip`; each step is one call or a few."""

    @abstractmethod
    def found(self, info: dict[str, Any]) -> StoredObject:
        """Return a file as fsspec tells of it."""

    @property
    def fs(self) -> Any:
        """The file system, entered now if it was not."""
        self.log_in()
        return self._entered

    def log_in(self) -> None:
        """Enter the file system, if it was not."""
        if self._entered is None:
            self._entered = self.enter()

    @property
    def waits(self) -> dict[str, Any]:
        """What bounds a single call of the library, where it is said with each."""
        return {}

    def library(self, name: str) -> Any:
        """Import the library of this kind.

        Raises:
            StorageExtraMissingError: it is not installed.

        """
        try:
            return importlib.import_module(name)
        except ImportError as error:
            raise StorageExtraMissingError(
                say(
                    "{kind} storage needs a library that is not installed ({error}); "
                    "run: pip install 'headgate[{extra}]'",
                    kind=self.location.kind,
                    error=error,
                    extra=self.extra,
                )
            ) from error

    def stat(self, path: str) -> StoredObject | None:
        """Return a file; None if there is none of this path."""
        try:
            info = self.info(self.full(path))
        except Exception as error:
            if isinstance(failure_of(error, path), StorageNotFoundError):
                return None
            raise
        return self.found(info) if info["type"] == "file" else None

    def info(self, full: str) -> dict[str, Any]:
        """Return what is told of a path, as fsspec does; raises what the library raises."""
        told: dict[str, Any] = self.fs.info(full, **self.waits)
        return told

    def blocks(self, file: StoredObject, block_bytes: int) -> Iterator[bytes]:
        """Yield the content block by block; a step that failed may not be tried again."""
        with self.fs.open(self.full(file.path), "rb") as source:
            while block := source.read(block_bytes, **self.waits):
                yield block

    def put(self, local: Path, path: str) -> None:
        """Write a file of this machine; what was there is replaced."""
        full = self.full(path)
        self.make_folder(full)
        self.fs.put_file(str(local), full, **self.waits)

    def delete(self, path: str) -> None:
        """Remove a file."""
        self.fs.rm_file(self.full(path), **self.waits)

    def move(self, path: str, to: Store, target: str) -> None:
        """Move a file to a path below another location of the same storage."""
        full = to.full(target)
        self.make_folder(full)
        self.fs.mv(self.full(path), full, **self.waits)

    def make_folder(self, full: str) -> None:
        """Make the folder that a file is to lie in, where there are such."""
        self.fs.makedirs(full.rpartition("/")[0], exist_ok=True, **self.waits)

    def full(self, path: str) -> str:
        """Return the path of a file below, as the library takes it."""
        return self.location.full(path)

    def leave(self) -> None:
        """Give up the connections; the next call makes new ones."""
        self._entered = None


def epoch(moment: datetime | float | None) -> float | None:
    """Return a moment in seconds since the epoch."""
    if isinstance(moment, datetime):
        return moment.timestamp()
    return None if moment is None else float(moment)
