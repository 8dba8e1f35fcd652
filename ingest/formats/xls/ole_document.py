"""The records of an xls workbook in an OLE document that xlrd does not open: owns how sectors are followed.

What is wrong with a document, [MS-CFB], is mostly beside the workbook: overlaid summaries, a short last sector. Nothing
is read twice, and nothing is believed of a size that the file does not have.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from xlrd.compdoc import SIGNATURE, CompDoc

from ...errors import FileRejectedError, is_of_the_machine, rejected
from ...messages import say

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_HEADER_BYTES: Final = 512
_SHIFT: Final = struct.Struct("<30xH")
_LARGE, _USUAL, _SMALL = 12, 9, 6
"""The sizes of sectors as powers of two; the small ones are within a stream of their own."""
_PLACES: Final = struct.Struct("<48xI8xI4xI4x")
"""Where the directory, the table of small sectors and the list of further tables begin."""
_TABLES: Final = slice(76, 512)
_SMALL_BELOW: Final = 4096
_ENTRY: Final = struct.Struct("<64sH2x3I36xII4x")
"""A stream of the directory: its name and the bytes of that, the entries beside and below it, its start, its size."""
_NAMES: Final = ("workbook", "book")


def small_workbook(path: Path) -> bytes | None:
    """Return the stream of a workbook that a document has in small sectors: xlrd follows a circle of those for ever.

    Raises:
        FileRejectedError: `file.corrupt_container`: they do lead in a circle.

    """
    document = _document(path)
    return document.workbook() if document is not None and document.is_small() else None


def workbook_records(path: Path) -> bytes | None:
    """Return the stream of the workbook, cut where its sectors lead nowhere; None for all but a document as above.

    Raises:
        FileRejectedError: `file.corrupt_container`: it has no such stream, or its sectors lead in a circle.

    """
    document = _document(path)
    return None if document is None or _opens(document.content) else document.workbook()


def _document(path: Path) -> _Document | None:
    content = path.read_bytes()
    return _Document(content) if content.startswith(SIGNATURE) and len(content) >= _HEADER_BYTES else None


def _opens(content: bytes) -> bool:
    """Say whether xlrd opens a document and finds the workbook in it."""
    try:
        document = CompDoc(content, logfile=io.StringIO())
        return any(document.locate_named_stream(name)[0] for name in _NAMES)
    except Exception as error:
        if is_of_the_machine(error):
            raise
        # It has no exception of its own for most damages.
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    name: str
    beside: tuple[int, int]
    below: int
    first: int
    size: int


class _Document:
    """Its streams by the directory, and the table that leads from each sector to the next."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        (shift,) = _SHIFT.unpack_from(content)
        self._shift = _LARGE if shift == _LARGE else _USUAL
        directory, self._small_table, further = _PLACES.unpack_from(content)
        self._table = self._whole_table(further)
        entries = self._joined(self._chain(directory, self._table))
        found = (_ENTRY.unpack_from(entries, place) for place in range(0, len(entries) - _ENTRY.size + 1, _ENTRY.size))
        self._streams = [
            _Stream(
                name=name[: max(0, length - 2)].decode("utf-16-le", "replace").lower(),
                beside=(left, right),
                below=below,
                first=first,
                size=size,
            )
            for name, length, left, right, below, first, size in found
        ]

    def is_small(self) -> bool:
        """Say whether a workbook in it is in small sectors."""
        return any(stream.size < _SMALL_BELOW for stream in self._streams if stream.name in _NAMES)

    def workbook(self) -> bytes:
        """Return the stream of the workbook; of several that of the document itself, not of one that it holds."""
        for wanted in _NAMES:
            found = [number for number, stream in enumerate(self._streams) if stream.name == wanted]
            if len(found) > 1:
                found = sorted(self._own().intersection(found))
                if len(found) != 1:
                    break
            if found:
                return self._read(self._streams[found[0]])
        raise _damaged()

    def _own(self) -> set[int]:
        """Return the entries directly below the root, by their tree."""
        found: set[int] = set()
        left = [self._streams[0].below]
        while left:
            number = left.pop()
            if number < len(self._streams) and number not in found:
                found.add(number)
                left += self._streams[number].beside
        return found

    def _read(self, stream: _Stream) -> bytes:
        first, size = stream.first, stream.size
        if size >= _SMALL_BELOW:
            return self._joined(self._chain(first, self._table, size >> self._shift))[:size]
        around = self._joined(self._chain(self._streams[0].first, self._table))
        table = _numbers(self._joined(self._chain(self._small_table, self._table)))
        sectors = self._chain(first, table, size >> _SMALL)
        return b"".join(around[sector << _SMALL : (sector + 1) << _SMALL] for sector in sectors)[:size]

    def _whole_table(self, further: int) -> NDArray[np.uint32]:
        """Return the table from its sectors, which the header lists, and a chain of sectors that begins at one."""
        needed = (len(self.content) >> self._shift >> (self._shift - 2)) + 1
        sectors = _numbers(self.content[_TABLES]).tolist()
        while len(sectors) < needed and len(listed := self._sector(further)) >> self._shift:
            *more, further = _numbers(listed).tolist()
            sectors += more
        return _numbers(b"".join(self._sector(sector).ljust(1 << self._shift, b"\xff") for sector in sectors[:needed]))

    def _chain(self, sector: int, table: NDArray[np.uint32], last: int | None = None) -> list[int]:
        """Return the sectors from one on, to the end of its chain or to the one of that number."""
        found: dict[int, None] = {}
        while sector < len(table) and (last is None or len(found) <= last):
            if sector in found:
                raise _damaged()
            found[sector] = None
            sector = int(table[sector])
        return list(found)

    def _joined(self, sectors: list[int]) -> bytes:
        """Return what is in sectors, up to the first that is not whole."""
        pieces = []
        for sector in sectors:
            pieces.append(self._sector(sector))
            if len(pieces[-1]) >> self._shift == 0:
                break
        return b"".join(pieces)

    def _sector(self, sector: int) -> bytes:
        return self.content[(sector + 1) << self._shift : (sector + 2) << self._shift]


def _numbers(content: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(content, "<u4", len(content) // 4)


def _damaged() -> FileRejectedError:
    return rejected("file.corrupt_container", say("the sectors of the OLE document do not lead to its workbook"))
