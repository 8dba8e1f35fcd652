"""How far the cells of one sheet reach: owns the limit of cells and the size of a sheet; knows no values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ..errors import FileRejectedError, rejected
from ..messages import say
from .cells import MAX_COLUMNS, MAX_ROWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FAR: Final = 1 << 31
"""Beyond this, only that a place is outside of any sheet counts: products of two such numbers are whole."""


class Extent:
    """The rows and columns that the cells of a sheet span so far, from A1 on."""

    def __init__(self, sheet: str, max_cells: int) -> None:
        self._sheet, self._max_cells = sheet, max_cells
        self._height = self._width = 0
        self._last: int | None = None

    def row(self) -> int | None:
        """Return the 1-based row of the last cell; None before the first."""
        return self._last

    def add(self, row: int, column: int, *, down: int = 1, across: int = 1) -> None:
        """Add the cells of `down` rows and `across` columns from a 0-based place on.

        Raises:
            FileRejectedError: `file.corrupt_xml` for a place outside of any sheet, `file.cell_limit`.

        """
        if row < 0 or column < 0:
            raise self._outside()
        if row + down > self._height or column + across > self._width:
            self._grow(row + down, column + across)
        self._last = row + 1

    def add_all(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        """Add cells in their order.

        Raises:
            FileRejectedError: as `add` does for the first that it refuses.

        """
        beyond = self.first_beyond(rows, columns)
        before = len(rows) if beyond is None else beyond
        if before:
            self.add(int(rows[:before].max()), int(columns[:before].max()))
            self._last = int(rows[before - 1]) + 1
        if beyond is not None:
            self.add(int(rows[beyond]), int(columns[beyond]))

    def _grow(self, height: int, width: int) -> None:
        self._height, self._width = max(self._height, height), max(self._width, width)
        if self._height * self._width > self._max_cells:
            raise rejected(
                "file.cell_limit",
                say(
                    "the cells of sheet {sheet} span {rows} rows x {columns} columns, more than limits.cells ({limit})",
                    sheet=self._sheet,
                    rows=self._height,
                    columns=self._width,
                    limit=self._max_cells,
                ),
            )
        if self._height > MAX_ROWS or self._width > MAX_COLUMNS:
            raise self._outside()

    def first_beyond(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> int | None:
        """Return the first of more cells that `add` would refuse."""
        if not len(rows):
            return None
        height, width = max(self._height, int(rows.max()) + 1), max(self._width, int(columns.max()) + 1)
        inside = height <= MAX_ROWS and width <= MAX_COLUMNS and height * width <= self._max_cells
        if inside and rows.min() >= 0 and columns.min() >= 0:
            return None
        heights = np.maximum.accumulate(np.clip(rows + 1, self._height, _FAR))
        widths = np.maximum.accumulate(np.clip(columns + 1, self._width, _FAR))
        beyond = (heights > MAX_ROWS) | (widths > MAX_COLUMNS) | (heights * widths > self._max_cells)
        return int(np.argmax(beyond | (rows < 0) | (columns < 0)))

    def _outside(self) -> FileRejectedError:
        return rejected("file.corrupt_xml", say("sheet {sheet} has a cell outside of any sheet", sheet=self._sheet))
