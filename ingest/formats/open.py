"""Any workbook as sheets of cells: owns how a file is opened and refused; knows no headers and no datasets."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ..errors import CATALOGUE, ErrorRecord, FileRejectedError
from ..messages import say
from .failures import refused
from .readers import reader, text_reader
from .zip.unlock import is_ole, unlocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ..cells.cells import SheetCells, Visibility
    from ..spec.dataset import FileLimits
    from .hint import Hint
    from .readers import Book
    from .zip.container import Format, Sniffed

_EXTENSIONS: Final = {
    **dict.fromkeys(("xlsx", "xlsm", "xltx", "xltm"), "xlsx"),
    "xlsb": "xlsb",
    **dict.fromkeys(("xls", "xlt"), "xls"),
    **dict.fromkeys(("ods", "ots", "fods"), "ods"),
    **dict.fromkeys(("csv", "tsv", "tab", "txt"), "csv"),
    **dict.fromkeys(("html", "htm", "mht", "mhtml"), "html"),
    "xml": "xml2003",
}


@contextmanager
def open_book(path: Path, found: Sniffed, limits: FileLimits) -> Iterator[Book]:
    """Open a file of a recognised format; its sheets are read when they are asked for.

    Raises:
        FileRejectedError: it cannot be read, or is beyond the limits.

    """
    open_text = text_reader(found.format)
    if open_text is not None and found.text is not None:
        with refused():
            text = open_text(found.text, limits)
        # It may be large, and the reader has what it needs of it.
        del found
        yield _Careful(text)
        return
    open_file = reader(found.format, found.hint)
    with ExitStack() as stack:
        if found.format != "xls" and is_ole(path):
            path = stack.enter_context(unlocked(path))
        try:
            book = _open(open_file, path, limits)
        except FileRejectedError as error:
            if found.format != "xls" or error.record.code != "file.encrypted":
                raise
            book = _open(open_file, stack.enter_context(unlocked(path)), limits)
        stack.callback(book.close)
        yield _Careful(book)


class _Careful:
    """A book of any format; whatever its reader raises is a refusal of the file that names the sheet."""

    def __init__(self, book: Book) -> None:
        self._book = book

    @cached_property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each worksheet, in the order of the tabs."""
        with refused():
            return self._book.sheets

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet; raises `FileRejectedError`, nothing else that the file is to blame for."""
        with refused(self.sheets[index][0]):
            return self._book.read(index)

    def close(self) -> None:
        """Close the file."""
        self._book.close()


def _open(open_file: Callable[[Path, FileLimits], Book], path: Path, limits: FileLimits) -> Book:
    with refused():
        return open_file(path, limits)


def extension_mismatch(hint: Hint, found: Format) -> ErrorRecord | None:
    """Return the warning about a file whose known extension says something else than its content."""
    if _EXTENSIONS.get(hint.suffix, found) == found:
        return None
    entry = CATALOGUE["file.format_mismatch"]
    return ErrorRecord(
        code="file.format_mismatch",
        severity=entry.severity,
        message=say("the file is named .{extension} but its content is {format}", extension=hint.suffix, format=found),
        hint=entry.hint,
    )
