"""Columns to strings and booleans: digits of identifiers are kept or refused, never bent; knows no constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import has_byte, truth
from ..cells.cells import Column, Kind
from ..cells.characters import plain_characters, without_case
from ..cells.display import displayed
from ..cells.number_text import lost_digits
from ..invisible import INVISIBLE
from ..messages import either, say
from .converted import Converted, Fault, fault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..spec.field import Field

_CONTROL: Final = "[\\x01-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]"
_CONTROL_BYTES: Final = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in b"\t\n\r")
_INVISIBLE_AROUND: Final = rf"^[\s\pZ{INVISIBLE}]+|[\s\pZ{INVISIBLE}]+$"
_FRACTION: Final = r"[.,\x{66b}\x{b7}]\p{Nd}+"
_SCIENTIFIC: Final = (
    rf"^[+-]?(?:\p{{Nd}}{_FRACTION}[eE]\+?\p{{Nd}}{{1,3}}|\p{{Nd}}{{2,3}}{_FRACTION}[eE]\+\p{{Nd}}{{1,3}}"
    r"|\p{Nd}[eE]\+\p{Nd}{2,3})$"
)
"""As Excel shows a number of many digits, with the decimal mark and the digits of its language: `1.23457E+17`, `1E+05`,
`123,5E+15` in steps of three. `5E2` is what somebody calls a thing."""


def convert_string(column: Column, live: NDArray[np.bool_], field: Field, *, date1904: bool) -> Converted:
    """Convert to texts, as they are in the sheet; numbers without a needless `.0`, dates in ISO form.

    Identifiers are without the white space and the invisible characters around them, and with the zeros that their
    number format shows.
    """
    texts = displayed(column, date1904=date1904, zeros=field.id)
    if field.id:
        texts = _bare(texts)
    hidden = ~live & truth(pc.is_valid(texts))
    if hidden.any():
        texts = pc.if_else(pa.array(hidden), pa.scalar(None, pa.large_string()), texts)
    lost = _lost(column, live)
    nul, control = _unprintable(texts)
    scientific = np.zeros(len(live), np.bool_)
    if field.id:
        scientific = truth(pc.match_substring_regex(texts, _SCIENTIFIC)) & (column.kinds == Kind.TEXT)
    faults = (
        *fault("cell.precision_lost", lost, say("a number of 16 digits or more has lost some in the cell"), "string"),
        *fault(
            "cell.scientific_id",
            scientific,
            say("digits of the identifier are lost in this notation"),
            say("all digits"),
        ),
        *nul_fault(nul, "string"),
        *fault("cell.control_char", control, say("the text has a control character"), "string"),
    )
    wrong = lost | nul | control | scientific
    kept = pc.if_else(pa.array(~wrong), texts, pa.scalar(None, pa.large_string())) if wrong.any() else texts
    return Converted(values=kept, faults=faults)


def _bare(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts without white space around them, nor what comes along with pasted ones and cannot be seen."""
    bare = pc.utf8_trim_whitespace(texts)
    if pc.all(pc.string_is_ascii(bare)).as_py() is not False:
        return bare
    seen = pc.replace_substring_regex(bare, _INVISIBLE_AROUND, "")
    # One of nothing else is not nothing: who looks for it must find it.
    return pc.if_else(pc.equal(seen, ""), bare, seen)


def _unprintable(texts: pa.LargeStringArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which texts have a NUL character, and which of the others a control character."""
    if not has_byte(texts, _CONTROL_BYTES):
        none = np.zeros(len(texts), np.bool_)
        return none, none
    nul = with_nul(texts)
    return nul, truth(pc.match_substring_regex(texts, _CONTROL)) & ~nul


def with_nul(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Say which texts have a NUL character."""
    return truth(pc.match_substring(texts, "\0")) if has_byte(texts, b"\0") else np.zeros(len(texts), np.bool_)


def nul_fault(where: NDArray[np.bool_], expected: str) -> tuple[Fault, ...]:
    """Return the fault of the cells whose text has a NUL character."""
    return fault("cell.nul_char", where, say("the text has a NUL character"), expected)


def _lost(column: Column, live: NDArray[np.bool_]) -> NDArray[np.bool_]:
    numeric = live & (column.kinds == Kind.NUMBER)
    lost = np.zeros(len(live), np.bool_)
    if numeric.any():
        lost[numeric] = lost_digits(column.texts.filter(pa.array(numeric)))
    return lost


def convert_boolean(column: Column, live: NDArray[np.bool_], field: Field, *, date1904: bool) -> Converted:
    """Convert to booleans: real ones, and the texts and numbers that the field names."""
    # A number is compared as it is shown, whatever zeros the file has behind its point.
    texts = without_case(plain_characters(displayed(column, date1904=date1904)))
    real = live & (column.kinds == Kind.BOOLEAN)
    named = live & column.has(Kind.TEXT, Kind.NUMBER)
    yes = (named & _among(texts, field.true_values)) | (real & truth(pc.equal(texts, "true")))
    no = (named & _among(texts, field.false_values)) | (real & truth(pc.equal(texts, "false")))
    expected = either((say("a boolean"), *field.true_values, *field.false_values))
    faults = fault("cell.type", live & ~yes & ~no, say("not a value of type {type}", type="boolean"), expected)
    return Converted(values=pa.array(yes, mask=~(yes | no)), faults=faults)


def _among(texts: pa.LargeStringArray, names: tuple[str, ...]) -> NDArray[np.bool_]:
    known = without_case(plain_characters(pa.array(names, pa.large_string())))
    return truth(pc.is_in(texts, value_set=known))
