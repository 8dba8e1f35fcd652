"""Files below one URL, on this machine or elsewhere: listed, read in blocks, written, moved, removed. Blocking.

For I/O threads: each call ends within a deadline, and one that goes through many files is an iterator whose steps are
such calls. Errors are of few kinds and say what to do (`daemon.errors.StorageError`); no secret is in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from ingest.messages import say

from ..config.storage_access import Access
from ..config.storage_url import Location
from ..errors import StorageChangedError, StorageError, StorageNotFoundError
from .failures import failure_of
from .file_servers import LocalStore, SftpStore, WebdavStore
from .object_stores import AzureStore, GcsStore, S3Store
from .smb import SmbStore

if TYPE_CHECKING:
    from .store import Store, StoredObject

BLOCK_BYTES: Final = 4 << 20
"""What one step of reading brings."""
STORES: Final[Mapping[str, type[Store]]] = {
    "file": LocalStore,
    "s3": S3Store,
    "gcs": GcsStore,
    "azure": AzureStore,
    "sftp": SftpStore,
    "smb": SmbStore,
    "webdav": WebdavStore,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """How much was read or written, and its SHA-256 in hexadecimal digits."""

    size_bytes: int
    sha256: str


class Storage:
    """The files below a URL. Connects with the first call, which comes alone, and again after an error.

    Later calls may come from several threads; an iterator is for one at a time.
    """

    def __init__(self, location: Location, access: Access, *, timeout_seconds: float) -> None:
        """`timeout_seconds` bounds each question to the storage."""
        self.location, self._access = location, access
        self._store = STORES[location.kind](location, access, timeout_seconds)

    @classmethod
    def at(cls, url: str, options: Mapping[str, str], credentials_file: Path | None, *, timeout_seconds: float) -> Self:
        """Return the storage of a URL; its library is imported, and its server asked, with the first call.

        Raises:
            StorageSettingsError: the URL, an option or the credentials file cannot be used.

        """
        location = Location.of(url)
        access = Access.read(location.kind, options, credentials_file)
        return cls(location, access, timeout_seconds=timeout_seconds)

    def pages(self, *, recursive: bool = True, skip: str | None = None) -> Iterator[list[StoredObject]]:
        """Yield the files, at most 1,000 at a step, but for those below the path `skip`.

        Raises:
            StorageError: the storage cannot be listed.

        """
        pages = self._store.pages(recursive=recursive, skip=skip)
        while True:
            with self._told():
                page = next(pages, None)
            if page is None:
                return
            yield page

    def stat(self, path: str) -> StoredObject | None:
        """Return a file as it is now; None if there is none.

        Raises:
            StorageError: the storage does not say.

        """
        with self._told():
            return self._store.stat(path)

    def exists(self, path: str) -> bool:
        """Say whether there is a file of this path; raises what `stat` raises."""
        return self.stat(path) is not None

    def blocks(self, file: StoredObject) -> Generator[bytes]:
        """Yield the content of a file as it was listed, at most `BLOCK_BYTES` at a step.

        Raises:
            StorageChangedError: it is another than it was; what was read is worth nothing.
            StorageNotFoundError: it is there no more.
            StorageError: it cannot be read.

        """
        self._see_unchanged(file)
        # Nothing is asked for of what is empty: not every library can open such a file.
        blocks, size = self._store.blocks(file, BLOCK_BYTES) if file.size_bytes else iter(()), 0
        while True:
            try:
                with self._told():
                    block = next(blocks, b"")
            except StorageError:
                self._see_unchanged(file)  # a file that is replaced meanwhile may end early
                raise
            if not block:
                break
            size += len(block)
            yield block
        self._see_unchanged(file)
        if size != file.size_bytes:
            raise StorageChangedError

    def read_into(self, file: StoredObject, out: BinaryIO) -> Content:
        """Write the content of a file into another that is open; raises what `blocks` raises."""
        digest = hashlib.sha256()
        for block in self.blocks(file):
            digest.update(block)
            out.write(block)
        return Content(size_bytes=file.size_bytes, sha256=digest.hexdigest())

    def write(self, local: Path, path: str) -> Content:
        """Write a file of this machine, read it back, and return what lies there now.

        Raises:
            StorageError: it cannot be written, or not be read back.

        """
        with self._told():
            self._store.put(local, path)
        written, digest = self.stat(path), hashlib.sha256()
        if written is None:
            raise StorageNotFoundError(say("{place} has not kept what was written; it is tried again", place=path))
        for block in self.blocks(written):
            digest.update(block)
        return Content(size_bytes=written.size_bytes, sha256=digest.hexdigest())

    def delete(self, path: str) -> None:
        """Remove a file; one that is there no more is fine.

        Raises:
            StorageError: it cannot be removed.

        """
        try:
            with self._told():
                self._store.delete(path)
        except StorageNotFoundError:
            pass

    def move(self, path: str, to: Storage, target: str) -> None:
        """Move a file to a path below another location of the same storage, which nobody else has taken.

        Raises:
            StorageSettingsError: that lies in another storage.
            StorageError: it cannot be moved.

        """
        self.location.see_movable(to.location)
        with self._told():
            self._store.move(path, to._store, target)  # one of its own kind

    def close(self) -> None:
        """Give up the connections; the next call makes new ones."""
        self._store.leave()

    def _see_unchanged(self, file: StoredObject) -> None:
        now = self.stat(file.path)
        if now is None:
            raise StorageNotFoundError(say("{place} is there no more; put it there again", place=file.path))
        if now.version != file.version:
            raise StorageChangedError

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise what a library raises as one of the few kinds of errors, without secrets."""
        try:
            yield
        except Exception as error:
            failure = failure_of(error, self.location.url)
            if failure is error:
                raise
            self._store.leave()
            text = self._access.without_secrets(str(failure))
            # The library's own error may have secrets in it, and is not chained for that.
            raise (failure if text == str(failure) else type(failure)(text)) from None


__all__ = ["BLOCK_BYTES", "Content", "Storage", "StorageError"]
