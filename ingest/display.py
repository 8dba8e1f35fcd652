"""Cells as text, one way for everybody: header titles, string fields, footers, raw values in errors, the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import Column, Kind
from .numbertext import doubles, exact_texts
from .serials import serial_parts, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    Rewrite = Callable[[pa.LargeStringArray], pa.LargeStringArray]

_DATED: Final = (Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.DURATION)


def displayed(column: Column, *, date1904: bool, numbers: Rewrite = exact_texts) -> pa.LargeStringArray:
    """Return the text of each cell, null where there is none.

    Numbers as `numbers` writes them (in plain notation with Excel's 15 digits), `TRUE` and `FALSE`, dates and
    times in ISO form, errors as Excel shows them.
    """
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
        if kind != Kind.DATE or not valid.all() or milliseconds.any():
            return pa.array([shown(kind, serial, date1904=date1904) for serial in serials], pa.large_string())
        return pa.array(days.astype(np.int32), pa.date32()).cast(pa.large_string())

    return rewrite
