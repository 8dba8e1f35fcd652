"""The styles of cells that have none of their own, by the columns of a sheet; knows no formats."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from ...cells.cells import MAX_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class ColumnStyles:
    """Runs of columns that give the same style, from the first column on: where each ends, and its style's name."""

    def __init__(self) -> None:
        self.ends: list[int] = []
        self.names: list[str] = []

    def add(self, name: str, count: int) -> None:
        """Note the style of the next columns, an empty one for none."""
        end = min((self.ends[-1] if self.ends else 0) + count, MAX_COLUMNS)
        if self.names and self.names[-1] == name:
            self.ends[-1] = end
        elif not self.ends or end > self.ends[-1]:
            self.ends.append(end)
            self.names.append(name)

    def parts(self, column: int, count: int) -> Iterator[tuple[int, int, str]]:
        """Yield some columns in parts of one style each: the first column, how many there are, and the style."""
        end = column + count
        for place in range(bisect_right(self.ends, column), len(self.ends)):
            if column >= end:
                return
            last = min(self.ends[place], end)
            yield column, last - column, self.names[place]
            column = last
        if column < end:
            yield column, end - column, ""

    def places(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return in which run each column is; behind the last one, there is none."""
        return np.searchsorted(np.array(self.ends, np.int64), columns, side="right")

    def copy(self) -> ColumnStyles:
        """Return the same styles, to which nothing is added any more."""
        other = ColumnStyles()
        other.ends, other.names = list(self.ends), list(self.names)
        return other

    def same(self, other: ColumnStyles) -> bool:
        """Say whether the columns give the same styles."""
        return self.ends == other.ends and self.names == other.names
