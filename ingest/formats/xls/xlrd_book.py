"""Rare and damaged xls workbooks (BIFF2 to BIFF8) through xlrd: each cell with its own kind and value."""

from __future__ import annotations

import io
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import xlrd

from ...cells.assembly import assemble
from ...cells.cells import CellBlock, Kind, Merge, SheetCells
from ...cells.date_serials import kind_of_serial
from ...cells.error_values import error_text
from ...cells.number_format import NumberFormat, builtin_format, number_format
from ...cells.number_text import number_texts
from ...cells.styles import CellStyles
from ...errors import ERROR_SHOWN, FileRejectedError, is_of_the_machine, rejected
from ...messages import say, within
from ..hint import NO_HINT
from ..text.encoding import undeclared
from .globals import BIFF8, given

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ...cells.cells import Visibility
    from ...spec.dataset import FileLimits
    from ..hint import Hint

VISIBILITY: Final[tuple[Visibility, ...]] = ("visible", "hidden", "veryhidden")
_KINDS: Final = {
    xlrd.XL_CELL_EMPTY: Kind.EMPTY,
    xlrd.XL_CELL_BLANK: Kind.EMPTY,
    xlrd.XL_CELL_TEXT: Kind.TEXT,
    xlrd.XL_CELL_NUMBER: Kind.NUMBER,
    xlrd.XL_CELL_DATE: Kind.DATE,
    xlrd.XL_CELL_BOOLEAN: Kind.BOOLEAN,
    xlrd.XL_CELL_ERROR: Kind.ERROR,
}
_KIND_OF_TYPE: Final = np.array([_KINDS[number] for number in range(len(_KINDS))], np.uint8)


class XlrdBook:
    """An open xls workbook; all of its sheets are in memory (a sheet has at most 65,536 rows x 256 columns).

    Raises:
        FileRejectedError: `file.encrypted`, `file.encoding_ambiguous`, or `file.corrupt_container` for whatever xlrd
            cannot read.

    """

    def __init__(self, file: Path | bytes, limits: FileLimits, hint: Hint = NO_HINT) -> None:
        self._limits = limits
        try:
            self._book, self._formats = _opened(file, formats=True), True
        except FileRejectedError as error:
            if error.record.code == "file.encrypted":
                raise
            # Damaged formats are no reason to give the cells up: which of them are dates is known all the same.
            self._book, self._formats = _opened(file, formats=False), False
        self._styles = CellStyles([format_of(self._book, style) for style in self._book.xf_list])
        self._meant = _meant(self._book, hint)

    def close(self) -> None:
        """Close the file."""
        self._book.release_resources()

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each worksheet, in the order of the tabs."""
        return tuple(
            (self._meant.get(sheet.name, sheet.name), VISIBILITY[min(sheet.visibility, 2)])
            for sheet in self._book.sheets()
        )

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: the sheet spans more cells than the limit.

        """
        sheet = self._book.sheet_by_index(index)
        if sheet.nrows * sheet.ncols > self._limits.cells:
            raise too_large(sheet.name, sheet.nrows, sheet.ncols, self._limits.cells)
        lengths = np.array([sheet.row_len(row) for row in range(sheet.nrows)], np.int64)
        types = list(chain.from_iterable(sheet.row_types(row) for row in range(sheet.nrows)))
        values = [self._meant.get(value, value) for row in range(sheet.nrows) for value in sheet.row_values(row)]
        rows = np.repeat(np.arange(sheet.nrows, dtype=np.int32), lengths)
        first = np.repeat(np.cumsum(lengths) - lengths, lengths)
        columns = (np.arange(len(rows)) - first).astype(np.int32)
        kinds = _KIND_OF_TYPE[np.array(types, np.int64)] if types else np.zeros(0, np.uint8)
        # A number whose format xlrd does not know is a text to it, and a float all the same.
        numeric = np.array([isinstance(value, float) for value in values], np.bool_) & (kinds != Kind.EMPTY)
        texts = _texts(kinds, values)
        if self._formats:
            styles = np.zeros(len(rows), np.int32)
            styles[numeric] = [
                sheet.cell_xf_index(row, column)
                for row, column in zip(rows[numeric].tolist(), columns[numeric].tolist(), strict=True)
            ]
            texts = self._styles.apply(styles, numeric, kinds, texts)
        else:
            for place in np.flatnonzero(kinds == Kind.DATE).tolist():
                kinds[place] = kind_of_serial(values[place])
        keep = np.flatnonzero(kinds != Kind.EMPTY)
        texts = texts.take(pa.array(keep))
        block = CellBlock(rows=rows[keep], columns=columns[keep], kinds=kinds[keep], texts=texts)
        merges = [
            Merge(top=top, bottom=bottom - 1, left=left, right=right - 1)
            for top, bottom, left, right in sheet.merged_cells
        ]
        return assemble([block], date1904=self._book.datemode == 1, merges=merges)


