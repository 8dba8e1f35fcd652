"""Where a table ends, and which rows within it are no data: totals that are proven, page footers; refuses nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ..cells.cells import Kind
from .column_numbers import ROUNDING, SUMMED, numbers_of
from .statistics_rows import proven_statistics
from .validate import absent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Part, Table

    Mask = NDArray[np.bool_]

_MEASURES: Final = 4
"""What is known of the rows above: see `_Sums`."""
_LEAST_ADDED: Final = 2
_LEAST_BESIDE_ONE: Final = 3
"""So many values a sum is of that is no chance: of fewer, where another column has a sum as well."""
_STARTS: Final = 20
"""So many of the totals above may be where the rows of a further one begin, besides the first row."""


def settled(table: Table, dataset: Dataset) -> Table:
    """Return the table with its footers: the last proven row of totals ends it, those above it are left out.

    A row that begins as a footer does is one where it leaves the required fields and the key empty, or has nothing but
    formulas that nobody has calculated, of which data has none, or where its numbers are the sums of their columns and
    it is not as full of other things as data is. A row that begins with a known word for totals which no footer has is
    one by its numbers alone. What the file itself calls totals needs no proof. Rows below the end that look like data
    are told apart from footers, so that none is lost. A subtotal, called so, never ends a table, nor do statistics.
    """
    footer, beyond = np.zeros(table.rows, np.bool_), np.zeros(table.rows, np.bool_)
    filled = ~(table.blank | table.repeated)
    for part in table.parts:
        here = np.zeros(table.rows, np.bool_)
        here[part.start : part.start + part.rows] = True
        totals = _Totals(table, dataset, part).proven() | (table.marks.totals & here)
        end = _end(totals & ~(table.marks.subtotals | (table.marks.statistics > 0)), table.blank, part, dataset)
        after = here & (np.arange(table.rows) >= end)
        strange = after & ~totals & ~table.marks.skipped & filled & table.marks.likely
        footer |= here & (totals | table.marks.skipped | after) & filled & ~strange
        beyond |= strange
    nothing = _empty_but_for_others(table, dataset, filled & ~(footer | beyond))
    return replace(table, footer=footer, beyond=beyond, blank=table.blank | nothing)


def _empty_but_for_others(table: Table, dataset: Dataset, rows: Mask) -> Mask:
    """Say which of the rows have nothing in any field, but something beside: a number in front, a note behind.

    Where a field is required, or the key, such a row lacks it, and that is told.
    """
    found = np.zeros(table.rows, np.bool_)
    if any(map(dataset.is_needed, dataset.cell_fields)):
        return found
    left = np.flatnonzero(rows)
    for field in dataset.cell_fields:
        column = table.columns[field.name]
        few = len(left) * 2 < table.rows
        left = left[absent(column.at(left), dataset) if few else absent(column, dataset)[left]]
    found[left] = True
    strict = dataset.contract.columns in ("freeze", "discard_row")
    return found & ~table.torn_data & ~(table.undeclared & strict)


def _end(totals: Mask, blank: Mask, part: Part, dataset: Dataset) -> int:
    """Return the row that ends the table's part: the first of many blank ones, or the last of totals above them."""
    here = slice(part.start, part.start + part.rows)
    limit, end = dataset.table_end.blank_rows, part.rows
    if np.count_nonzero(blank[here]) >= limit:
        runs = np.convolve(blank[here], np.ones(limit, np.int64), mode="valid") == limit
        end = int(np.flatnonzero(runs)[0]) if runs.any() else end
    found = np.flatnonzero(totals[here][:end])
    return part.start + (int(found[-1]) if len(found) else end)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """What the fields hold in some rows, NaN for no number, and what the data rows above each of them come to.

    `own` is by field and row, so is `bad`, 1 for a cell that is filled with no number; `above` has the sum of the
    values, the sum of their sizes, their count and that of bad cells, likewise, and `beside` the measures of `_Beside`.
    """

    names: Sequence[str]
    own: NDArray[np.float64]
    bad: NDArray[np.float64]
    above: NDArray[np.float64]
    beside: NDArray[np.float64]


