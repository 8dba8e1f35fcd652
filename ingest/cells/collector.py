"""Cells as a file has them, one after the other, to the columns of a sheet: knows no format."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from .assembly import assemble
from .cells import CellBlock, Kind, Merge, SheetCells
from .extent import Extent


class CellCollector:
    """Collects the cells of one sheet at 0-based places; those beyond the limit are refused before they take memory."""

    def __init__(self, sheet: str, max_cells: int) -> None:
        self._extent = Extent(sheet, max_cells)
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
        self._extent.add(row, column, down=down, across=across)
        if down > 1 or across > 1:
            self._repeats[len(self._rows)] = (down, across)
        self._rows.append(row)
        self._columns.append(column)
        self._kinds.append(kind)
        self._texts.append(text)

    def row(self) -> int | None:
        """Return the 1-based row of the last cell; None before the first."""
        return self._extent.row()

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
