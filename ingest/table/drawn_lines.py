"""Rows that are nothing but a line, as listings draw them below titles and around totals; knows no values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import may_begin_with, truth
from ..cells.cells import Kind
from ..cells.characters import DRAWN_LINE, DRAWN_PIECE, DRAWN_SIGNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..cells.cells import Column

    Mask = NDArray[np.bool_]

_BEGINNINGS: Final = tuple(DRAWN_SIGNS)


def drawn_lines(columns: Mapping[int, Column], filled: Mapping[int, Mask], rows: int) -> Mask:
    """Say which rows are drawn: each filled cell is a piece of a line, and at least one a line of some length.

    A single dash, or a cell of dashes beside a value, says that there is no value.
    """
    drawn, long = _begun(columns, filled, rows), np.zeros(rows, np.bool_)
    for place, column in columns.items():
        here = np.flatnonzero(drawn & filled[place])
        texts = column.texts.take(pa.array(here))
        drawn[here] = truth(pc.match_substring_regex(texts, DRAWN_PIECE)) & (column.kinds[here] == Kind.TEXT)
        long[here] |= truth(pc.match_substring_regex(texts, DRAWN_LINE))
    return drawn & long


def _begun(columns: Mapping[int, Column], filled: Mapping[int, Mask], rows: int) -> Mask:
    """Say which rows may be drawn by the first character of their first filled cell: most fill the very first."""
    begun, rest = np.zeros(rows, np.bool_), np.arange(rows)
    for place in sorted(columns):
        if not len(rest):
            break
        here = filled[place][rest]
        first = rest[here]
        begun[first] = may_begin_with(columns[place].texts, _BEGINNINGS)[first]
        rest = rest[~here]
    return begun
