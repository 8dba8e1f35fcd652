"""Merged ranges: gives the rows that one covers the value of its first cell, for the columns that ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.cells import Column, Kind, empty_column

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from numpy.typing import NDArray

    from ..cells.cells import Merge


def fill_merged(
    columns: MutableMapping[int, Column], merges: Sequence[Merge], start: int, height: int, fields: Mapping[int, str]
) -> dict[str, NDArray[np.bool_]]:
    """Fill the columns of `fields` (sheet column to field name) in place; return which cells of each were filled.

    `columns` begin at the 0-based sheet row `start`. Only empty cells are filled, and only from real merged ranges.
    """
    filled: dict[str, NDArray[np.bool_]] = {}
    for place, name in fields.items():
        source = np.arange(height)
        for merge in merges:
            if merge.left <= place <= merge.right and merge.top >= start and merge.bottom < start + height:
                source[merge.top - start : merge.bottom - start + 1] = merge.top - start
        column = columns.get(place, empty_column(height))
        taken = (source != np.arange(height)) & (column.kinds == Kind.EMPTY) & (column.kinds[source] != Kind.EMPTY)
        if taken.any():
            mask = pa.array(taken)
            texts = pc.if_else(mask, column.texts.take(pa.array(source)), column.texts)
            columns[place] = Column(kinds=np.where(taken, column.kinds[source], column.kinds), texts=texts)
            filled[name] = taken
    return filled
