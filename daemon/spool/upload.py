"""One submission on its way into the spool: owns its limits, its hash, and that its bytes lie there for good."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest.messages import say

from ..errors import FileTooLargeError, SpoolFullError, SpoolUnwritableError
from ..machine.renaming import sync_folder

FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
UNWRITABLE: Final = frozenset(
    (errno.EROFS, errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR)
)
"""What a disk says that has failed and was made read-only, and folders that are gone or closed to us."""
SOURCE: Final = "source"
"""The name of a submission's bytes in its folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A file that lies in the spool, fsynced, under its key; `seconds` is how long it took to get there."""

    key: str
    sha256: str
    size_bytes: int
    seconds: float


class Upload:
    """One submission being received: write its bytes, then `keep` or `discard` it. Blocking; for an I/O thread."""

    def __init__(self, folder: Path, key: str, max_bytes: int, *, check_room: Callable[[], None]) -> None:
        self._folder, self._key, self._max_bytes = folder, key, max_bytes
        self._check_room = check_room
        self._digest = hashlib.sha256()
        self._size = 0
        self._began = time.monotonic()
        folder.mkdir(mode=0o700)
        try:
            self._file = (folder / "source.part").open("xb", buffering=0)
        except OSError:
            # Without an inode or a descriptor: nobody would come to remove it as long as this daemon lives.
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise

    def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            FileTooLargeError: there are more than the limit.
            SpoolFullError, SpoolUnwritableError: the disk has no room, or takes nothing.

        """
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise FileTooLargeError(say("the file has more than {limit} bytes", limit=self._max_bytes))
        self._digest.update(chunk)
        with disk_errors():
            self._check_room()
            view = memoryview(chunk)
            while view:
                view = view[self._file.write(view) :]

    def keep(self) -> Received:
        """Make the bytes durable: fsync, rename, fsync of both folders. Only then may the ledger name them."""
        with disk_errors():
            os.fsync(self._file.fileno())
            self._file.close()
            (self._folder / "source.part").rename(self._folder / SOURCE)
            sync_folder(self._folder)
            sync_folder(self._folder.parent)
        return Received(
            key=self._key,
            sha256=self._digest.hexdigest(),
            size_bytes=self._size,
            seconds=time.monotonic() - self._began,
        )

    def discard(self) -> None:
        """Remove what was written."""
        self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Raise SpoolFullError for what a full disk raises, SpoolUnwritableError for what one does that takes nothing."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise SpoolFullError from error
        if error.errno in UNWRITABLE:
            raise SpoolUnwritableError(
                say(
                    "the spool cannot be written: {reason}; mend its disk or its rights, then submit the file again",
                    reason=error.strerror,
                )
            ) from error
        raise
