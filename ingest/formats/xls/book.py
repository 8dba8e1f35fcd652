"""xls workbooks: owns which reader takes one, whole columns at once or one cell at a time; knows no datasets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from ...cells.assembly import assemble
from ...cells.styles import CellStyles
from ...errors import FileRejectedError
from .globals import read_globals
from .sheet import XlsSheet
from .strings import shared_strings
from .whole import refuse_torn
from .xlrd_book import VISIBILITY, XlrdBook, format_of, guarded, too_large

if TYPE_CHECKING:
    from pathlib import Path

    from ...cells.cells import SheetCells, Visibility
    from ...spec.dataset import FileLimits
    from ..hint import Hint


def open_xls(file: Path | bytes, limits: FileLimits, hint: Hint) -> XlsBook | XlrdBook:
    """Open an xls workbook: any that is not surely what Excel 97 and later make of one is left to xlrd as a whole.

    It is a file, or its records alone.

    Raises:
        FileRejectedError: `file.encrypted`, `file.truncated`, `file.encoding_ambiguous`, or `file.corrupt_container`
            for what xlrd cannot read.

    """
    try:
        with guarded():
            return XlsBook(file, limits)
    except FileRejectedError as error:
        if error.record.code == "file.encrypted":
            raise
        refuse_torn(file, limits)
        return XlrdBook(file, limits, hint)


class XlsBook:
    """An open workbook of Excel 97 or later; all of its sheets are in memory, as they are sure only when all are read.

    A sheet has at most 65,536 rows x 256 columns.

    Raises:
        UnsureError: something in it is rare or damaged.
        Exception: whatever xlrd raises about what stands before the sheets.

    """

    def __init__(self, file: Path | bytes, limits: FileLimits) -> None:
        found = read_globals(file)
        strings = pa.array([], pa.large_string())
        if found.strings is not None:
            strings = shared_strings(found.stream, found.strings)
        styles = CellStyles([format_of(found.book, style) for style in found.book.xf_list])
        self._date1904 = found.book.datemode == 1
        self.sheets: tuple[tuple[str, Visibility], ...] = tuple(
            (sheet.name, VISIBILITY[min(sheet.visibility, 2)]) for sheet in found.sheets
        )
        self._read: list[SheetCells | FileRejectedError] = []
        for listed in found.sheets:
            sheet = XlsSheet(found.stream, strings, styles, len(found.book.xf_list))
            self._read.append(self._cells(sheet, listed.name, listed.place, limits.cells))

    def close(self) -> None:
        """Do nothing: the file was read at once."""

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: the sheet spans more cells than the limit.

        """
        found = self._read[index]
        if isinstance(found, FileRejectedError):
            raise found
        return found

    def _cells(self, sheet: XlsSheet, name: str, place: int, limit: int) -> SheetCells | FileRejectedError:
        blocks = (block for block in sheet.blocks(place) if sheet.height * sheet.width <= limit)
        cells = assemble(blocks, date1904=self._date1904)
        if sheet.height * sheet.width > limit:
            return too_large(name, sheet.height, sheet.width, limit)
        return replace(cells, merges=tuple(sheet.merges))
