"""What a cell may hold that its file calls a number or a boolean: one rule for all formats; knows no file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow_masks import bytes_of, offsets_of, truth
from .cells import Column, Kind, among

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_NUMBERS: Final = (Kind.NUMBER, Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.DURATION)
_DECIMAL: Final = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_SURELY_FINITE: Final = 300
"""So many digits are a number that a double can hold."""
_YES: Final = pa.array(["1", "true"], pa.large_string())
_NO: Final = pa.array(["0", "false"], pa.large_string())


def settled(column: Column) -> Column:
    """Return the column with `MALFORMED` for what is called a number or a boolean but is none.

    A number is decimal, in ASCII digits with a point, and finite; `NaN`, `1,5`, `1_000` and `1e400` are none. A
    boolean is `0`, `1`, `true` or `false` in any case, and its text afterwards one of the first two.
    """
    if (column.kinds <= Kind.TEXT).all():
        return column
    return _booleans(_numbers(column))


def _numbers(column: Column) -> Column:
    index = np.flatnonzero(among(column.kinds, *_NUMBERS))
    if not len(index):
        return column
    first, last = int(index[0]), int(index[-1]) + 1
    in_one = last - first == len(index)
    texts = column.texts[first:last] if in_one else column.texts.take(pa.array(index))
    if _only_digits(texts):
        return column
    try:
        good = np.isfinite(texts.cast(pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        plain = pc.utf8_trim_whitespace(texts)
        good = truth(pc.match_substring_regex(plain, _DECIMAL))
        good[good] = np.isfinite(plain.filter(pa.array(good)).cast(pa.float64()).to_numpy())
        where = np.zeros(len(column.kinds), np.bool_)
        where[index] = good
        rewritten = pc.replace_with_mask(column.texts, pa.array(where), plain.filter(pa.array(good)))
        column = Column(kinds=column.kinds, texts=rewritten)
    if good.all():
        return column
    kinds = column.kinds.copy()
    kinds[index[~good]] = Kind.MALFORMED
    return Column(kinds=kinds, texts=column.texts)


def _only_digits(texts: pa.LargeStringArray) -> bool:
    """Say whether nothing but digits is there, by a look at all bytes at once: true of most columns of numbers."""
    if texts.null_count:
        return False
    digits, lengths = bytes_of(texts) - np.uint8(ord("0")), np.diff(offsets_of(texts))
    return bool((digits <= 9).all() and lengths.min() > 0 and lengths.max() <= _SURELY_FINITE)  # noqa: PLR2004  # 0 to 9


def _booleans(column: Column) -> Column:
    here = column.kinds == Kind.BOOLEAN
    if not here.any():
        return column
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(column.texts.filter(pa.array(here))))
    yes, no = pc.is_in(texts, value_set=_YES), pc.is_in(texts, value_set=_NO)
    known = np.zeros(len(here), np.bool_)
    known[here] = truth(pc.or_(yes, no))
    digits = pc.if_else(yes.filter(pc.or_(yes, no)), "1", "0").cast(pa.large_string())
    kinds = np.where(here & ~known, np.uint8(Kind.MALFORMED), column.kinds)
    return Column(kinds=kinds, texts=pc.replace_with_mask(column.texts, pa.array(known), digits))
