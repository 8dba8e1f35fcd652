"""Cells as text, one way for everybody: header titles, string fields, footers, raw values in errors, the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import Column, Kind
from .date_serials import DAY_MS, serial_parts, shown
from .number_text import doubles, exact_texts
from .styles import without_zeros

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Rewrite = Callable[[pa.LargeStringArray], pa.LargeStringArray]

_DATED: Final = (Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.DURATION)


def displayed(
    column: Column, *, date1904: bool, numbers: Rewrite = exact_texts, zeros: bool = False
) -> pa.LargeStringArray:
    """Return the text of each cell, null where there is none.

    Numbers as `numbers` writes them (in plain notation with Excel's 15 digits), with `zeros` those in front that
    their format shows, `TRUE` and `FALSE`, dates and times in ISO form, errors as Excel shows them, and what is
    malformed as it stands in the file.
    """
    column = column if zeros else without_zeros(column)
    texts = column.texts
    if (column.kinds <= Kind.TEXT).all():
        return texts
    texts = _rewritten(texts, column, Kind.NUMBER, numbers)
    texts = _rewritten(texts, column, Kind.BOOLEAN, _booleans)
    for kind in _DATED:
        texts = _rewritten(texts, column, kind, _dates(kind, date1904=date1904))
    return _rewritten(texts, column, Kind.UNCACHED, lambda raw: pa.nulls(len(raw), pa.large_string()))


def _rewritten(texts: pa.LargeStringArray, column: Column, kind: Kind, rewrite: Rewrite) -> pa.LargeStringArray:
    here = column.kinds == kind
    if not here.any():
        return texts
    mask = pa.array(here)
    return pc.replace_with_mask(texts, mask, rewrite(column.texts.filter(mask)))


def _booleans(raw: pa.LargeStringArray) -> pa.LargeStringArray:
    return pc.if_else(pc.equal(raw, "0"), "FALSE", "TRUE").cast(pa.large_string())


def _dates(kind: Kind, *, date1904: bool) -> Rewrite:
    def rewrite(raw: pa.LargeStringArray) -> pa.LargeStringArray:
        serials = doubles(raw)
        days, milliseconds, valid = serial_parts(serials, date1904=date1904)
        # A time of day without a day, durations and numbers that are no dates are shown one by one.
        usual = valid & (kind != Kind.DURATION) & ((serials >= 1) | (date1904 & (kind != Kind.TIME)))
        texts = _moments(np.where(usual, days * DAY_MS + milliseconds, 0), only_days=kind == Kind.DATE)
        if usual.all():
            return texts
        others = [shown(kind, serial, date1904=date1904) for serial in serials[~usual].tolist()]
        return pc.replace_with_mask(texts, pa.array(~usual), pa.array(others, pa.large_string()))

    return rewrite


def _moments(milliseconds: NDArray[np.int64], *, only_days: bool) -> pa.LargeStringArray:
    """Return moments, in milliseconds since 1970, in ISO form; with `only_days`, midnight is none."""
    texts = pa.array(milliseconds, pa.timestamp("ms")).cast(pa.large_string())
    texts = pc.replace_substring(texts, " ", "T")
    if not (milliseconds % 1000).any():
        texts = pc.utf8_slice_codeunits(texts, 0, -len(".000"))
    else:
        texts = pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".")
    if only_days:
        texts = pc.if_else(pa.array(milliseconds % DAY_MS == 0), pc.utf8_slice_codeunits(texts, 0, 10), texts)
    return texts
