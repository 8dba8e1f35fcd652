"""The kernel's notifications about folders (inotify(7)): owns the descriptor and the layout of its events only."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

MODIFY: Final = 0x002
CLOSE_WRITE: Final = 0x008
CLOSE_NOWRITE: Final = 0x010
OPEN: Final = 0x020
MOVED_FROM: Final = 0x040
MOVED_TO: Final = 0x080
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
OVERFLOW: Final = 0x4000
IGNORED: Final = 0x8000
IS_FOLDER: Final = 0x4000_0000

_ONLY_FOLDERS: Final = 0x0100_0000
_NO_LINKS: Final = 0x0200_0000
_WATCHED: Final = (
    MODIFY | CLOSE_WRITE | CLOSE_NOWRITE | OPEN | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
)
_HEAD: Final = struct.Struct("iIII")  # watch, what, cookie of a rename, bytes of the name
_READ_BYTES: Final = 1 << 16


class Event(NamedTuple):
    """What happened to `name` in a folder; the two halves of a rename have the same cookie."""

    watch: int
    what: int
    cookie: int
    name: str


class Inotify:
    """An inotify descriptor, never blocking."""

    def __init__(self) -> None:
        """Ask the kernel for one; OSError where there is none, or no more."""
        if not sys.platform.startswith("linux"):
            raise OSError("there is no inotify here")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, folder: Path) -> int:
        """Watch what happens directly in a folder and return the watch's number; OSError if that is not possible."""
        what = ctypes.c_uint32(_WATCHED | _ONLY_FOLDERS | _NO_LINKS)
        return self._checked(self._libc.inotify_add_watch(self.descriptor, os.fsencode(folder), what))

    def remove(self, watch: int) -> None:
        """Watch a folder no longer; one that is gone had its watch ended already."""
        self._libc.inotify_rm_watch(self.descriptor, watch)

    def read(self) -> Iterator[Event]:
        """Yield all that has happened since the last call."""
        while True:
            try:
                data = os.read(self.descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            place = 0
            while place < len(data):
                watch, what, cookie, size = _HEAD.unpack_from(data, place)
                place += _HEAD.size
                yield Event(watch, what, cookie, os.fsdecode(data[place : place + size].rstrip(b"\0")))
                place += size

    def close(self) -> None:
        """Give the descriptor back, and with it every watch."""
        os.close(self.descriptor)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
