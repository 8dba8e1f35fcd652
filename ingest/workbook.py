"""Any workbook as sheets of cells: owns the choice of the reader by content; knows no headers and no datasets."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from .container import Container
from .errors import CATALOGUE, ErrorRecord
from .foreign import ForeignBook
from .xlsx import XlsxBook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .cells import SheetCells
    from .container import Format
    from .spec import Limits
    from .xlsx import Visibility

_EXTENSIONS: Final = {
    **dict.fromkeys(("xlsx", "xlsm", "xltx", "xltm"), "xlsx"),
    "xlsb": "xlsb",
    **dict.fromkeys(("xls", "xlt"), "xls"),
    **dict.fromkeys(("ods", "ots"), "ods"),
    **dict.fromkeys(("csv", "tsv"), "csv"),
    **dict.fromkeys(("html", "htm"), "html"),
}


class Book(Protocol):
    """An open workbook of any format."""

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each worksheet, in the order of the tabs."""

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet; raises `FileRejectedError`."""

    def close(self) -> None:
        """Close the file."""


@contextmanager
def open_book(path: Path, found: Format, limits: Limits) -> Iterator[Book]:
    """Open a file of a recognised format; its sheets are read when they are asked for.

    Raises:
        FileRejectedError: it cannot be read, or is beyond the limits.

    """
    book: Book
    if found == "xlsx":
        book = XlsxBook(path, limits)
    else:
        if found != "xls":
            with Container(path, limits) as container:
                container.inflate_all()
        book = ForeignBook(path, limits)
    try:
        yield book
    finally:
        book.close()


def extension_mismatch(path: Path, found: Format) -> ErrorRecord | None:
    """Return the warning about a file whose known extension says something else than its content."""
    suffix = path.suffix.lower().lstrip(".")
    if _EXTENSIONS.get(suffix, found) == found:
        return None
    entry = CATALOGUE["file.format_mismatch"]
    return ErrorRecord(
        code="file.format_mismatch",
        severity=entry.severity,
        message=f"the file is named .{suffix} but its content is {found}",
        hint=entry.hint,
    )
