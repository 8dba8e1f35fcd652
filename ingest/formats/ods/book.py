"""OpenDocument spreadsheets, zipped or as one flat XML file, as books of sheets; knows no cells."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ...errors import FileRejectedError, rejected
from ...messages import say
from ..hint import NO_HINT
from ..text.encoding import read_text
from ..unsure import UnsureError
from ..zip.container import Container
from ..zip.inflate import PIECE_BYTES
from ..zip.xml_text import refuse_doctype
from .reader import OdsReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ...cells.cells import SheetCells, Visibility
    from ...spec.dataset import FileLimits

_EDGE: Final = len(b"<!DOCTYPE")
"""So much of a declaration may stand on either side of where a piece ends."""
_DECLARATION: Final = re.compile(rb"^\s*<\?xml[^>]*\?>")


class OdsBook:
    """An open document; the cells of all its sheets were read at once, for the XML is a single one.

    Raises:
        FileRejectedError: the document is damaged or beyond a limit.

    """

    def __init__(self, path: Path, limits: FileLimits) -> None:
        reader = _read(path, limits)
        if not reader.spreadsheet:
            raise rejected("file.format_unknown", say("the document is no spreadsheet"))
        self._sheets = reader.sheets

    def close(self) -> None:
        """Do nothing: the file was read at once."""

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each sheet, in the order of the tabs."""
        return tuple((sheet.name, sheet.visibility) for sheet in self._sheets)

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: a cell is outside of any sheet, or the cells span more than the limit.

        """
        sheet = self._sheets[index]
        if sheet.refusal is not None:
            raise sheet.refusal
        return sheet.cells.sheet(date1904=False)


def _read(path: Path, limits: FileLimits) -> OdsReader:
    # Where something is wrong or unsure, the parser alone says what: it sees the document as it is.
    with suppress(FileRejectedError, UnsureError):
        return _read_once(path, limits, apart=True)
    return _read_once(path, limits, apart=False)


def _read_once(path: Path, limits: FileLimits, *, apart: bool) -> OdsReader:
    reader = OdsReader(limits.cells, apart=apart)
    for content in _contents(path, limits):
        reader.read(content)
    return reader


def _contents(path: Path, limits: FileLimits) -> Iterator[Iterator[bytes]]:
    """Yield the XML of the styles, if they are apart, and of the content."""
    with path.open("rb") as file:
        flat = file.read(2) != b"PK"
    if flat:
        # What the file declares its encoding to be is past: it was decoded.
        text = _DECLARATION.sub(b"", read_text(path, NO_HINT))
        yield _checked((text[place : place + PIECE_BYTES] for place in range(0, len(text), PIECE_BYTES)), path.name)
        return
    with Container(path, limits) as container:
        for name in ("styles.xml", "content.xml"):
            if name == "content.xml" or name in container:
                yield _checked(container.stream(name), name)


def _checked(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    before = b""
    for piece in pieces:
        refuse_doctype(piece, name)
        refuse_doctype(before + piece[:_EDGE], name)
        before = (before + piece[-_EDGE:])[-_EDGE:]
        yield piece
