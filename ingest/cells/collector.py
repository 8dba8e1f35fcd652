"""Cells as a file has them, one after the other, to the columns of a sheet: knows no format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ..errors import FileRejectedError
from .assembly import assemble, joined
from .cells import CellBlock, Merge, SheetCells
from .extent import Extent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .cells import Kind

_BLOCK_CELLS: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedCells:
    """Cells at 0-based places, each of which stands for a block of `down` rows and `across` columns. None is empty."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    texts: pa.LargeStringArray
    down: NDArray[np.int64]
    across: NDArray[np.int64]

    def block(self) -> CellBlock:
        """Return all the cells that they stand for, which must lie within a sheet."""
        rows, columns, kinds, texts = self.rows, self.columns, self.kinds, self.texts
        counts = self.down * self.across
        if (counts != 1).any():
            source = np.repeat(np.arange(len(counts)), counts)
            offset = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
            across = self.across[source]
            rows, columns = rows[source] + offset // across, columns[source] + offset % across
            kinds, texts = kinds[source], texts.take(pa.array(source))
        return CellBlock(rows=rows.astype(np.int32), columns=columns.astype(np.int32), kinds=kinds, texts=texts)


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
        self._blocks: list[CellBlock] = []
        self._recent: list[CellBlock] = []
        self._recent_cells = 0
        self._sheet: SheetCells | None = None

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

    def add_all(self, cells: RepeatedCells) -> None:
        """Add cells below all others, in the order of their rows.

        Raises:
            FileRejectedError: as `add` does for the first that it refuses, with its 1-based row.

        """
        lowest, rightmost = cells.rows + (cells.down - 1), cells.columns + (cells.across - 1)
        beyond = self._extent.first_beyond(lowest, rightmost)
        try:
            self._extent.add_all(lowest, rightmost)
        except FileRejectedError as error:
            row = None if beyond is None else int(cells.rows[beyond]) + 1
            raise FileRejectedError(replace(error.record, row=row)) from error
        self._add(self._taken())
        self._add(cells.block())

    def row(self) -> int | None:
        """Return the 1-based row of the last cell; None before the first."""
        return self._extent.row()

    def merge(self, row: int, column: int, *, down: int, across: int) -> None:
        """Note a merged range of `down` rows and `across` columns."""
        if down > 1 or across > 1:
            self._merges.append(Merge(top=row, bottom=row + down - 1, left=column, right=column + across - 1))

    def sheet(self, *, date1904: bool, once: bool = False) -> SheetCells:
        """Return what was collected, and collect no more.

        Raises:
            FileRejectedError: with `once`, for two cells at one place that differ.

        """
        if self._sheet is None:
            self._blocks.append(joined([*self._recent, self._taken()]))
            self._recent = []
            blocks = (self._blocks.pop(0) for _ in range(len(self._blocks)))
            self._sheet = assemble(blocks, date1904=date1904, merges=self._merges, once=once)
        return self._sheet

    def _add(self, block: CellBlock) -> None:
        """Add a block; small ones are made one, which is faster to assemble than many."""
        self._recent.append(block)
        self._recent_cells += len(block.rows)
        if self._recent_cells >= _BLOCK_CELLS:
            self._blocks.append(joined(self._recent))
            self._recent, self._recent_cells = [], 0

    def _taken(self) -> CellBlock:
        """Return the cells that came one after the other, and forget them."""
        down, across = np.ones((2, len(self._rows)), np.int64)
        for place, (rows_repeated, columns_repeated) in self._repeats.items():
            down[place], across[place] = rows_repeated, columns_repeated
        cells = RepeatedCells(
            rows=np.array(self._rows, np.int64),
            columns=np.array(self._columns, np.int64),
            kinds=np.array(self._kinds, np.uint8),
            texts=pa.array(self._texts, pa.large_string()),
            down=down,
            across=across,
        )
        self._rows, self._columns, self._kinds, self._texts, self._repeats = [], [], [], [], {}
        return cells.block()
