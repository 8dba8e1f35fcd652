"""What a dataset's own function returns, as values of the fields' types: held exactly, or told why it cannot be."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..cells.cells import Column, Kind
from ..errors import told
from ..messages import say
from .numeric import convert_decimal, convert_integer, convert_number
from .textual import with_nul

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..spec.field import Field
    from .converted import Converted

_NOT_OF_TYPE: Final = (pa.ArrowException, ValueError, TypeError, OverflowError)
_OF_FLOATS: Final[dict[str, Callable[[Column, NDArray[np.bool_], Field], Converted]]] = {
    "integer": convert_integer,
    "decimal": convert_decimal,
    "number": convert_number,
}
_TIMED: Final = say("a date with a time of day")
_WHOLE: Final = pa.decimal128(20, 0)
"""Holds every integer of 64 bits; Arrow casts none of them to a decimal of fewer digits."""


class NotHeldError(Exception):
    """A value that a field cannot hold as it is; `index` is its place, 0-based, where it is one value's fault."""

    def __init__(self, reason: str, index: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.index = reason, index


def held(series: Any, field: Field, kind: pa.DataType) -> pa.Array:
    """Return a pandas Series as an array of the field's Arrow type.

    A float counts as a number in a cell does: its first 15 digits are its value, and they fit or they do not.

    Raises:
        NotHeldError: values would be rounded, cut off or taken for others.

    """
    try:
        found = _array(series, kind)
        if pa.types.is_floating(found.type):
            return _of_floats(found.cast(pa.float64()), field, kind)
        _see_that_it_is_alike(found, field, kind)
        if pa.types.is_integer(found.type) and pa.types.is_decimal(kind):
            found = found.cast(_WHOLE)
        return _loadable(found.cast(kind))
    except _NOT_OF_TYPE as error:
        raise NotHeldError(told(error)) from error


def _array(series: Any, kind: pa.DataType) -> pa.Array:
    try:
        found = pa.Array.from_pandas(series)
    except _NOT_OF_TYPE:
        # Objects of several kinds, such as whole numbers among decimals.
        found = pa.Array.from_pandas(series, type=kind)
    found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    if pa.types.is_date(found.type) and series.dtype == object:
        # Arrow leaves their times of day out where there are dates among them.
        for index, (value, given) in enumerate(zip(series, series.notna(), strict=True)):
            if given and isinstance(value, datetime) and value.time() != time.min:
                raise NotHeldError(_TIMED, index)
    return found.dictionary_decode() if pa.types.is_dictionary(found.type) else found


def _of_floats(found: pa.Array, field: Field, kind: pa.DataType) -> pa.Array:
    given = truth(pc.is_valid(found)) & ~truth(pc.is_nan(found))
    if not given.any():
        return pa.nulls(len(found), kind)
    convert = _OF_FLOATS.get(field.type.kind)
    if convert is None:
        raise _not_of_type(field, given)
    texts = _loadable(found).cast(pa.large_string())
    column = Column(kinds=np.where(given, Kind.NUMBER, Kind.EMPTY).astype(np.uint8), texts=texts)
    converted = convert(column, given, field)
    for fault in converted.faults:
        index = int(fault.index[0])
        raise NotHeldError(
            say("{value}: {reason}; round it in the function", value=texts[index].as_py(), reason=fault.message), index
        )
    return converted.values


def _not_of_type(field: Field, wrong: NDArray[np.bool_]) -> NotHeldError:
    return NotHeldError(say("not a value of type {type}", type=str(field.type)), int(wrong.argmax()))


def _loadable(values: pa.Array) -> pa.Array:
    """Refuse what no cell may hold either."""
    if pa.types.is_floating(values.type):
        infinite = truth(pc.is_inf(values))
        if infinite.any():
            raise NotHeldError(say("the number is too large"), int(infinite.argmax()))
    elif pa.types.is_large_string(values.type):
        nul = with_nul(values)
        if nul.any():
            raise NotHeldError(say("the text has a NUL character"), int(nul.argmax()))
    return values


def _see_that_it_is_alike(found: pa.Array, field: Field, kind: pa.DataType) -> None:
    """Refuse what Arrow casts without a word though it is another value then."""
    if pa.types.is_integer(found.type):
        others = truth(pc.is_valid(found))
        if pa.types.is_boolean(kind):
            others &= ~truth(pc.is_in(found, pa.array([0, 1], found.type)))
        if others.any() and (pa.types.is_boolean(kind) or pa.types.is_temporal(kind)):
            raise _not_of_type(field, others)
    elif pa.types.is_timestamp(found.type) or pa.types.is_date(found.type):
        _see_the_moments(found, kind)


def _see_the_moments(found: pa.Array, kind: pa.DataType) -> None:
    if pa.types.is_time(kind):
        raise NotHeldError(say("a date, not a time of day alone"))
    if pa.types.is_timestamp(kind) and kind.tz is not None and getattr(found.type, "tz", None) is None:
        raise NotHeldError(say("times without a zone; give them theirs (`dt.tz_localize`)"))
    if pa.types.is_date(kind) and pa.types.is_timestamp(found.type):
        timed = truth(pc.not_equal(pc.floor_temporal(found, unit="day"), found))
        if timed.any():
            raise NotHeldError(_TIMED, int(timed.argmax()))
