"""Files of other machines: which ones a URL means, and how one comes into the spool; the storage is a room of its own.

A storage serves one thread at a time: there are as many of each place as calls go on at once.
"""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from ingest.messages import say
from ingest.spec.matching import glob_takes

from ..errors import StorageNotFoundError
from ..intake.sources.receiving import receive
from ..machine.file_identity import spelt
from ..storage.filesystem import Storage
from ..storage.pool import StoragePool

if TYPE_CHECKING:
    from ..executors.executors import Executors
    from ..intake.folder_files import Ignored
    from ..spool.spool import Spool
    from ..spool.upload import Received
    from ..storage.store import StoredObject

TIMEOUT_SECONDS: Final = 60.0
"""How long a storage may be silent to one question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAccess:
    """How the servers of all URLs of a command are entered; see `Storage.at`."""

    options: Mapping[str, str]
    credentials_file: Path | None = None


class RemotePlace:
    """The files that a URL means: one of that name, those below it, or those below it that fit a pattern."""

    def __init__(self, url: str, access: RemoteAccess, ignored: Ignored) -> None:
        """Take the URL.

        Raises:
            StorageSettingsError: the URL, an option or the credentials file cannot be used.

        """
        self.url, self._access, self._ignored = url, access, ignored
        self._base, self._pattern = _cut(url)
        self._file: str | None = None
        self.storages = StoragePool(self._open)

    def look(self) -> None:
        """See that there is something, and whether the URL is that of a file or of what lies below it. Blocking.

        Raises:
            StorageError: there is nothing, or the storage does not say.

        """
        if self._holds_files():
            return
        folder, _, name = self._base.rpartition("/")
        if not self._pattern and not folder.endswith("/"):
            self._base, self._file = folder, unquote(name)
            self.storages = StoragePool(self._open)
            with self.storages.lent() as storage:
                if storage.exists(self._file):
                    return
        raise StorageNotFoundError(say("{place} is not there; name files, folders or patterns", place=self.url))

    def _holds_files(self) -> bool:
        with contextlib.suppress(StorageNotFoundError), self.storages.lent() as storage:
            return any(storage.pages())
        return False

    def __iter__(self) -> Iterator[RemoteFile]:
        """Yield the files as the storage lists them; raises `StorageError`. Blocking, for an I/O thread."""
        with self.storages.lent() as storage:
            if self._file is not None:
                found = storage.stat(self._file)
                if found is not None:
                    yield RemoteFile(place=self, found=found)
                return
            for page in storage.pages():
                for file in page:
                    if self._takes(file.path):
                        yield RemoteFile(place=self, found=file)

    def _takes(self, path: str) -> bool:
        if any(part in self._ignored for part in PurePosixPath(path).parts):
            return False
        return not self._pattern or glob_takes(self._pattern, path)

    def label(self, path: str) -> str:
        """Return what reports and the ledger call a file of this path below."""
        return spelt(f"{self._base}/{path}")

    def _open(self) -> Storage:
        access = self._access
        return Storage.at(self._base, access.options, access.credentials_file, timeout_seconds=TIMEOUT_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file of another machine as it was listed."""

    place: RemotePlace
    found: StoredObject
    trouble: str | None = None

    @property
    def label(self) -> str:
        """What reports and the ledger call it."""
        return self.place.label(self.found.path)

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.found.size_bytes

    @property
    def stamp(self) -> str:
        """What changes when its content does, as far as the storage tells."""
        return self.found.version

    async def receive(self, executors: Executors, spool: Spool, max_bytes: int) -> Received:
        """Take a copy into the spool, block by block.

        Raises:
            StorageError: it cannot be read, or was replaced meanwhile.
            FileTooLargeError, SpoolFullError: it is too large, or there is no room.

        """
        with contextlib.ExitStack() as stack:
            storage = await executors.run_io(stack.enter_context, self.place.storages.lent())
            return await receive(self.found, storage, spool, max_bytes, executors=executors)


def _cut(url: str) -> tuple[str, str]:
    """Cut a URL into what is before its first part with a pattern in it, and the pattern."""
    scheme, _, rest = url.partition("://")
    parts = rest.rstrip("/").split("/")
    first = next((number for number, part in enumerate(parts) if number and glob.has_magic(part)), len(parts))
    return f"{scheme}://{'/'.join(parts[:first])}", "/".join(map(unquote, parts[first:]))
