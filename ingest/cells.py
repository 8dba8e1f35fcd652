"""The cells of one sheet as whole columns at their physical places: knows nothing of files, headers or datasets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column from sheet row 1 on: the kind of each cell, and its text (null where it is empty).

    A number's text is the file's own, a boolean's is `1` or `0`, an error's is what Excel shows.
    """

    kinds: NDArray[np.uint8]
    texts: pa.LargeStringArray

    def has(self, *kinds: Kind) -> NDArray[np.bool_]:
        """Return where the cell is of one of the kinds."""
        return np.isin(self.kinds, kinds) if len(kinds) > 1 else self.kinds == kinds[0]

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


def assemble(blocks: Sequence[CellBlock], *, date1904: bool, merges: Sequence[Merge] = ()) -> SheetCells:
    """Put cells into dense columns; of two cells at one place the later one counts."""
    if not any(len(block.rows) for block in blocks):
        return SheetCells(rows=0, columns={}, date1904=date1904)
    rows = np.concatenate([block.rows for block in blocks])
    columns = np.concatenate([block.columns for block in blocks])
    kinds = np.concatenate([block.kinds for block in blocks])
    texts = pa.concat_arrays([block.texts for block in blocks])
    height = int(rows.max()) + 1
    order = np.argsort(columns, kind="stable")
    bounds = np.searchsorted(columns[order], np.arange(int(columns.max()) + 2))
    dense: dict[int, Column] = {}
    for column, (start, stop) in enumerate(pairwise(bounds)):
        if start < stop:
            index = order[start:stop]
            dense[column] = _dense(height, rows[index], kinds[index], texts.take(pa.array(index)))
    return SheetCells(rows=height, columns=dense, date1904=date1904, merges=tuple(merges))


def _dense(height: int, rows: NDArray[Any], kinds: NDArray[np.uint8], texts: pa.LargeStringArray) -> Column:
    if len(rows) == height and rows[0] == 0 and bool((np.diff(rows) == 1).all()):
        return Column(kinds=kinds, texts=texts)
    all_kinds = np.zeros(height, np.uint8)
    all_kinds[rows] = kinds
    place = np.full(height, -1, np.int64)
    place[rows] = np.arange(len(rows))
    return Column(kinds=all_kinds, texts=texts.take(pa.array(place, mask=place < 0)))


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
