"""What an xls workbook says before its sheets: its stream, formats, list of sheets; knows no cells and no strings.

xlrd reads it: these are few records of many sorts. It leaves the shared strings and the sheets out.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xlrd.biffh import XL_WORKBOOK_GLOBALS
from xlrd.book import Book

from ..binary.stream import Stream
from ..unsure import UnsureError

if TYPE_CHECKING:
    from pathlib import Path

BIFF5, BIFF8 = 50, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSheet:
    """A worksheet as it is listed: its name, how it is shown, and where its records begin."""

    name: str
    visibility: int
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class XlsGlobals:
    """The stream of records, where that of the shared strings begins (None: there are none), and what xlrd has read."""

    stream: Stream
    strings: int | None
    sheets: tuple[ListedSheet, ...]
    book: Any


def given(file: Path | bytes) -> dict[str, Any]:
    """Return a workbook, a file or its records alone, as xlrd is told of it."""
    return {"file_contents": file} if isinstance(file, bytes) else {"filename": file}


class _Globals(Book):  # type: ignore[misc]  # xlrd has no types
    """The workbook without its shared strings and sheets."""

    strings: int | None = None

    def handle_sst(self, data: bytes) -> None:
        """Note where the strings are."""
        if self.strings is not None:
            raise UnsureError("there are two lists of shared strings")
        self.strings = self._position - len(data) - 4


def read_globals(file: Path | bytes, least: int = BIFF8) -> XlsGlobals:
    """Read what stands before the sheets, of a workbook of that version or a later one: a file, or its records alone.

    Raises:
        UnsureError: it is older: by default, than Excel 97.
        Exception: whatever xlrd raises about a damaged one.

    """
    book = _Globals()
    # What xlrd tells of oddities has no reader.
    book.biff2_8_load(**given(file), logfile=io.StringIO(), formatting_info=True)
    try:
        book.biff_version = book.getbof(XL_WORKBOOK_GLOBALS)
        if book.biff_version < least:
            raise UnsureError("the workbook is too old")
        book.parse_globals()
        listed = zip(book._sheet_names, book._sheet_visibility, book._sh_abs_posn, strict=True)  # noqa: SLF001  # they are nowhere else
        return XlsGlobals(
            stream=Stream([book.mem[book.base : book.base + book.stream_len]]),
            strings=None if book.strings is None else book.strings - book.base,
            sheets=tuple(
                ListedSheet(name=name, visibility=visibility, place=place - book.base)
                for name, visibility, place in listed
            ),
            book=book,
        )
    finally:
        book.release_resources()