class _Beside(NamedTuple):
    """Of each field the least and the greatest value above a row, and what a sum of rounded values may be off."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    rough: NDArray[np.float64]


class _Totals:
    """The rows of a part that begin as footers do, and what speaks for each that it is one."""

    def __init__(self, table: Table, dataset: Dataset, part: Part) -> None:
        self._table, self._dataset, self._part = table, dataset, part
        here = slice(part.start, part.start + part.rows)
        marks = table.marks
        nothing = table.blank | table.repeated | marks.skipped | marks.totals
        called = marks.footers | marks.known
        self._statistics = proven_statistics(table, dataset, part, ~(nothing | called))
        self._rows = np.flatnonzero((called & ~(nothing | self._statistics))[here]) + part.start
        self._data = ~(nothing | called | self._statistics)
        self._needed = frozenset(field.name for field in dataset.cell_fields if dataset.is_needed(field))

    def proven(self) -> Mask:
        """Return which rows of the table are totals of this part, or statistics."""
        found = self._statistics.copy()
        if not len(self._rows):
            return found
        filled = {
            field.name: ~absent(self._table.columns[field.name].at(self._rows), self._dataset)
            for field in self._dataset.cell_fields
        }
        sums = self._sums()
        # What is not proven counts as data for the totals below it; each total may be where a further one begins.
        carried = np.zeros(sums.above.shape[:2])
        begin = np.zeros_like(carried)
        starts: deque[NDArray[np.float64]] = deque(maxlen=_STARTS)
        for number, row in enumerate(self._rows.tolist()):
            here = {name for name, mask in filled.items() if mask[number]}
            added = sums.above[:, :, number] + carried
            if self._is_total(number, row, here, sums, [added - start for start in (begin, *starts)]):
                found[row] = True
                starts.append(added)
            else:
                own = sums.own[:, number]
                carried += np.nan_to_num(np.stack([own, np.abs(own), ~np.isnan(own), sums.bad[:, number]]))
        return found

    def _is_total(
        self, number: int, row: int, filled: set[str], sums: _Sums, added: Sequence[NDArray[np.float64]]
    ) -> bool:
        """Judge a row by the fields that it fills and by what the rows above come to, from each of their beginnings."""
        place = int(self._table.marks.first[row])
        titled = next((name for name, column in self._part.header.columns.items() if column == place), None)
        others = filled - {titled}
        if self._is_of_nothing(number, row, others, sums):
            return True
        if self._table.marks.known[row]:
            return row > self._last_data and self._is_known_total(number, filled, others, sums, added)
        if self._needed and not self._needed & filled:
            return True
        if not others:
            return bool(self._table.marks.exact[row]) or titled not in self._needed
        if all(self._is_only_there_uncalculated(name, row) for name in others):
            return True
        if row == self._rows[-1] and others & self._dataset.expect.reconcile.keys():
            # The file is held to this total: where it is wrong, that is told, and nothing is loaded.
            return True
        places = self._numbers(filled, others, sums)
        if not places:
            return False
        own, beside = sums.own[places, number], _Beside(*sums.beside[:, places, number])
        named = row > self._last_data and (bool(self._table.marks.bare[row]) or self._lacks(filled))
        return any(
            _same(own, above[:, places])
            or self._stands_for(row, filled, own, above[:, places])
            or (named and _has_averages(own, above[:, places], beside))
            for above in added
        )

    def _is_of_nothing(self, number: int, row: int, others: set[str], sums: _Sums) -> bool:
        """Say whether a row with nothing but the word for a total has zeros alone, and there are no data at all."""
        here = slice(self._part.start, self._part.start + self._part.rows)
        if not self._table.marks.bare[row] or not others or not others <= set(sums.names) or self._data[here].any():
            return False
        return bool((sums.own[[sums.names.index(name) for name in others], number] == 0).all())

    def _numbers(self, filled: set[str], others: set[str], sums: _Sums) -> list[int]:
        """Return where a row's numbers are in the sums; none if it is as full of other things as data is."""
        places = [sums.names.index(name) for name in others if name in sums.names]
        words = others - set(sums.names)
        full = words & self._needed or (words and len(filled) == len(self._dataset.cell_fields))
        return [] if full else places

    def _is_known_total(
        self, number: int, filled: set[str], others: set[str], sums: _Sums, added: Sequence[NDArray[np.float64]]
    ) -> bool:
        """Judge a row that no footer is named after: by sums of several rows each, or of one where data fills more.

        Sums of nothing but zeros prove nothing.
        """
        places = self._numbers(filled, others, sums)
        own = sums.own[places, number]
        if not own.any():
            return False
        fewer = bool(self._always - filled)
        least = 1 if fewer else _LEAST_ADDED
        beside = _Beside(*sums.beside[:, places, number])
        return any(
            (bool((above[2, places] >= least).all()) and _same(own, above[:, places]))
            or (fewer and _has_averages(own, above[:, places], beside))
            for above in added
        )

    @cached_property
    def _last_data(self) -> int:
        """The last row of the part that looks like data; -1 if none does."""
        here = slice(self._part.start, self._part.start + self._part.rows)
        found = np.flatnonzero((self._data & self._table.marks.likely)[here])
        return self._part.start + int(found[-1]) if len(found) else -1

    def _is_only_there_uncalculated(self, name: str, row: int) -> bool:
        """Say whether a field has a formula without a result in this row, and in no row of data."""
        kinds = self._table.columns[name].kinds
        return bool(kinds[row] == Kind.UNCACHED) and not ((kinds == Kind.UNCACHED) & self._data).any()

    def _stands_for(self, row: int, filled: set[str], own: NDArray[np.float64], above: NDArray[np.float64]) -> bool:
        """Say whether a row is a total of which nobody can say whether it is right: bad cells above are in it, too.

        The columns without any must add up. That may be chance in the few that are left, so more has to speak for it:
        a label that is the footer's own word, or, where there is such a column, an empty cell that no row of data has.
        """
        unknown = above[3] > 0
        if not unknown.any() or np.isnan(own).any() or not _same(own[~unknown], above[:, ~unknown]):
            return False
        return bool(self._table.marks.bare[row]) or (not unknown.all() and self._lacks(filled))

    def _lacks(self, filled: set[str]) -> bool:
        """Say whether a row leaves a field empty that every row of data fills, of what all must fill if anything."""
        return bool((self._needed or self._always) - filled)

    @cached_property
    def _always(self) -> frozenset[str]:
        """The fields that all rows of data in the part fill."""
        here = slice(self._part.start, self._part.start + self._part.rows)
        return frozenset(
            field.name
            for field in self._dataset.cell_fields
            if not absent(self._table.columns[field.name].part(here), self._dataset)[self._data[here]].any()
        )

    def _sums(self) -> _Sums:
        names, own, bad, above, beside = [], [], [], [], []
        here = slice(self._part.start, self._part.start + self._part.rows)
        rows = self._rows - self._part.start
        for field in self._dataset.cell_fields:
            if field.type.kind in SUMMED:
                values, wrong = numbers_of(field, self._table, self._dataset, here)
                summed = self._data[here] & ~np.isnan(values)
                numbers = np.where(summed, values, 0)
                names.append(field.name)
                own.append(values[rows])
                bad.append(wrong[rows])
                parts = (numbers, np.abs(numbers), summed, self._data[here] & wrong)
                above.append([np.cumsum(part)[rows] for part in parts])
                least = np.minimum.accumulate(np.where(summed, values, np.inf))
                most = np.maximum.accumulate(np.where(summed, values, -np.inf))
                rough = self._rounding(field, here) * (np.cumsum(summed) + 1)
                beside.append([one[rows] for one in (least, most, rough)])
        shape = (len(names), _MEASURES, len(rows))
        spread = (len(names), len(_Beside._fields), len(rows))
        return _Sums(
            names=names,
            own=np.array(own).reshape(len(names), len(rows)),
            bad=np.array(bad, np.float64).reshape(len(names), len(rows)),
            above=np.array(above, np.float64).reshape(shape).swapaxes(0, 1),
            beside=np.array(beside, np.float64).reshape(spread).swapaxes(0, 1),
        )

    def _rounding(self, field: Field, here: slice) -> float:
        """Return what a value of a field may be off: texts of decimals show what a program may have rounded."""
        texts = not self._table.columns[field.name].part(here).has(Kind.NUMBER).any()
        return 0.5 * 10.0**-field.type.scale if texts and field.type.scale else 0.0


def _has_averages(own: NDArray[np.float64], above: NDArray[np.float64], beside: _Beside) -> bool:
    """Say whether half of the numbers at least are sums, perhaps of rounded ones, and the others averages or rates.

    An average is within what it is one of, and a sum of two values or more is not: by chance both are hardly.
    """
    sums, sizes, counts, _ = above
    added = (np.abs(own - sums) <= np.maximum(sizes * ROUNDING, beside.rough)) & ~_within(sums, beside)
    others = _within(own, beside) & ~added
    proven = np.count_nonzero(added)
    enough = proven * 2 >= len(own) and (counts >= (_LEAST_ADDED if proven > 1 else _LEAST_BESIDE_ONE)).all()
    return bool(enough and (added | others).all())


def _within(numbers: NDArray[np.float64], beside: _Beside) -> Mask:
    return (beside.low <= numbers) & (numbers <= beside.high)


def _same(own: NDArray[np.float64], above: NDArray[np.float64]) -> bool:
    """Say whether numbers are the sums of what is above them, of something at least."""
    sums, sizes, counts, _ = above
    return bool((counts > 0).all() and (np.abs(own - sums) <= sizes * ROUNDING).all())
