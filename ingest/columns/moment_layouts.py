"""Dates in texts whose digits all stand in fixed places: owns how many of them are read at once, and no other form.

What is read here `moment_text.read_moment` would read alike; whatever does not fit to the byte is left to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
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
_FRACTION_DIGITS: Final = 6
_WIDTHS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_RANGES: Final = {
    "Y": range(1, 10_000),
    "m": range(1, 13),
    "d": range(1, 32),
    "H": range(24),
    "M": range(60),
    "S": range(60),
    "f": range(10**_FRACTION_DIGITS),
    "offset hours": range(24),
    "offset minutes": range(60),
}
_OFFSET: Final = "offset hours", "offset minutes"
_INNER_YEARS: Final = range(2, 9_999)
"""An offset leads out of none of these."""
_DIGITS: Final = 10
_SECOND: Final = 1_000_000
_FEW: Final = 64
"""So few texts are read one by one in less time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where each part's digits begin and end, and the bytes between them; `length` in bytes.

    One that is `absolute` has an offset from UTC: its sign is at `sign`, or it is `Z`.
    """

    length: int
    parts: dict[str, tuple[int, int]]
    literals: dict[int, int]
    absolute: bool = False
    sign: int | None = None


def read_fixed(texts: pa.StringArray, field: Field, iso: Mask) -> tuple[NDArray[np.int64], Mask, Mask]:
    """Return the microseconds since 1970 of texts, which were read, and which of these are absolute (see `Moment`).

    Those that are `iso` are in ISO 8601.
    """
    micros, (read, absolute) = np.zeros(len(texts), np.int64), np.zeros((2, len(texts)), np.bool_)
    kind = field.type.kind
    if len(texts) < _FEW or kind not in {"date", "datetime"}:
        return micros, read, absolute
    formats = [form for form in field.format if form != EXCEL_SERIAL]
    ways = [(_iso_layouts(), iso if formats else np.ones_like(iso))]
    # What fits several declared formats may mean several things.
    if len(formats) == 1 and (declared := _layout(formats[0])) is not None:
        ways.append(((declared,), ~iso))
    lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    for layouts, where in ways:
        rest = np.flatnonzero(where)
        for layout in _of_lengths(layouts, lengths[rest]):
            # Which day an offset makes of a date is for the field's zone to say.
            if layout.absolute and kind == "date":
                continue
            rest = rest[~read[rest]]
            fitting = rest[lengths[rest] == layout.length]
            if len(fitting):
                found, valid = _read(texts.take(fitting), layout)
                micros[fitting[valid]], read[fitting[valid]] = found[valid], True
                absolute[fitting[valid]] = layout.absolute
    return micros, read, absolute


def _of_lengths(layouts: tuple[_Layout, ...], lengths: NDArray[np.int64]) -> list[_Layout]:
    there = set(np.unique(lengths).tolist())
    return [layout for layout in layouts if layout.length in there]


@cache
def _iso_layouts() -> tuple[_Layout, ...]:
    """Return the layouts of ISO 8601, the usual ones first: seconds may have a fraction, a time an offset from UTC."""
    plain = [layout for form in _ISO if (layout := _layout(form))]
    found = list(plain)
    for layout in plain:
        if "H" not in layout.parts:
            continue
        digits = range(_FRACTION_DIGITS + 1) if "S" in layout.parts else (0,)
        for fraction in digits:
            timed = _with_fraction(layout, fraction) if fraction else layout
            found += [timed] if fraction else []
            found += [_with_offset(timed, form) for form in ("Z", "+00:00", "+0000", "+00")]
    return tuple(found)


def _with_fraction(layout: _Layout, digits: int) -> _Layout:
    first = layout.length + 1
    return replace(
        layout,
        length=first + digits,
        parts={**layout.parts, "f": (first, first + digits)},
        literals={**layout.literals, layout.length: ord(".")},
    )


def _with_offset(layout: _Layout, form: str) -> _Layout:
    """Return a layout with an offset behind it that looks like the form."""
    place, length = layout.length, layout.length + len(form)
    literals = {**layout.literals, **{place + at: ord(sign) for at, sign in enumerate(form) if sign in "Z:"}}
    if form == "Z":
        return replace(layout, length=length, literals=literals, absolute=True)
    parts = {**layout.parts, _OFFSET[0]: (place + 1, place + 3)}
    if len(form) > len("+00"):
        parts[_OFFSET[1]] = (length - 2, length)
    return replace(layout, length=length, parts=parts, literals=literals, absolute=True, sign=place)


@cache
def _layout(form: str) -> _Layout | None:
    """Return the layout of a format, None unless it is made of ASCII and of parts whose width is known."""
    parts: dict[str, tuple[int, int]] = {}
    literals: dict[int, int] = {}
    length = 0
    for part in re.findall(r"%.|.", form, re.DOTALL):
        width = _WIDTHS.get(part[1:], 0) if part[0] == "%" else 1
        if not width or part[1:] in parts or not part.isascii() or (part.isspace() and part != " "):
            return None
        if part[0] == "%":
            parts[part[1:]] = length, length + width
        else:
            literals[length] = ord(part)
        length += width
    return _Layout(length=length, parts=parts, literals=literals) if {"Y", "m", "d"} <= parts.keys() else None


def _read(texts: pa.StringArray, layout: _Layout) -> tuple[NDArray[np.int64], Mask]:
    """Read texts that all have the layout's length."""
    signs = np.frombuffer(texts.buffers()[-1], np.uint8, len(texts) * layout.length).reshape(-1, layout.length)
    # A line for each place: operations on whole lines are the fast ones.
    lines = np.array(signs.T, order="C")
    valid = np.ones(len(texts), np.bool_)
    for place, sign in layout.literals.items():
        valid &= lines[place] == sign
    minus = None
    if layout.sign is not None:
        minus = lines[layout.sign] == ord("-")
        valid &= minus | (lines[layout.sign] == ord("+"))
    if not valid.any():
        return np.zeros(len(texts), np.int64), valid
    lines -= np.uint8(ord("0"))
    parts = {part: _number(lines[start:end], valid) for part, (start, end) in layout.parts.items()}
    for part, number in parts.items():
        valid &= (number >= _RANGES[part].start) & (number < _RANGES[part].stop)
    if layout.absolute:
        valid &= (parts["Y"] >= _INNER_YEARS.start) & (parts["Y"] < _INNER_YEARS.stop)
    days = _days(parts["Y"] * 12 + parts["m"] - 1, parts["d"], valid)
    hours, minutes = days * 24 + parts.get("H", 0), parts.get("M", 0)
    if minus is not None:
        offset = parts[_OFFSET[0]] * 60 + parts.get(_OFFSET[1], 0)
        minutes = minutes + np.where(minus, offset, -offset)
    micros = ((hours * 60 + minutes) * 60 + parts.get("S", 0)) * _SECOND
    if "f" in parts:
        start, end = layout.parts["f"]
        micros += parts["f"] * np.int64(10 ** (_FRACTION_DIGITS - (end - start)))
    return micros, valid


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
