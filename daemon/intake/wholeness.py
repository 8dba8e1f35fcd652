"""When a file of a watched folder is whole: by its writer, by its format's end, and by how long it is quiet."""

from __future__ import annotations

import enum
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .folder_notify import Seen

if TYPE_CHECKING:
    from collections.abc import Generator

_ZIP: Final = b"PK\x03\x04"
_ZIP_ENTRY: Final = b"PK\x01\x02"
_ZIP_END: Final = b"PK\x05\x06"
_ZIP_END_BYTES: Final = 22
_ZIP_TAIL: Final = _ZIP_END_BYTES + 65535
"""The end record and the longest comment behind it (APPNOTE.TXT, 4.3.16)."""
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_OLE_HEAD: Final = 512
_OLE_TABLES: Final = 109
"""So many allocation tables the header names itself; that is 7 MB, or 457 MB with large sectors."""
_FREE: Final = 0xFFFFFFFF
_HOLE: Final = bytes(64)
"""So many zeros no text begins or ends with: the space was taken before the content came."""
_CHUNK: Final = 1 << 20
_DOUBTED: Final = 3
"""A text that ends in the middle of a line or of a quoted value is waited for so many times as long."""
_NEAR_LOOKS: Final = 2
"""One of them may come a little early."""


class End(enum.Enum):
    """What a file's last bytes say."""

    PROVEN = enum.auto()
    """Its format ends with a mark, and that is there."""
    OPEN = enum.auto()
    """A text may end after any line."""
    DOUBTED = enum.auto()
    """A text that ends within a line or a quoted value."""
    NOTHING = enum.auto()
    """The file is empty."""
    MISSING = enum.auto()
    """The mark is not there, or what was written is not all of what was made room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a file must have been quiet, in seconds.

    `scan` where it is certain to be whole, `settle` where it may be, `unfinished` where it is certain not to be.
    """

    scan: float
    settle: float
    unfinished: float

    def needed(self, *, seen: Seen, leased: bool | None, end: End) -> float:
        """Return how long a file must have been quiet; `leased` is what `is_being_written` says of it."""
        # To write, as far as can be told: servers make a file before its first bytes come to them.
        opened = seen is Seen.OPENED and (leased is None or end is End.NOTHING)
        if seen is Seen.WRITING or opened or leased or end is End.MISSING:
            return max(self.unfinished, self.settle)
        if seen is Seen.RENAMED:
            return self.scan
        if end is End.PROVEN:
            return self.scan if leased is False or seen is Seen.CLOSED else self.settle
        return self.settle * (_DOUBTED if end in (End.DOUBTED, End.NOTHING) else 1)

    def is_near(self, left_seconds: float) -> bool:
        """Say whether a file that has to be quiet for so much longer is taken with one of the next looks."""
        return left_seconds <= _NEAR_LOOKS * self.scan


def end_of(descriptor: int, size: int) -> End:
    """Look at the ends of an open file of that size, in bytes. Blocking."""
    head = os.pread(descriptor, _OLE_HEAD, 0)
    if head.startswith(_ZIP):
        return End.PROVEN if _zip_ended(descriptor, size) else End.MISSING
    if head.startswith(_OLE):
        return End.PROVEN if _ole_ended(descriptor, size, head) else End.MISSING
    if not head:
        return End.NOTHING
    tail = os.pread(descriptor, len(_HOLE), max(0, size - len(_HOLE)))
    if size >= len(_HOLE) and (head.startswith(_HOLE) or tail == _HOLE):
        return End.MISSING
    return End.OPEN if tail.rstrip(b"\0 \t\x1a").endswith((b"\n", b"\r", b">")) else End.DOUBTED


def ends_within(descriptor: int) -> Generator[None, None, bool]:
    """Return whether a text ends within a quoted value; yields after each piece. Blocking; reads it whole."""
    found = place = 0
    while chunk := os.pread(descriptor, _CHUNK, place):
        found += chunk.count(b'"')
        place += len(chunk)
        yield
    return found % 2 == 1


def _zip_ended(descriptor: int, size: int) -> bool:
    """Say whether a zip file's end record is there, and the directory that it names."""
    start = max(0, size - _ZIP_TAIL)
    tail = os.pread(descriptor, _ZIP_TAIL, start)
    place = tail.rfind(_ZIP_END)
    if place < 0 or len(tail) - place < _ZIP_END_BYTES:
        return False
    length, first = struct.unpack_from("<II", tail, place + 12)
    if _FREE in (length, first):  # they are in ZIP64's own record, right before the end record
        return True
    # Where it is said to be; some have bytes before the archive, which moves everything behind them.
    places = (first, start + place - length)
    return any(at >= 0 and os.pread(descriptor, 4, at) in (_ZIP_ENTRY, _ZIP_END) for at in places)


def _ole_ended(descriptor: int, size: int, head: bytes) -> bool:
    """Say whether the last sector is there that the allocation table of a compound file speaks of ([MS-CFB] 2.2)."""
    if len(head) < _OLE_HEAD:
        return False
    sector = 1 << int(struct.unpack_from("<H", head, 30)[0])
    tables = int(struct.unpack_from("<I", head, 44)[0])
    if sector not in (512, 4096) or not 0 < tables <= _OLE_TABLES:
        return True  # damaged or huge: nothing to go by
    last = struct.unpack_from("<I", head, 76 + 4 * (tables - 1))[0]
    table = os.pread(descriptor, sector, (last + 1) * sector)
    if len(table) < sector:
        return False
    used = [number for number, entry in enumerate(struct.unpack(f"<{sector // 4}I", table)) if entry != _FREE]
    sectors = (tables - 1) * (sector // 4) + (used[-1] + 1 if used else 0)
    return size > sectors * sector  # the header is one more, and some write the last sector in part
