"""Columns to integers, decimals and doubles, exactly: nothing is rounded, whatever cannot be held is a fault."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import spread, truth
from ..cells.cells import Column, Kind
from ..cells.number_text import EXCEL_DIGITS, doubles, exact_texts, lost_digits, plainly_written, scaled_integers
from ..messages import say
from .converted import Converted, Fault, fault
from .notation import plain_notation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..spec.field import Field

_PLAIN: Final = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$"
_FLOAT: Final = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
_BARE_POINT: Final = r"^([+-]?)\."
_INT64: Final = 2**63
_SIGNIFICANT: Final = re.compile(r"(?<![0-9])0+(?=[0-9])")
"""Zeros in front: Python reads no number of more than a few thousand digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """The decimal text of each number of a column, null elsewhere; and what is wrong with the others."""

    texts: pa.LargeStringArray
    faults: tuple[Fault, ...]


def convert_number(column: Column, live: NDArray[np.bool_], field: Field) -> Converted:
    """Convert to doubles. `live` are the cells to look at; the others stay null."""
    numeric = live & (column.kinds == Kind.NUMBER)
    read = _from_text(column, live & ~numeric, field, _FLOAT)
    texts = _merge(column.texts, numeric, read.texts)
    values = doubles(texts)
    infinite = np.isinf(values)
    faults = (*read.faults, *fault("cell.range", infinite, say("the number is too large"), "number"))
    return Converted(values=pa.array(values, mask=np.isnan(values) | infinite), faults=faults)


def convert_integer(column: Column, live: NDArray[np.bool_], field: Field) -> Converted:
    """Convert to 64-bit integers; a fraction is a fault, never cut off."""
    whole, sure = _whole(column, live, field, 0)
    rest = live & ~sure
    values = pa.array(whole, mask=~sure)
    if not rest.any():
        return Converted(values=values)
    others = _integers(column, rest, field)
    return Converted(values=pc.coalesce(values, others.values), faults=others.faults)


def convert_decimal(column: Column, live: NDArray[np.bool_], field: Field) -> Converted:
    """Convert to decimals of the field's digits; digits that do not fit are a fault, never rounded off."""
    precision, scale = field.type.precision or 1, field.type.scale or 0
    whole, sure = _whole(column, live, field, scale)
    sure &= np.abs(whole) < 10 ** min(precision, EXCEL_DIGITS)
    rest = live & ~sure
    values = _decimals(whole, sure, pa.decimal128(precision, scale))
    if not rest.any():
        return Converted(values=values)
    others = _decimals_of_texts(column, rest, field)
    return Converted(values=pc.coalesce(values, others.values), faults=others.faults)


