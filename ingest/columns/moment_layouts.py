"""Dates in texts whose digits all stand in fixed places: owns how many of them are read at once, and no other form.

What is read here `moment_text.read_moment` would read alike; whatever does not fit to the byte is left to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from ..spec.field import EXCEL_SERIAL

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from ..spec.field import Field

    Mask = NDArray[np.bool_]

_ISO: Final = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")
_WIDTHS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_RANGES: Final = {
    "Y": range(1, 10_000),
    "m": range(1, 13),
    "d": range(1, 32),
    "H": range(24),
    "M": range(60),
    "S": range(60),
}
_DIGITS: Final = 10
_SECOND: Final = 1_000_000
_FEW: Final = 64
"""So few texts are read one by one in less time."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where each part's digits begin, and the bytes between them; `length` in bytes."""

    length: int
    starts: dict[str, int]
    literals: dict[int, int]


def read_fixed(texts: pa.StringArray, field: Field, iso: Mask) -> tuple[NDArray[np.int64], Mask]:
    """Return the microseconds since 1970 of texts, and which were read; those that are `iso` are in ISO 8601."""
    micros, read = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    if len(texts) < _FEW or field.type.kind not in {"date", "datetime"}:
        return micros, read
    formats = [form for form in field.format if form != EXCEL_SERIAL]
    declared = tuple(formats) or _ISO
    # What fits several declared formats may mean several things.
    ways = [(_ISO, iso)] + ([(declared, ~iso)] if len(formats) <= 1 else [])
    lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    for forms, where in ways:
        for layout in filter(None, map(_layout, forms)):
            fitting = np.flatnonzero(where & ~read & (lengths == layout.length))
            if len(fitting):
                found, valid = _read(texts.take(fitting), layout)
                micros[fitting[valid]], read[fitting[valid]] = found[valid], True
    return micros, read


@cache
def _layout(form: str) -> _Layout | None:
    """Return the layout of a format, None unless it is made of ASCII and of parts whose width is known."""
    starts: dict[str, int] = {}
    literals: dict[int, int] = {}
    length = 0
    for part in re.findall(r"%.|.", form, re.DOTALL):
        width = _WIDTHS.get(part[1:], 0) if part[0] == "%" else 1
        if not width or part[1:] in starts or not part.isascii() or (part.isspace() and part != " "):
            return None
        if part[0] == "%":
            starts[part[1:]] = length
        else:
            literals[length] = ord(part)
        length += width
    return _Layout(length, starts, literals) if {"Y", "m", "d"} <= starts.keys() else None


def _read(texts: pa.StringArray, layout: _Layout) -> tuple[NDArray[np.int64], Mask]:
    """Read texts that all have the layout's length."""
    signs = np.frombuffer(texts.buffers()[-1], np.uint8, len(texts) * layout.length).reshape(-1, layout.length)
    # A line for each place: operations on whole lines are the fast ones.
    lines = np.array(signs.T, order="C")
    valid = np.ones(len(texts), np.bool_)
    for place, sign in layout.literals.items():
        valid &= lines[place] == sign
    lines -= np.uint8(ord("0"))
    parts = {part: _number(lines[start : start + _WIDTHS[part]], valid) for part, start in layout.starts.items()}
    for part, number in parts.items():
        valid &= (number >= _RANGES[part].start) & (number < _RANGES[part].stop)
    days = _days(parts["Y"] * 12 + parts["m"] - 1, parts["d"], valid)
    hours = days * 24 + parts.get("H", 0)
    return ((hours * 60 + parts.get("M", 0)) * 60 + parts.get("S", 0)) * _SECOND, valid


def _number(digits: NDArray[np.uint8], valid: Mask) -> NDArray[np.int32]:
    """Return the numbers that lines of digits are, the highest first; `valid` is narrowed to those that are such."""
    number = np.zeros(digits.shape[1], np.int32)
    for line in digits:
        valid &= line < _DIGITS
        number = number * _DIGITS + line
    return number


def _days(months: NDArray[np.int32], days: NDArray[np.int32], valid: Mask) -> NDArray[np.int64]:
    """Return the days since 1970 of days of months since year 0; `valid` is narrowed to those that the months have."""
    if not valid.any():
        return np.zeros(len(months), np.int64)
    first, last = int(months[valid].min()), int(months[valid].max())
    starts = (np.arange(first, last + 2) - 1970 * 12).astype("M8[M]").astype("M8[D]").astype(np.int64)
    month = np.where(valid, months - first, 0)
    found: NDArray[np.int64] = starts[month] + days - 1
    valid &= found < starts[month + 1]
    return found
