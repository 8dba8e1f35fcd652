"""The constraints of a field on its typed values; knows no sheets and no rows but their numbers."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..messages import say
from ..spec.field import bound_value
from .converted import Fault, fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..spec.field import Field


def check_constraints(values: pa.Array, wrong: NDArray[np.bool_], field: Field) -> tuple[Fault, ...]:
    """Return what the field's constraints find in its values; `wrong` cells have been found out already."""
    return tuple(_found(values, wrong, field))


def _found(values: pa.Array, wrong: NDArray[np.bool_], field: Field) -> Iterator[Fault]:
    limits = field.constraints
    if limits.required:
        absent = truth(pc.is_null(values)) & ~wrong
        yield from fault("cell.required", absent, say("the cell is empty"), str(field.type))
    if limits.pattern is not None:
        misfit = ~_matches(values, limits.pattern)
        yield from fault("cell.pattern", misfit, say("the text is not of the declared form"), limits.pattern)
    yield from _lengths(values, field)
    yield from _ranges(values, field)
    if limits.enum is not None:
        known = pa.array([bound_value(text, field.type) for text in limits.enum], values.type)
        other = truth(pc.is_valid(values)) & ~truth(pc.is_in(values, value_set=known))
        yield from fault("cell.enum", other, say("not one of the allowed values"), ", ".join(limits.enum))
    if limits.unique:
        message = say("the value is in more than one row")
        yield from fault("row.key_duplicate", _repeated(values), message, say("a value of its own"))


def _matches(values: pa.LargeStringArray, pattern: str) -> NDArray[np.bool_]:
    """Say which texts match the whole pattern (null does); RE2 where it knows the pattern, else Python's `re`."""
    try:
        found = pc.match_substring_regex(values, rf"\A(?:{pattern})\z")
    except pa.ArrowInvalid:
        compiled = re.compile(pattern)
        found = pa.array([text is None or compiled.fullmatch(text) is not None for text in values.to_pylist()])
    matching: NDArray[np.bool_] = found.fill_null(fill_value=True).to_numpy(zero_copy_only=False)
    return matching


def _lengths(values: pa.Array, field: Field) -> Iterator[Fault]:
    shortest, longest = field.constraints.min_length, field.constraints.max_length
    if shortest is None and longest is None:
        return
    lengths = pc.utf8_length(values)
    if shortest is not None:
        yield from fault(
            "cell.length",
            truth(pc.less(lengths, shortest)),
            say("the text is too short"),
            say("at least {least}", least=shortest),
        )
    if longest is not None:
        yield from fault(
            "cell.length",
            truth(pc.greater(lengths, longest)),
            say("the text is too long"),
            say("at most {most}", most=longest),
        )


def _ranges(values: pa.Array, field: Field) -> Iterator[Fault]:
    least, most = field.constraints.minimum, field.constraints.maximum
    if least is not None:
        below = truth(pc.less(values, _scalar(least, field, values.type)))
        yield from fault("cell.range", below, say("the value is too small"), say("at least {least}", least=least))
    if most is not None:
        above = truth(pc.greater(values, _scalar(most, field, values.type)))
        yield from fault("cell.range", above, say("the value is too large"), say("at most {most}", most=most))


def _scalar(text: str, field: Field, kind: pa.DataType) -> pa.Scalar:
    value = bound_value(text, field.type)
    if field.timezone is not None and isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=ZoneInfo(field.timezone))
    # A bound may have more digits than the field: it is compared as it is, not rounded to the field's scale.
    return pa.scalar(value) if isinstance(value, Decimal) else pa.scalar(value, kind)


def _repeated(values: pa.Array) -> NDArray[np.bool_]:
    encoded = values.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    counts = np.bincount(codes + 1)
    counts[0] = 0
    repeated: NDArray[np.bool_] = counts[codes + 1] > 1
    return repeated
