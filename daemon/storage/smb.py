"""Folders of Windows and Samba shares, by the library that fsspec's own kind of them is made of.

That one shares the connections to a server among all users, tells the time of a file in two precisions, and waits for
ever for a server that has fallen silent.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import stat
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from .file_servers import FileServer
from .store import PAGE, Store, StoredObject

PORT: Final = 445
SHARED: Final = "r"
"""While a file of ours is open others may read it, and nobody writes."""
WRITTEN: Final = 1 << 20
"""Bytes that are written by one call."""


class SmbStore(FileServer):
    """A folder of a share, which is the first part of the path; the connection is this store's alone."""

    extra = "smb"

    def __init__(self, *given: Any) -> None:
        """Connect to nothing yet."""
        super().__init__(*given)
        self._connections: dict[str, Any] = {}
        secrets = self.access.credentials
        self._session: dict[str, Any] = {
            "username": secrets.get("username"),
            "password": secrets.get("password"),
            "port": self.location.port or PORT,
            "encrypt": True if self.access.options.get("encrypt") == "yes" else None,
            "connection_timeout": self.timeout_seconds,
            "connection_cache": self._connections,
        }

    def enter(self) -> Any:
        """Return the library; it connects with the first call and, where the connection was lost, with the next."""
        return self.library("smbclient")

    def entries(self, folder: str) -> Iterator[dict[str, Any]]:
        """Yield what a folder holds as the server tells it."""
        found = self.fs.scandir(self._place(folder), **self._session)
        try:
            while names := self._within(_some, found):
                for name, info in names:
                    yield info | {"name": f"{folder.rstrip('/')}/{name}"}
        finally:
            self._within(found.close)

    def info(self, full: str) -> dict[str, Any]:
        """Return what the server tells of a path; a link is no file."""
        told = self._within(self.fs.stat, self._place(full), follow_symlinks=False, **self._session)
        return {
            "name": full,
            "type": "file" if stat.S_ISREG(told.st_mode) else "other",
            "size": told.st_size,
            # In microseconds, cut off, as a listing has it: the server counts in tenths of them.
            "mtime": told.st_mtime_ns // 1000 / 10**6,
        }

    def blocks(self, file: StoredObject, block_bytes: int) -> Iterator[bytes]:
        """Yield the content block by block."""
        with self._opened(self.full(file.path), "rb") as source:
            while block := self._within(source.read, block_bytes):
                yield block

    def put(self, local: Path, path: str) -> None:
        """Write a file of this machine; nobody reads it before it is whole, unless the connection is lost."""
        full = self.full(path)
        self.make_folder(full)
        with local.open("rb") as source, self._opened(full, "wb") as copy:
            while block := source.read(WRITTEN):
                self._within(copy.write, block)

    def delete(self, path: str) -> None:
        """Remove a file, and nothing else."""
        self._within(self.fs.remove, self._place(self.full(path)), **self._session)

    def move(self, path: str, to: Store, target: str) -> None:
        """Have the server rename a file; one that is there already is not replaced."""
        full = to.full(target)
        self.make_folder(full)
        self._within(self.fs.rename, self._place(self.full(path)), self._place(full), **self._session)

    def make_folder(self, full: str) -> None:
        """Make the folder that a file is to lie in; a share is there or not."""
        folder = full.rpartition("/")[0]
        if folder.count("/") > 1:
            self._within(self.fs.makedirs, self._place(folder), exist_ok=True, **self._session)

    def leave(self) -> None:
        """Give up the connection, without a word to a server that may not answer."""
        super().leave()
        while self._connections:
            self._connections.popitem()[1].disconnect(close=False)

    def _place(self, full: str) -> str:
        return f"\\\\{self.location.host}{full}".replace("/", "\\")

    @contextlib.contextmanager
    def _opened(self, full: str, mode: str) -> Iterator[Any]:
        share = SHARED if mode == "rb" else None
        file = self._within(self.fs.open_file, self._place(full), mode, share_access=share, **self._session)
        try:
            yield file
        finally:
            self._within(file.close)

    def _within(self, call: Any, *given: Any, **named: Any) -> Any:
        """Make a call of the library, which knows no deadline, and cut the connection when its time is over.

        Raises:
            TimeoutError: the server has not answered in time.
            ConnectionResetError: the library's receiving thread closed the lost connection while this call was about
                to send.

        """
        over = threading.Event()

        def cut() -> None:
            over.set()
            for connection in list(self._connections.values()):
                with contextlib.suppress(OSError, AttributeError):  # gone already, or not connected yet
                    sock = connection.transport._sock  # noqa: SLF001  # the library's `close` waits for a `send` that waits
                    sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self.timeout_seconds, cut)
        timer.start()
        try:
            return call(*given, **named)
        except Exception as error:
            if over.is_set():
                raise TimeoutError(f"no answer within {self.timeout_seconds:g} s") from error
            if isinstance(error, OSError) and error.errno == errno.EBADF:
                raise ConnectionResetError("the connection was lost") from error
            raise
        finally:
            timer.cancel()


def _some(found: Iterator[Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the next files of a folder, with what is told of each; none at the end."""
    return [
        (
            entry.name,
            {
                "type": "directory" if entry.is_dir(follow_symlinks=False) else "file",
                "islink": entry.is_symlink(),
                "size": entry.smb_info.end_of_file,
                "mtime": entry.smb_info.last_write_time,
            },
        )
        for entry in islice(found, PAGE)
    ]
