"""Titles that are years or dates, as of a table with a column for each month; knows no other titles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ..cells.cells import Kind
from ..cells.number_text import doubles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..cells.cells import Column

_YEARS: Final = (1900, 2100)
_LEAST_TITLES: Final = 2
_LOOKED_AT: Final = 50
"""Rows below the titles."""
_DATES: Final = frozenset({Kind.DATE, Kind.DATETIME})


def are_periods(columns: Sequence[Column], row: int) -> bool:
    """Say whether the columns have years or dates in a row, one after the other, and below it other numbers.

    A row of data may hold such values, too; but then so do the rows below it.
    """
    titles = [column.part(slice(row, row + 1)) for column in columns]
    below = [column.part(slice(row + 1, row + 1 + _LOOKED_AT)) for column in columns]
    if len(titles) < _LEAST_TITLES or not all(map(_are_numbers, below)):
        return False
    kinds = {int(title.kinds[0]) for title in titles}
    if not (kinds <= _DATES or kinds == {Kind.NUMBER}):
        return False
    steps = np.diff(np.concatenate([doubles(title.texts) for title in titles]))
    if kinds <= _DATES:
        return bool((steps > 0).all() or (steps < 0).all())
    years = all(map(_are_years, titles)) and not all(map(_are_years, below))
    return years and bool((steps == 1).all() or (steps == -1).all())


def _are_numbers(column: Column) -> bool:
    """Say whether the cells are numbers, some empty, and not all."""
    filled: NDArray[np.uint8] = column.kinds[column.kinds != Kind.EMPTY]
    return bool(len(filled) and (filled == Kind.NUMBER).all())


def _are_years(column: Column) -> bool:
    numbers = doubles(column.texts)
    given = numbers[~np.isnan(numbers)]
    return bool(((given >= _YEARS[0]) & (given <= _YEARS[1]) & (np.rint(given) == given)).all())
