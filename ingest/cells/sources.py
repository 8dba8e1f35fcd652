"""Cells that were read by what they hold, all numbers, all texts, to whole columns; knows no format."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from .cells import Column, RowBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .cells import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The cells that hold one sort of thing: their places in the order of all cells, ascending; kinds and texts."""

    places: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    texts: pa.LargeStringArray


def of_kind(places: NDArray[np.int64], kind: Kind, texts: pa.LargeStringArray) -> Source:
    """Return cells that are all of one kind."""
    return Source(places=places, kinds=np.full(len(places), kind, np.uint8), texts=texts)


def row_block(rows: NDArray[np.int64], columns: NDArray[np.int64], sources: Sequence[Source]) -> RowBlock:
    """Return cells, column by column in the order of the columns, as a block; each is in exactly one of the sources.

    Of two cells at one place the later one counts.
    """
    first, height = int(rows.min()), int(rows.max()) - int(rows.min()) + 1
    bounds = [0, *(np.flatnonzero(np.diff(columns)) + 1).tolist(), len(columns)]
    cuts = [np.searchsorted(source.places, bounds).tolist() for source in sources]
    found: dict[int, Column] = {}
    for number, (start, stop) in enumerate(pairwise(bounds)):
        parts = [
            (source, cut[number], cut[number + 1])
            for source, cut in zip(sources, cuts, strict=True)
            if cut[number] < cut[number + 1]
        ]
        column = _column(start, stop, parts)
        places = rows[start:stop] - first
        if stop - start != height or (np.diff(places) != 1).any():
            column = _spread(column, places, height)
        found[int(columns[start])] = column
    return RowBlock(first=first, rows=height, columns=found)


def _column(start: int, stop: int, parts: Sequence[tuple[Source, int, int]]) -> Column:
    kinds = [source.kinds[lower:upper] for source, lower, upper in parts]
    texts = [source.texts[lower:upper] for source, lower, upper in parts]
    if len(parts) == 1:
        return Column(kinds=kinds[0], texts=texts[0])
    places = np.concatenate([source.places[lower:upper] for source, lower, upper in parts]) - start
    order = np.empty(stop - start, np.int64)
    order[places] = np.arange(stop - start)
    return Column(kinds=np.concatenate(kinds)[order], texts=pa.concat_arrays(texts).take(pa.array(order)))


def _spread(column: Column, places: NDArray[np.int64], height: int) -> Column:
    """Return a column of so many rows with the cells at their places."""
    index = np.full(height, -1, np.int64)
    index[places] = np.arange(len(places))
    return column.at_or_empty(index)
