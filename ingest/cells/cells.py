"""The cells of one sheet as whole columns at their physical places: knows nothing of files, headers or datasets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
"""The size of a sheet (Excel specifications and limits)."""


Visibility = Literal["visible", "hidden", "veryhidden"]
"""Of a sheet; the last one cannot be shown from Excel's menus."""


class Kind(IntEnum):
    """What a cell holds. From `DATE` to `DURATION` it is a number that its format shows as such."""

    EMPTY = 0
    TEXT = 1
    NUMBER = 2
    BOOLEAN = 3
    ERROR = 4
    DATE = 5
    DATETIME = 6
    TIME = 7
    DURATION = 8
    UNCACHED = 9
    """A formula without the result that Excel keeps beside it."""


def among(kinds: NDArray[np.uint8], *wanted: Kind) -> NDArray[np.bool_]:
    """Return where the kind is one of those that are wanted."""
    found: NDArray[np.bool_] = _table_of(wanted)[kinds]
    return found


@cache
def _table_of(wanted: tuple[Kind, ...]) -> NDArray[np.bool_]:
    table = np.zeros(len(Kind), np.bool_)
    table[list(wanted)] = True
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column from sheet row 1 on: the kind of each cell, and its text (null where it is empty).

    A number's text is the file's own, a boolean's is `1` or `0`, an error's is what Excel shows.
    """

    kinds: NDArray[np.uint8]
    texts: pa.LargeStringArray

    def has(self, *kinds: Kind) -> NDArray[np.bool_]:
        """Return where the cell is of one of the kinds."""
        return among(self.kinds, *kinds)

    def part(self, rows: slice) -> Column:
        """Return the column's cells in a range of rows (0-based, `step` unused)."""
        return Column(kinds=self.kinds[rows], texts=self.texts[rows])

    def at(self, index: NDArray[np.int64]) -> Column:
        """Return the cells at the given places."""
        return Column(kinds=self.kinds[index], texts=self.texts.take(pa.array(index)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A merged range, 0-based and inclusive; only its top left cell holds anything."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetCells:
    """The columns of a sheet that hold anything, by 0-based sheet column; each has `rows` cells."""

    rows: int
    columns: Mapping[int, Column]
    date1904: bool = False
    merges: tuple[Merge, ...] = ()

    @property
    def width(self) -> int:
        """The number of columns from A to the last one that holds anything."""
        return max(self.columns, default=-1) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CellBlock:
    """Cells in any order: 0-based rows and columns, kinds, texts. None of them is empty."""

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    texts: pa.LargeStringArray

    @property
    def empty(self) -> bool:
        """Whether there is no cell."""
        return not len(self.rows)

    @property
    def first(self) -> int:
        """The 0-based first row."""
        return int(self.rows.min())

    @property
    def last(self) -> int:
        """The 0-based last row."""
        return int(self.rows.max())

    @property
    def width(self) -> int:
        """The number of columns from A to the last one."""
        return int(self.columns.max()) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBlock:
    """Consecutive rows as whole columns, by 0-based sheet column: each has `rows` cells, from row `first` on."""

    first: int
    rows: int
    columns: Mapping[int, Column]

    @property
    def empty(self) -> bool:
        """Whether there is no column; there may be cells that hold nothing."""
        return not self.columns

    @property
    def last(self) -> int:
        """The 0-based last row."""
        return self.first + self.rows - 1

    @property
    def width(self) -> int:
        """The number of columns from A to the last one."""
        return max(self.columns) + 1


Block = CellBlock | RowBlock


def empty_column(rows: int) -> Column:
    """Return a column without any cell."""
    return Column(kinds=np.zeros(rows, np.uint8), texts=pa.nulls(rows, pa.large_string()))


def concat_columns(columns: Sequence[Column]) -> Column:
    """Return columns one below the other."""
    if len(columns) == 1:
        return columns[0]
    return Column(
        kinds=np.concatenate([column.kinds for column in columns]),
        texts=pa.concat_arrays([column.texts for column in columns]),
    )


def text_column(text: str, rows: int) -> Column:
    """Return a column that holds the same text in every row."""
    return Column(kinds=np.full(rows, Kind.TEXT, np.uint8), texts=pa.repeat(pa.scalar(text, pa.large_string()), rows))


def assemble(blocks: Iterable[Block], *, date1904: bool, merges: Sequence[Merge] = ()) -> SheetCells:
    """Put cells into dense columns; of two cells at one place the later one counts.

    Nobody else should hold the blocks: each column's are let go when it is whole, so that a sheet is never there twice.
    """
    filled = [block for block in blocks if not block.empty]
    if any(upper.last >= lower.first for upper, lower in pairwise(filled)):
        filled = [_one_block(filled)]
    pieces: list[_Piece] = []
    while filled:
        block = filled.pop(0)
        rows = block if isinstance(block, RowBlock) else _dense(block)
        pieces.append(_Piece(rows.first, rows.last + 1, dict(rows.columns)))
    height = pieces[-1].end if pieces else 0
    places = sorted({place for piece in pieces for place in piece.columns})
    columns = {place: _stacked(pieces, place, height) for place in places}
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
        columns[place] = _taken(both, index)
    grown = block.rows != last - first + 1
    if grown:
        index = np.arange(first, last + 1) - block.first
        index[index >= block.rows] = -1
        columns = {
            place: column if len(column.kinds) == len(index) else _taken(column, np.maximum(index, -1))
            for place, column in columns.items()
        }
    return RowBlock(first=first, rows=last - first + 1, columns=columns)


def _taken(column: Column, index: NDArray[np.int64]) -> Column:
    """Return the cells at the given places, an empty one where the place is negative."""
    kinds = np.append(column.kinds, np.uint8(Kind.EMPTY))[index]
    return Column(kinds=kinds, texts=column.texts.take(pa.array(index, mask=index < 0)))


def _one_block(blocks: Sequence[Block]) -> CellBlock:
    """Return blocks whose rows overlap as cells in the order of the blocks."""
    cells = [block if isinstance(block, CellBlock) else _sparse(block) for block in blocks]
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


def _dense(cells: CellBlock) -> RowBlock:
    first, last = cells.first, cells.last
    every = np.arange(first, last + 1)
    columns: dict[int, Column] = {}
    for place, (rows, kinds, texts) in _by_column(cells).items():
        column = Column(kinds=kinds, texts=texts)
        if not np.array_equal(rows, every):
            index = np.full(len(every), -1, np.int64)
            index[rows - first] = np.arange(len(rows))
            column = _taken(column, index)
        columns[place] = column
    return RowBlock(first=first, rows=len(every), columns=columns)


def _by_column(cells: CellBlock) -> dict[int, tuple[NDArray[Any], NDArray[np.uint8], pa.LargeStringArray]]:
    """Return the rows, kinds and texts of each column's cells."""
    order = np.argsort(cells.columns, kind="stable")
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


def column_letters(column: int) -> str:
    """Return the letters of a 0-based column: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_index(letters: str) -> int:
    """Return the 0-based column of its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
