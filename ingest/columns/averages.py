"""Rows of averages below the data: called so, and proven by the numbers above; they end no table."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from .column_numbers import SUMMED, numbers_of
from .validate import absent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Part, Table

    Mask = NDArray[np.bool_]

_LEAST: Final = 2
"""An average of one value is that value, as a second row of data might have it."""
_ROUNDING: Final = 1e-9
"""What an average may be off, as a share of the sizes that were added up: a spreadsheet adds doubles."""
_CHANCE: Final = 0.01
"""A row that meets rounded averages of all its columns by a smaller chance than this is one."""


class _Above(NamedTuple):
    """What a field has in the rows of data, and by how much sums of such doubles may be off."""

    mean: float
    low: float
    high: float
    rough: float


def proven_averages(table: Table, dataset: Dataset, part: Part, data: Mask) -> Mask:
    """Return which row of a part is the averages of its rows in `data`, if there is one, below all of them.

    Such a row has nothing but a word for averages, and numbers: half of them at least are the means of their columns,
    as many digits of them as the row shows, and the others (weighted ones, rates) lie within what their columns have.
    Several that are called so are data: a mark, a department.
    """
    found = np.zeros(table.rows, np.bool_)
    here = slice(part.start, part.start + part.rows)
    likely = np.flatnonzero((data & table.marks.likely)[here])
    first = part.start + int(likely[-1]) + 1 if len(likely) else here.stop
    rows = np.flatnonzero(table.marks.averages[first : here.stop]) + first
    if len(rows) != 1:
        return found
    filled = [field.name for field in dataset.cell_fields if not absent(table.columns[field.name].at(rows), dataset)[0]]
    numbers, above = _numbers(table, dataset, part, data)
    title = int(table.marks.first[rows[0]])
    names = [name for name in filled if part.header.columns.get(name) != title]
    if all(name in above for name in names):
        row = int(rows[0]) - part.start
        found[rows] = _are_averages([(above[name], float(numbers[name][row])) for name in names])
    return found


def _numbers(
    table: Table, dataset: Dataset, part: Part, data: Mask
) -> tuple[dict[str, NDArray[np.float64]], dict[str, _Above]]:
    """Return the numbers of the part by field, and what the rows of data come to where there are enough of them."""
    here = slice(part.start, part.start + part.rows)
    summed: Sequence[Field] = [field for field in dataset.cell_fields if field.type.kind in SUMMED]
    numbers = {field.name: numbers_of(field, table, dataset, here)[0] for field in summed}
    above = {}
    for name, column in numbers.items():
        values = column[data[here] & ~np.isnan(column)]
        if len(values) >= _LEAST:
            rough = float(np.abs(values).sum()) * _ROUNDING
            above[name] = _Above(float(values.mean()), float(values.min()), float(values.max()), rough)
    return numbers, above


def _are_averages(columns: Sequence[tuple[_Above, float]]) -> bool:
    """Say whether numbers are the averages of what is above them, each with its own."""
    exact, chance, met = True, 1.0, 0
    for above, own in columns:
        if not above.low - above.rough <= own <= above.high + above.rough:
            return False
        off, step = abs(own - above.mean), _last_digit(own)
        if off <= max(above.rough, step / 2):
            met += 1
            exact &= off <= above.rough
            chance *= min(1.0, step / (above.high - above.low)) if above.high > above.low else 1.0
    return met > 0 and met * 2 >= len(columns) and (exact or chance <= _CHANCE)


def _last_digit(number: float) -> float:
    """Return the size of the last digit behind the point that a number needs: 0.01 of 2.25, 1 of 20."""
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return math.pow(10, min(int(exponent), 0))
