"""The cells of one sheet as whole columns at their physical places: knows nothing of files, headers or datasets."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pyarrow as pa

from .byte_set import ByteSet

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
    MOMENT = 10
    """A date and time with its offset from UTC, in ISO form: no serial number can say that."""
    PADDED = 11
    """A whole number whose format shows it with zeros in front, as it is shown: `01067`, `001-067`."""
    MALFORMED = 12
    """What the file calls a number, a boolean or a date but is none, as it stands there."""


def among(kinds: NDArray[np.uint8], *wanted: Kind) -> NDArray[np.bool_]:
    """Return where the kind is one of those that are wanted."""
    return kinds == wanted[0] if len(wanted) == 1 else _set_of(wanted).has(kinds)


def distinct(numbers: NDArray[np.integer[Any]]) -> list[int]:
    """Return which numbers there are among many small ones, in order."""
    found: list[int] = np.flatnonzero(np.bincount(numbers)).tolist()
    return found


@cache
def _set_of(wanted: tuple[Kind, ...]) -> ByteSet:
    return ByteSet(wanted)


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

    def at_or_empty(self, index: NDArray[np.int64]) -> Column:
        """Return the cells at the given places, an empty one where the place is negative."""
        kinds = np.append(self.kinds, np.uint8(Kind.EMPTY))[index]
        return Column(kinds=kinds, texts=self.texts.take(pa.array(index, mask=index < 0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """A merged range, 0-based and inclusive; only its top left cell holds anything."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsRow:
    """The last row of a table that the file itself calls its totals; all places are 0-based.

    `top` is the first row of the table, that of its titles; it stands in the columns from `left` to `right`. `labels`
    are the texts that the row has there by the file's own account, null where a function stands; nothing is elsewhere.
    """

    top: int
    row: int
    left: int
    right: int
    labels: Mapping[int, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What rows were before they were rows, if they were records of a text: by 0-based row, down to the last one.

    `fields` is how many each had, empty ones too; `suspects` are those that can be read in several ways, and why;
    `ended` is false if the text may end within the last one: no line end stands behind it.
    """

    fields: NDArray[np.int32]
    suspects: Mapping[int, str] = field(default_factory=dict)
    ended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetCells:
    """The columns of a sheet that hold anything, by 0-based sheet column; each has `rows` cells."""

    rows: int
    columns: Mapping[int, Column]
    date1904: bool = False
    merges: tuple[Merge, ...] = ()
    totals: tuple[TotalsRow, ...] = ()
    records: Records | None = None

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