def too_large(name: str, rows: int, columns: int, limit: int) -> FileRejectedError:
    """Return the refusal of a sheet that spans more cells than the limit."""
    message = say(
        "sheet {name} spans {rows} rows x {columns} columns, more than limits.cells ({limit})",
        name=name,
        rows=rows,
        columns=columns,
        limit=limit,
    )
    return rejected("file.cell_limit", message)


def _opened(file: Path | bytes, *, formats: bool) -> Any:
    with guarded():
        # xlrd tells of oddities on standard output unless it is given another place.
        return xlrd.open_workbook(**given(file), logfile=io.StringIO(), formatting_info=formats, ragged_rows=True)


def format_of(book: Any, style: Any) -> NumberFormat:
    """Return the number format of a cell style: the file's own code, or what the id means without one."""
    form = book.format_map.get(style.format_key)
    return builtin_format(style.format_key) if form is None or not form.format_str else number_format(form.format_str)


def _meant(book: Any, hint: Hint) -> dict[str, str]:
    """Return the texts of a workbook that does not say how they are encoded, by what xlrd makes of them: Latin 1."""
    if book.codepage is not None or book.biff_version >= BIFF8:
        return {}
    found = chain(*(chain((sheet.name,), *map(sheet.row_values, range(sheet.nrows))) for sheet in book.sheets()))
    texts = list(dict.fromkeys(value for value in found if isinstance(value, str) and not value.isascii()))
    lines = iter(undeclared("\n".join(texts).encode("latin-1"), hint).decode().split("\n"))
    return {text: "\n".join(islice(lines, text.count("\n") + 1)) for text in texts}


def _texts(kinds: NDArray[np.uint8], values: list[Any]) -> pa.LargeStringArray:
    """Return the text of each value: of numbers the shortest one that reads back the same."""
    texts = np.empty(len(values), object)
    numeric = np.array([isinstance(value, (int, float)) for value in values], np.bool_) & (kinds != Kind.ERROR)
    numbers = [value for value, is_number in zip(values, numeric.tolist(), strict=True) if is_number]
    texts[numeric] = number_texts(np.array(numbers, np.float64)).to_numpy(zero_copy_only=False)
    texts[~numeric] = [
        error_text(value) if kind == Kind.ERROR else value
        for kind, value, is_number in zip(kinds.tolist(), values, numeric.tolist(), strict=True)
        if not is_number
    ]
    return pa.array(texts, pa.large_string())


@contextmanager
def guarded() -> Iterator[None]:
    """Turn whatever xlrd raises about a damaged file into a refusal: it has no exception of its own for most."""
    try:
        yield
    except FileRejectedError:
        raise
    except Exception as error:
        if is_of_the_machine(error):
            raise
        code = "file.encrypted" if "encrypted" in str(error) else "file.corrupt_container"
        message = say("the workbook cannot be read: {error}", error=f"{type(error).__name__} {error}")
        raise rejected(code, within(message, ERROR_SHOWN)) from error
