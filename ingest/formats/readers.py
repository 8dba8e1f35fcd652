"""The reader of each format, imported when the format is met: a process that reads texts alone needs no lxml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, get_args

from ..errors import FileRejectedError
from .hint import NO_HINT
from .zip.container import Format

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..cells.cells import SheetCells, Visibility
    from ..spec.dataset import FileLimits
    from .hint import Hint
    from .text.file import TextFile


class Book(Protocol):
    """An open workbook of any format."""

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each worksheet, in the order of the tabs."""

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet; raises `FileRejectedError`."""

    def close(self) -> None:
        """Close the file."""


def text_reader(found: Format) -> Callable[[TextFile, FileLimits], Book] | None:
    """Return what opens a file of a format that is text; None for the other formats."""
    match found:
        case "csv":
            from .text.delimited import DelimitedBook

            return DelimitedBook
        case "html":
            from .text.html import HtmlBook

            return HtmlBook
        case "xml2003":
            from .spreadsheetml import SpreadsheetMlBook

            return SpreadsheetMlBook
        case _:
            return None


def reader(found: Format, hint: Hint) -> Callable[[Path, FileLimits], Book]:
    """Return what opens a file of a format that is no text; the hint tells of the texts that some have in it.

    Raises:
        ValueError: it is one.

    """
    match found:
        case "xlsx":
            from .xlsx.book import XlsxBook

            return XlsxBook
        case "xlsb":
            from .xlsb.book import XlsbBook

            return XlsbBook
        case "ods":
            from .ods.book import OdsBook

            return OdsBook
        case "xls":
            return _xls_reader(hint)
        case _:
            raise ValueError(found)


def _xls_reader(hint: Hint) -> Callable[[Path, FileLimits], Book]:
    from .xls.book import open_xls
    from .xls.damaged import ForeignBook
    from .xls.ole_document import small_workbook, workbook_records
    from .xls.whole import refuse_torn
    from .zip.unlock import is_ole

    def opened(path: Path, limits: FileLimits) -> Book:
        small = small_workbook(path)
        if small is not None:
            return open_xls(small, limits, hint)
        try:
            return open_xls(path, limits, hint)
        except FileRejectedError as error:
            if error.record.code in ("file.encrypted", "file.encoding_ambiguous"):
                raise
            if not is_ole(path):
                raise  # calamine opens nothing else
            records = workbook_records(path)
            if records is not None:
                # A document that is damaged itself may keep calamine busy for ever, or have it end the worker.
                return open_xls(records, limits, hint)
            # calamine gets through some damages that xlrd does not; on sound files xlrd keeps more. Neither says what
            # it has left out.
            refuse_torn(path, limits)
            return ForeignBook(path, limits)

    return opened


def import_all() -> None:
    """Import the readers of every format, for a process that many workers are forked from."""
    for found in get_args(Format):
        if text_reader(found) is None:
            reader(found, NO_HINT)