def _whole(
    column: Column, live: NDArray[np.bool_], field: Field, scale: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the cells times 10^scale as integers, and for which of them there can be no doubt about it."""
    numeric = live & (column.kinds == Kind.NUMBER)
    if numeric.all():
        return scaled_integers(column.texts, scale)
    whole, sure = np.zeros(len(live), np.int64), np.zeros(len(live), np.bool_)
    whole[numeric], sure[numeric] = scaled_integers(column.texts.filter(pa.array(numeric)), scale)
    textual = live & (column.kinds == Kind.TEXT)
    if textual.any() and field.decimal_char == "." and "minus" in field.negative and scale < EXCEL_DIGITS:
        whole[textual], sure[textual] = _written_plainly(column.texts.filter(pa.array(textual)), scale)
    return whole, sure


def _written_plainly(texts: pa.LargeStringArray, scale: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return texts times 10^scale where they are digits, a sign and a point at the most; and where they are.

    Of up to 15 digits a double and its product with a power of ten are off by less than a quarter of the last one:
    twice the 2^-53 of a rounding, of less than 10^15.
    """
    plain = plainly_written(texts, scale)
    whole = np.zeros(len(texts), np.int64)
    some = texts if plain.all() else texts.filter(pa.array(plain))
    whole[plain] = np.rint(doubles(some) * 10.0**scale).astype(np.int64)
    return whole, plain


def _decimals(unscaled: NDArray[np.int64], given: NDArray[np.bool_], kind: pa.Decimal128Type) -> pa.Decimal128Array:
    """Return decimals by their digits as integers: 128 bits each, the upper half of them being the sign's."""
    halves = np.empty((len(unscaled), 2), np.int64)
    halves[:, 0], halves[:, 1] = unscaled, unscaled >> 63
    validity = None if given.all() else pa.array(given).buffers()[1]
    return pa.Decimal128Array.from_buffers(kind, len(unscaled), [validity, pa.py_buffer(halves)])


def _integers(column: Column, live: NDArray[np.bool_], field: Field) -> Converted:
    exact = _exact(column, live, field)
    texts = pc.replace_substring_regex(exact.texts, r"\.0*$", "")
    whole = truth(pc.match_substring_regex(texts, r"^[+-]?[0-9]+$"))
    given = truth(pc.is_valid(texts))
    short = truth(pc.match_substring_regex(texts, r"^[+-]?0*[0-9]{0,18}$"))
    fits = whole & short
    perhaps = whole & ~short & truth(pc.match_substring_regex(texts, r"^[+-]?0*[0-9]{19}$"))
    for index in np.flatnonzero(perhaps).tolist():
        fits[index] = -_INT64 <= int(_SIGNIFICANT.sub("", texts[index].as_py())) < _INT64
    values = spread(pc.replace_substring_regex(texts.filter(pa.array(fits)), r"^\+", "").cast(pa.int64()), fits)
    faults = (
        *exact.faults,
        *fault("cell.type", given & ~whole, say("not a whole number"), "integer"),
        *fault("cell.range", whole & ~fits, say("the number is too large"), say("integer of 64 bits")),
    )
    return Converted(values=values, faults=faults)


def _decimals_of_texts(column: Column, live: NDArray[np.bool_], field: Field) -> Converted:
    precision, scale = field.type.precision or 1, field.type.scale or 0
    exact = _exact(column, live, field)
    given = truth(pc.is_valid(exact.texts))
    narrow = truth(pc.match_substring_regex(exact.texts, rf"^[^.]*(?:\.[0-9]{{0,{scale}}}0*)?$"))
    small = truth(pc.match_substring_regex(exact.texts, rf"^[+-]?0*[0-9]{{0,{precision - scale}}}(?:\.|$)"))
    fits = given & narrow & small
    plain = pc.replace_substring_regex(exact.texts.filter(pa.array(fits)), r"(\.[0-9]*?)0+$", r"\1")
    values = spread(plain.cast(pa.decimal128(precision, scale)), fits)
    expected = str(field.type)
    faults = (
        *exact.faults,
        *fault(
            "cell.scale_overflow",
            given & ~narrow,
            say("more than {digits} digits after the point", digits=scale),
            expected,
        ),
        *fault(
            "cell.range",
            given & narrow & ~small,
            say("more than {digits} digits", digits=precision - scale),
            expected,
        ),
    )
    return Converted(values=values, faults=faults)


def _exact(column: Column, live: NDArray[np.bool_], field: Field) -> _Texts:
    numeric = live & (column.kinds == Kind.NUMBER)
    read = _from_text(column, live & ~numeric, field, _PLAIN)
    raw = column.texts.filter(pa.array(numeric))
    lost = np.zeros(len(live), np.bool_)
    lost[numeric] = lost_digits(raw)
    faults = fault(
        "cell.precision_lost",
        lost,
        say("a number of 16 digits or more has lost some in the cell"),
        say("at most 15 digits"),
    )
    numbers = spread(exact_texts(raw), numeric)
    begun = pc.replace_substring_regex(read.texts, _BARE_POINT, r"\10.")
    kept = pc.if_else(pa.array(numeric & ~lost), numbers, begun)
    return _Texts(texts=kept, faults=(*read.faults, *faults))


def _merge(numbers: pa.LargeStringArray, numeric: NDArray[np.bool_], texts: pa.LargeStringArray) -> pa.Array:
    return pc.if_else(pa.array(numeric), numbers, texts)


def _from_text(column: Column, where: NDArray[np.bool_], field: Field, form: str) -> _Texts:
    """Read the numbers among cells that are no numeric ones: texts only, by the field's declared characters."""
    textual = where & (column.kinds == Kind.TEXT)
    expected = str(field.type)
    if not textual.any():
        wrong = fault("cell.type", where, say("not a value of type {type}", type=expected), expected)
        return _Texts(texts=pa.nulls(len(where), pa.large_string()), faults=wrong)
    texts = plain_notation(column.texts.filter(pa.array(textual)), field)
    good = truth(pc.match_substring_regex(texts, form))
    fine = np.zeros(len(where), np.bool_)
    fine[textual] = good
    numbers = spread(texts.filter(pa.array(good)), fine)
    return _Texts(
        texts=numbers,
        faults=fault("cell.type", where & ~fine, say("not a value of type {type}", type=expected), expected),
    )
