"""xls workbooks (BIFF2 to BIFF8) through xlrd: each cell with its own kind and value; knows no datasets."""

from __future__ import annotations

import io
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import xlrd

from ..cells.cells import CellBlock, Kind, Merge, SheetCells, among, assemble
from ..cells.error_values import error_text
from ..cells.number_format import format_kind
from ..errors import FileRejectedError, rejected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ..cells.cells import Visibility
    from ..spec.dataset import FileLimits

_VISIBILITY: Final[tuple[Visibility, ...]] = ("visible", "hidden", "veryhidden")
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


class XlsBook:
    """An open xls workbook; all of its sheets are in memory (a sheet has at most 65,536 rows x 256 columns).

    Raises:
        FileRejectedError: `file.encrypted`, or `file.corrupt_container` for whatever xlrd cannot read.

    """

    def __init__(self, path: Path, limits: FileLimits) -> None:
        self._limits = limits
        try:
            self._book, self._formats = _opened(path, formats=True), True
        except FileRejectedError as error:
            if error.record.code == "file.encrypted":
                raise
            # Damaged formats are no reason to give the cells up: which of them are dates is known all the same.
            self._book, self._formats = _opened(path, formats=False), False
        self._kinds: dict[int, Kind] = {}

    def close(self) -> None:
        """Close the file."""
        self._book.release_resources()

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each worksheet, in the order of the tabs."""
        return tuple((sheet.name, _VISIBILITY[min(sheet.visibility, 2)]) for sheet in self._book.sheets())

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: the sheet spans more cells than the limit.

        """
        sheet = self._book.sheet_by_index(index)
        if sheet.nrows * sheet.ncols > self._limits.cells:
            message = f"sheet {sheet.name} spans {sheet.nrows} rows x {sheet.ncols} columns"
            raise rejected("file.cell_limit", f"{message}, more than {self._limits.cells} cells")
        lengths = np.array([sheet.row_len(row) for row in range(sheet.nrows)], np.int64)
        types = list(chain.from_iterable(sheet.row_types(row) for row in range(sheet.nrows)))
        values = list(chain.from_iterable(sheet.row_values(row) for row in range(sheet.nrows)))
        rows = np.repeat(np.arange(sheet.nrows, dtype=np.int32), lengths)
        first = np.repeat(np.cumsum(lengths) - lengths, lengths)
        columns = (np.arange(len(rows)) - first).astype(np.int32)
        kinds = _KIND_OF_TYPE[np.array(types, np.int64)] if types else np.zeros(0, np.uint8)
        for place in np.flatnonzero((kinds == Kind.DATE) | (kinds == Kind.NUMBER)).tolist():
            kinds[place] = (
                self._kind_of_style(sheet.cell_xf_index(int(rows[place]), int(columns[place])), Kind(kinds[place]))
                if self._formats
                else _kind_of_value(Kind(kinds[place]), values[place])
            )
        keep = np.flatnonzero(kinds != Kind.EMPTY)
        texts = _texts(kinds[keep], [values[place] for place in keep.tolist()])
        block = CellBlock(rows=rows[keep], columns=columns[keep], kinds=kinds[keep], texts=texts)
        merges = [
            Merge(top=top, bottom=bottom - 1, left=left, right=right - 1)
            for top, bottom, left, right in sheet.merged_cells
        ]
        return assemble([block], date1904=self._book.datemode == 1, merges=merges)

    def _kind_of_style(self, style: int, found: Kind) -> Kind:
        """Return what a cell style shows a number as; `found` is what xlrd takes it for."""
        if style not in self._kinds:
            form = self._book.format_map.get(self._book.xf_list[style].format_key)
            self._kinds[style] = found if form is None else format_kind(form.format_str)
        return self._kinds[style]


def _opened(path: Path, *, formats: bool) -> Any:
    with _guarded():
        # xlrd tells of oddities on standard output unless it is given another place.
        return xlrd.open_workbook(path, logfile=io.StringIO(), formatting_info=formats, ragged_rows=True)


def _kind_of_value(found: Kind, value: float) -> Kind:
    """Tell a day from a time of day by the number alone."""
    if found != Kind.DATE:
        return found
    if 0 <= value < 1:
        return Kind.TIME
    return Kind.DATE if value.is_integer() else Kind.DATETIME


def _texts(kinds: NDArray[np.uint8], values: list[Any]) -> pa.LargeStringArray:
    """Return the text of each value: of numbers the shortest one that reads back the same."""
    numeric = ~among(kinds, Kind.TEXT, Kind.ERROR)
    numbers = [value for value, is_number in zip(values, numeric.tolist(), strict=True) if is_number]
    texts = np.empty(len(values), object)
    texts[numeric] = pa.array(numbers, pa.float64()).cast(pa.large_string()).to_numpy(zero_copy_only=False)
    texts[~numeric] = [
        error_text(value) if kind == Kind.ERROR else value
        for kind, value, is_number in zip(kinds.tolist(), values, numeric.tolist(), strict=True)
        if not is_number
    ]
    return pa.array(texts, pa.large_string())


@contextmanager
def _guarded() -> Iterator[None]:
    """Turn whatever xlrd raises about a damaged file into a refusal: it has no exception of its own for most."""
    try:
        yield
    except (FileRejectedError, MemoryError):
        raise
    except Exception as error:
        code = "file.encrypted" if "encrypted" in str(error) else "file.corrupt_container"
        raise rejected(code, f"the workbook cannot be read: {type(error).__name__} {error}"[:300]) from error
