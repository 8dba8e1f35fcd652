"""Rows of averages and other statistics below the data: called so, and proven by the numbers; they end no table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from ..table.totals_words import STATISTICS
from .column_numbers import ROUNDING, SUMMED, numbers_of
from .validate import absent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..spec.dataset import Dataset
    from ..table.table import Part, Table

    Mask = NDArray[np.bool_]

_NAMES: Final = tuple(STATISTICS)
_LEAST: Final = 2
"""An average of one value is that value, as a second row of data might have it."""
_CHANCE: Final = 0.01
"""A row that meets rounded averages of all its columns by a smaller chance than this is one."""


@dataclass(frozen=True, slots=True)
class _Above:
    """The values that a field has in the rows of data."""

    values: NDArray[np.float64]

    @property
    def rough(self) -> float:
        """By how much sums of such doubles may be off."""
        return float(np.abs(self.values).sum()) * ROUNDING

    @property
    def spread(self) -> float:
        return float(np.ptp(self.values))

    def of(self, name: str) -> tuple[float, ...]:
        """Return what a statistic may be: deviations are of a sample or of all, variations per cents or shares."""
        if name in ("deviation", "variation"):
            deviations = tuple(float(self.values.std(ddof=free)) for free in (0, 1))
            mean = float(self.values.mean())
            shares = [deviation / mean for deviation in deviations] if mean else []
            return deviations if name == "deviation" else (*shares, *(share * 100 for share in shares))
        if name == "count":
            return (float(len(self.values)),)
        return (float(getattr(np, name)(self.values)),)


def proven_statistics(table: Table, dataset: Dataset, part: Part, data: Mask) -> Mask:
    """Return which rows of a part are statistics of its rows in `data`, below all of which they stand.

    Such a row has nothing but a word for a statistic, and numbers. A mean may stand alone: half of its numbers at least
    are then those of their columns, as many digits of them as the row shows, and the others (weighted ones, rates) lie
    within what their columns have. The others stand beside one, or there are two of them: a person may be called Max.
    Several rows of one name are data.
    """
    found = np.zeros(table.rows, np.bool_)
    here = slice(part.start, part.start + part.rows)
    data = data & (table.marks.statistics == 0)
    likely = np.flatnonzero((data & table.marks.likely)[here])
    first = part.start + int(likely[-1]) + 1 if len(likely) else here.stop
    names = table.marks.statistics[first : here.stop]
    rows = np.flatnonzero((names > 0) & (np.bincount(names, minlength=len(_NAMES) + 1)[names] == 1)) + first
    if not len(rows):
        return found
    filled = {field.name: ~absent(table.columns[field.name].at(rows), dataset) for field in dataset.cell_fields}
    numbers, above = _numbers(table, dataset, part, data)
    titles = {place: name for name, place in part.header.columns.items()}
    for number, row in enumerate(rows.tolist()):
        title = titles.get(int(table.marks.first[row]))
        fields = [name for name, mask in filled.items() if mask[number] and name != title]
        if all(name in above for name in fields):
            own = [(above[name], float(numbers[name][row - part.start])) for name in fields]
            found[row] = _are_proven(_NAMES[table.marks.statistics[row] - 1], own)
    lonely = np.count_nonzero(found) == 1 and table.marks.statistics[found][0] != 1
    return found & (not lonely)


def _numbers(
    table: Table, dataset: Dataset, part: Part, data: Mask
) -> tuple[dict[str, NDArray[np.float64]], dict[str, _Above]]:
    """Return the numbers of the part by field, and those of the rows of data where there are enough of them."""
    here = slice(part.start, part.start + part.rows)
    summed = [field for field in dataset.cell_fields if field.type.kind in SUMMED]
    numbers = {field.name: numbers_of(field, table, dataset, here)[0] for field in summed}
    values = {name: column[data[here] & ~np.isnan(column)] for name, column in numbers.items()}
    return numbers, {name: _Above(found) for name, found in values.items() if len(found) >= _LEAST}


def _are_proven(name: str, columns: Sequence[tuple[_Above, float]]) -> bool:
    """Say whether numbers are the statistic of that name of what is above them, each with its own."""
    exact, chance, met = True, 1.0, 0
    for above, own in columns:
        step = _last_digit(own)
        off = min((abs(own - one) for one in above.of(name)), default=math.inf)
        if off <= max(above.rough, step / 2):
            met += 1
            exact &= off <= above.rough
            chance *= min(1.0, step / above.spread) if above.spread else 1.0
        elif name != "mean" or not above.values.min() <= own <= above.values.max():
            return False
    return met > 0 and met * 2 >= len(columns) and (exact or chance <= _CHANCE)


def _last_digit(number: float) -> float:
    """Return the size of the last digit behind the point that a number needs: 0.01 of 2.25, 1 of 20."""
    if not math.isfinite(number):
        return 0.0
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return math.pow(10, min(int(exponent), 0))
