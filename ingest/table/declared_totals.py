"""Rows that a file itself calls the totals of a table: held against what stands there, for templates are filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..cells.cells import Kind
from ..cells.display import displayed

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from ..cells.cells import SheetCells, TotalsRow

    Mask = NDArray[np.bool_]


def declared_totals(cells: SheetCells, columns: Collection[int], repeated: Mask) -> Mask:
    """Say which rows below the header are totals of a table by the file's own account.

    The table has its titles in the header, or where that is `repeated`, and none of the other `columns` has anything in
    its row of totals. A program that fills in a template may leave the table as it was: then data stands in that row
    or below.
    """
    found = np.zeros_like(repeated)
    start = cells.rows - len(repeated)
    tops = {max(start - 1, 0), *(start + np.flatnonzero(repeated)).tolist()} if cells.totals else set[int]()
    for totals in cells.totals:
        if totals.top in tops and start <= totals.row < cells.rows and _holds(cells, totals, columns):
            found[totals.row - start] = True
    return found


def _holds(cells: SheetCells, totals: TotalsRow, columns: Collection[int]) -> bool:
    """Say whether a row has just what the file says of it as one of totals, and nothing stands below it."""
    for place, column in cells.columns.items():
        if totals.left <= place <= totals.right:
            label = totals.labels.get(place)
            here = column.part(slice(totals.row, totals.row + 1))
            filled = bool((here.kinds != Kind.EMPTY).any())
            if place not in totals.labels and filled:
                return False
            if label is not None and displayed(here, date1904=cells.date1904).to_pylist() != [label]:
                return False
            if (column.kinds[totals.row + 1 : totals.row + 2] != Kind.EMPTY).any():
                return False
        elif place in columns and (column.kinds[totals.row : totals.row + 1] != Kind.EMPTY).any():
            return False
    return True
