"""How many rows the header of a sample has: titles of groups above other titles, units below them; types nothing."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from ..cells.cells import Kind
from ..cells.display import displayed
from ..spec.titles import normal
from .units import is_no_unit, is_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..cells.cells import Column, SheetCells

VALUE: Final = re.compile(r"[\W\d_]*\d[\W\d_]*")
"""A number, a date or a time: no title, where something else may be one."""
_LOOKED_AT: Final = 50
"""Rows below the header."""


def whole_header(cells: SheetCells, row: int) -> range:
    """Return the rows of the header that has a 0-based row of titles: itself, perhaps others above it and below."""
    first, last = row, row
    while first > 0 and _has_groups(cells, first - 1) and (_going_on(cells, first - 1) or _is_repeated(cells, first)):
        first -= 1
    while _has_groups(cells, last):
        last += 1
    return range(first, last + 2 if _has_units(cells, last) else last + 1)


def _texts(cells: SheetCells, row: int) -> dict[int, str] | None:
    """Return what stands in a row by 0-based column; None if there is no such row, or one has anything but titles."""
    if row >= cells.rows:
        return None
    found: dict[int, str] = {}
    for place, column in cells.columns.items():
        if column.kinds[row] != Kind.EMPTY and (text := (column.texts[row].as_py() or "").strip()):
            if column.kinds[row] != Kind.TEXT or VALUE.fullmatch(text):
                return None
            found[place] = text
    return found


def _is_repeated(cells: SheetCells, row: int) -> bool:
    """Say whether a row has a title twice: alone it does not tell its columns apart."""
    titles = [normal(text) for text in (_texts(cells, row) or {}).values()]
    return len(set(titles)) < len(titles)


def _has_groups(cells: SheetCells, row: int) -> bool:
    """Say whether titles in a row stand over several columns each, of which each has one of its own in the next row.

    A single one over all columns is the table's. The next row is no data: a title beside the groups goes on into it,
    the groups have the same titles, it has groups itself, or other things than texts stand below it.
    """
    groups = _groups(cells, row)
    below = _texts(cells, row + 1) if groups else None
    if not below:
        return False
    again = _groups(cells, row + 1)
    going_on = _going_on(cells, row)
    spanned, titled = {*chain(*groups)}, {*below, *chain(*again), *going_on}
    if not spanned <= titled or (len(groups) == 1 and spanned == titled):
        return False
    typed = any(_has_numbers(cells.columns[place], row + 2) for place in spanned & cells.columns.keys())
    return typed or bool(again) or bool(going_on) or _is_repeated(cells, row + 1)


def _going_on(cells: SheetCells, row: int) -> set[int]:
    """Return the columns whose cell in a row is merged with the one below."""
    return {merge.left for merge in cells.merges if merge.top <= row < merge.bottom}


def _groups(cells: SheetCells, row: int) -> list[range]:
    """Return the columns of each title in a row that stands over several."""
    return [
        range(merge.left, merge.right + 1)
        for merge in cells.merges
        if merge.top == merge.bottom == row and merge.left < merge.right
    ]


def _has_units(cells: SheetCells, row: int) -> bool:
    """Say whether the row below the titles in `row` has nothing but units, with numbers below."""
    titles, units = _texts(cells, row), _texts(cells, row + 1)
    if not titles or not units or not units.keys() <= titles.keys() | _going_on(cells, row - 1):
        return False
    measured = [place for place, text in units.items() if not is_no_unit(text)]
    return bool(measured) and all(
        is_unit(units[place]) and _has_numbers(cells.columns[place], row + 2) for place in measured
    )


def _has_numbers(column: Column, start: int) -> bool:
    """Say whether most cells from a row on are numbers, dates or texts of them, but for empty ones."""
    part = column.part(slice(start, start + _LOOKED_AT))
    texts: Sequence[str | None] = displayed(part, date1904=False).to_pylist()
    filled = [text for text in texts if text and text.strip()]
    return bool(filled) and sum(bool(VALUE.fullmatch(text)) for text in filled) * 2 > len(filled)
