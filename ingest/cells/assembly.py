"""Blocks of cells, as files have them, to the whole columns of a sheet: knows no format, and no dataset."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import rejected
from ..messages import say
from ..parallel import each
from .arrow_masks import truth
from .cells import CellBlock, Column, RowBlock, SheetCells, column_letters, concat_columns, empty_column
from .raw_values import settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from .cells import Block, Merge


def assemble(
    blocks: Iterable[Block], *, date1904: bool, merges: Sequence[Merge] = (), once: bool = False
) -> SheetCells:
    """Put cells into dense columns; of two cells at one place the later one counts, unless each may be there `once`.

    What a format's reader calls numbers and booleans is held to the one rule for them here, whatever the format.
    Nobody else should hold the blocks: each column's are let go when it is whole, so that a sheet is never there twice.

    Raises:
        FileRejectedError: a cell is there more than once, with different contents.

    """
    filled = [block for block in blocks if not block.empty]
    if any(upper.last >= lower.first for upper, lower in pairwise(filled)):
        filled = [_one_block(filled)]
    pieces: list[_Piece] = []
    while filled:
        block = filled.pop(0)
        rows = block if isinstance(block, RowBlock) else _dense(block, once=once)
        pieces.append(_Piece(rows.first, rows.last + 1, dict(rows.columns)))
    height = pieces[-1].end if pieces else 0
    places = sorted({place for piece in pieces for place in piece.columns})
    whole = each(lambda place: settled(_stacked(pieces, place, height)), places, height * len(places))
    columns = dict(zip(places, whole, strict=True))
    ends = {place: _filled_rows(column.kinds) for place, column in columns.items()}
    height = max(ends.values(), default=0)
    filled_columns = {place: columns[place].part(slice(0, height)) for place, end in ends.items() if end}
    return SheetCells(rows=height, columns=filled_columns, date1904=date1904, merges=tuple(merges))


def _filled_rows(kinds: NDArray[np.uint8]) -> int:
    """Return the number of rows down to the last one that holds anything: writers format cells far below the table."""
    if not len(kinds) or kinds[-1]:
        return len(kinds)
    filled = np.flatnonzero(kinds)
    return int(filled[-1]) + 1 if len(filled) else 0


def overlaid(block: RowBlock, cells: CellBlock) -> RowBlock:
    """Return the block with more cells, at places where it has none."""
    first, last = min(block.first, cells.first), max(block.last, cells.last)
    columns = dict(block.columns)
    for place, (rows, kinds, texts) in _by_column(cells).items():
        below = columns.get(place, empty_column(block.rows))
        both = concat_columns([below, Column(kinds=kinds, texts=texts)])
        index = np.full(last - first + 1, -1, np.int64)
        index[block.first - first : block.last - first + 1] = np.arange(block.rows)
        index[rows - first] = block.rows + np.arange(len(rows))
        columns[place] = both.at_or_empty(index)
    grown = block.rows != last - first + 1
    if grown:
        index = np.arange(first, last + 1) - block.first
        index[index >= block.rows] = -1
        columns = {
            place: column if len(column.kinds) == len(index) else column.at_or_empty(np.maximum(index, -1))
            for place, column in columns.items()
        }
    return RowBlock(first=first, rows=last - first + 1, columns=columns)


def _one_block(blocks: Sequence[Block]) -> CellBlock:
    """Return blocks whose rows overlap as cells in the order of the blocks."""
    return joined([block if isinstance(block, CellBlock) else _sparse(block) for block in blocks])


def joined(cells: Sequence[CellBlock]) -> CellBlock:
    """Return the cells of all blocks, in their order."""
    return CellBlock(
        rows=np.concatenate([block.rows for block in cells]),
        columns=np.concatenate([block.columns for block in cells]),
        kinds=np.concatenate([block.kinds for block in cells]),
        texts=pa.concat_arrays([block.texts for block in cells]),
    )


def _sparse(block: RowBlock) -> CellBlock:
    filled = {place: np.flatnonzero(column.kinds) for place, column in block.columns.items()}
    return CellBlock(
        rows=np.concatenate([index + block.first for index in filled.values()]).astype(np.int32),
        columns=np.concatenate([np.full(len(index), place, np.int32) for place, index in filled.items()]),
        kinds=np.concatenate([block.columns[place].kinds[index] for place, index in filled.items()]),
        texts=pa.concat_arrays([block.columns[place].texts.take(pa.array(index)) for place, index in filled.items()]),
    )


def _dense(cells: CellBlock, *, once: bool) -> RowBlock:
    first, last = cells.first, cells.last
    every = np.arange(first, last + 1)
    columns: dict[int, Column] = {}
    for place, (rows, kinds, texts) in _by_column(cells).items():
        column = Column(kinds=kinds, texts=texts)
        if not np.array_equal(rows, every):
            index = np.full(len(every), -1, np.int64)
            index[rows - first] = np.arange(len(rows))
            whole = column.at_or_empty(index)
            if once and np.count_nonzero(index >= 0) < len(rows):
                _refuse_others(column, whole.at_or_empty(rows - first), rows, place)
            column = whole
        columns[place] = column
    return RowBlock(first=first, rows=len(every), columns=columns)


def _refuse_others(given: Column, kept: Column, rows: NDArray[Any], place: int) -> None:
    """Refuse a column in which a cell that is given is not the one that was kept at its place."""
    same = (given.kinds == kept.kinds) & truth(pc.equal(given.texts, kept.texts))
    if not same.all():
        cell = f"{column_letters(place)}{int(rows[np.argmin(same)]) + 1}"
        raise rejected("file.corrupt_xml", say("cell {cell} is there twice, with different values", cell=cell))


def _by_column(cells: CellBlock) -> dict[int, tuple[NDArray[Any], NDArray[np.uint8], pa.LargeStringArray]]:
    """Return the rows, kinds and texts of each column's cells."""
    # Numbers of 16 bits are sorted by their digits, in a fraction of the time.
    order = np.argsort(cells.columns.astype(np.uint16), kind="stable")
    bounds = np.searchsorted(cells.columns[order], np.arange(cells.width + 1)).tolist()
    rows, kinds, texts = cells.rows[order], cells.kinds[order], cells.texts.take(pa.array(order))
    return {
        place: (rows[start:stop], kinds[start:stop], texts[start:stop])
        for place, (start, stop) in enumerate(pairwise(bounds))
        if start < stop
    }


class _Piece(NamedTuple):
    """Columns that cover the rows from `start` to `end`, and can be taken out one by one."""

    start: int
    end: int
    columns: dict[int, Column]


def _stacked(pieces: list[_Piece], place: int, height: int) -> Column:
    """Take one column out of pieces that lie below each other, and return it from row 0 to the last one."""
    parts, row = [], 0
    for piece in pieces:
        column = piece.columns.pop(place, None)
        if column is not None:
            if piece.start > row:
                parts.append(empty_column(piece.start - row))
            parts.append(column)
            row = piece.end
    if row < height:
        parts.append(empty_column(height - row))
    return concat_columns(parts)
