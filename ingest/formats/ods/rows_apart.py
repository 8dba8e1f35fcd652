"""The rows of common forms taken out of a document's XML before a parser reads it: an element stands for each run.

The parser still says where everything is, and reads all other rows; what is here knows no sheets and no styles.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ...parallel import ahead
from ..unsure import UnsureError
from ..zip.xml_bytes import XmlBytes
from ..zip.xml_text import is_utf8
from .names import TABLE, names_of, qualified
from .row_scan import find_rows
from .taken_rows import TakenRows, TypedCells

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from .names import Names, Namespaces
    from .row_scan import FoundRows
    from .styles import OdsStyles

_PIECE_BYTES: Final = 1 << 20
"""What is looked through at once: more does not stay in a core's cache."""
_ROW: Final = re.compile(rb"<(?:[^\s<>/:]+:)?table-row[\s/>]")
_ROW_END: Final = b"table-row>"
_NUMBER: Final = "number"


class RowsApart:
    """Takes rows out of one document, and gives them back when the parser comes to the element that stands for them."""

    def __init__(self, styles: OdsStyles) -> None:
        self._styles = styles
        # No document knows the name, so none can have such an element.
        self._mark = f"rows-{secrets.token_hex(8)}"
        self.tag = qualified(TABLE, self._mark)[0]
        self._names: Names | None = None
        self._taken: dict[str, TakenRows] = {}
        self._count = 0

    def begin(self, namespaces: Namespaces) -> None:
        """Note the prefixes that are known where a table begins."""
        if self._names is None or self._names.namespaces != namespaces:
            self._names = names_of(namespaces)

    def left(self, content: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what is left of the document."""
        pieces = iter(content)
        rest = yield from self._head(pieces)
        hidden = False
        for found in ahead(_scan, ((piece, self._names) for piece in _whole_rows(rest, pieces))):
            # From where a text may contain what only looks like rows, all is left.
            hidden |= found.hides
            if hidden or found.rows is None or found.names is None:
                yield found.content
            else:
                yield self._without(found.content, found.rows, found.names)

    def _head(self, pieces: Iterator[bytes]) -> Generator[bytes, None, bytes]:
        """Yield all before the first row, so that the parser tells of its table; return what begins with the row."""
        for number, piece in enumerate(pieces):
            found = _ROW.search(piece)
            if not number and not is_utf8(piece):
                yield piece
                yield from pieces
            elif found is None:
                yield piece
            else:
                yield piece[: found.start()]
                if self._names is not None:
                    return piece[found.start() :]
                yield piece[found.start() :]
        return b""

    def _without(self, content: bytes, rows: FoundRows, names: Names) -> bytes:
        """Return a piece with elements in the place of its runs."""
        cells = TypedCells(rows, names, self._styles)
        view, parts = memoryview(content), list[bytes | memoryview]()
        place = 0
        for run in rows.runs:
            self._count += 1
            self._taken[str(self._count)] = TakenRows(cells, run)
            element = f'{self._mark} {_NUMBER}="{self._count}"/>'
            parts += [view[place : run.start], b"<", names.prefix, element.encode()]
            place = run.end
        return b"".join([*parts, view[place:]])

    def take(self, element: Any) -> TakenRows:
        """Return the rows that an element stands for.

        Raises:
            UnsureError: what was taken out may mean something else in this place.

        """
        taken = self._taken.pop(element.get(_NUMBER))
        if element.nsmap != taken.namespaces:
            raise UnsureError
        return taken


class _Scanned(NamedTuple):
    """A piece with the rows that were found by these names, if any; `hides` says that texts may hide others."""

    content: bytes
    names: Names | None
    rows: FoundRows | None
    hides: bool


def _scan(piece: tuple[bytes, Names | None]) -> _Scanned:
    content, names = piece
    xml = XmlBytes(content)
    hides = xml.holds(b"<!", b"!")
    return _Scanned(content, names, None if hides or names is None else find_rows(xml, names), hides)


def _whole_rows(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces of a good size that end with a row; if one is longer, anywhere in it."""
    held, size = [first], len(first)
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            content = b"".join(held)
            end = content.rfind(_ROW_END) + len(_ROW_END)
            whole = end if end >= len(_ROW_END) else len(content)
            yield content[:whole]
            held, size = [content[whole:]], len(content) - whole
    yield b"".join(held)
