"""Cells as a file has them, one after the other, to the columns of a sheet: knows no format."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..errors import rejected
from .assembly import assemble
from .cells import MAX_COLUMNS, MAX_ROWS, CellBlock, Kind, Merge, SheetCells


class CellCollector:
    """Collects the cells of one sheet at 0-based places; those beyond the limit are refused before they take memory."""

    def __init__(self, sheet: str, max_cells: int) -> None:
        self._sheet, self._max_cells = sheet, max_cells
        self._height = self._width = 0
        self._rows: list[int] = []
        self._columns: list[int] = []
        self._kinds: list[int] = []
        self._texts: list[str] = []
        self._repeats: dict[int, tuple[int, int]] = {}
        self._merges: list[Merge] = []

    def add(self, row: int, column: int, kind: Kind, text: str, *, down: int = 1, across: int = 1) -> None:
        """Add a cell, or a block of `down` rows and `across` columns that all hold the same.

        Raises:
            FileRejectedError: `file.corrupt_xml` for a place outside of any sheet, `file.cell_limit`.

        """
        if row < 0 or column < 0:
            raise rejected("file.corrupt_xml", f"sheet {self._sheet} has a cell outside of any sheet")
        if row + down > self._height or column + across > self._width:
            self._grow(row + down, column + across)
        if down > 1 or across > 1:
            self._repeats[len(self._rows)] = (down, across)
        self._rows.append(row)
        self._columns.append(column)
        self._kinds.append(kind)
        self._texts.append(text)

    def row(self) -> int | None:
        """Return the 1-based row of the last cell; None before the first."""
        return self._rows[-1] + 1 if self._rows else None

    def merge(self, row: int, column: int, *, down: int, across: int) -> None:
        """Note a merged range of `down` rows and `across` columns."""
        if down > 1 or across > 1:
            self._merges.append(Merge(top=row, bottom=row + down - 1, left=column, right=column + across - 1))

    def sheet(self, *, date1904: bool) -> SheetCells:
        """Return what was collected."""
        rows, columns = np.array(self._rows, np.int32), np.array(self._columns, np.int32)
        kinds, texts = np.array(self._kinds, np.uint8), pa.array(self._texts, pa.large_string())
        if self._repeats:
            down, across = np.ones((2, len(rows)), np.int64)
            for place, (rows_repeated, columns_repeated) in self._repeats.items():
                down[place], across[place] = rows_repeated, columns_repeated
            source = np.repeat(np.arange(len(rows)), down * across)
            offset = np.arange(len(source)) - np.repeat(np.cumsum(down * across) - down * across, down * across)
            rows = (rows[source] + offset // across[source]).astype(np.int32)
            columns = (columns[source] + offset % across[source]).astype(np.int32)
            kinds, texts = kinds[source], texts.take(pa.array(source))
        block = CellBlock(rows=rows, columns=columns, kinds=kinds, texts=texts)
        return assemble([block], date1904=date1904, merges=self._merges)

    def _grow(self, height: int, width: int) -> None:
        self._height, self._width = max(self._height, height), max(self._width, width)
        if self._height * self._width > self._max_cells:
            raise rejected(
                "file.cell_limit",
                f"the cells of sheet {self._sheet} span {self._height} rows x {self._width} columns, "
                f"more than limits.cells ({self._max_cells})",
            )

        if self._height > MAX_ROWS or self._width > MAX_COLUMNS:
            raise rejected("file.corrupt_xml", f"sheet {self._sheet} has a cell outside of any sheet")


def number_text(number: float) -> str:
    """Return the shortest text of a number that reads back the same."""
    return repr(number).removesuffix(".0")
