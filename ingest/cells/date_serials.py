"""Excel's date serial numbers: owns the two epochs, the leap day that never was, and the rounding to milliseconds."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow_masks import truth
from .cells import Kind
from .number_text import number_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY_MS: Final = 86_400_000
_EPOCH_1900: Final = -25_569
"""1899-12-30 in days since 1970-01-01: right from serial 61 on."""
_EPOCH_1904: Final = -24_107
_FALSE_LEAP_DAY: Final = 60
"""Serial of 1900-02-29, kept by Excel for Lotus 1-2-3; there was no such day."""
MAX_SERIAL_1900: Final = 2_958_466
"""The first serial beyond 9999-12-31."""
MAX_DURATION_DAYS: Final = 2**63 // (DAY_MS * 1000)
"""Days in the longest duration whose microseconds are a number of 64 bits."""
_ISO_TIME: Final = re.compile(r"T?\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|(?P<offset>[+-]\d{2}:?\d{2}))?", re.ASCII)

_ISO_USUAL: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2})?$"
_ISO_DAY_LENGTH: Final = len("2024-02-29")
_DAY_SECONDS: Final = 86_400


def serial_parts(
    serials: NDArray[np.float64], *, date1904: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return of each serial the day (since 1970-01-01), the milliseconds of the day, and whether it is a date.

    Excel shows no date for serials below 0 (below 1 in the 1900 system), for the false leap day, and from
    year 10000 on.
    """
    limit = MAX_SERIAL_1900 - (1462 if date1904 else 0)
    first = 0 if date1904 else 1
    valid = (serials >= first) & (serials < limit)
    milliseconds = np.rint(np.where(valid, serials, 1) * DAY_MS).astype(np.int64)
    whole, rest = np.divmod(milliseconds, DAY_MS)
    if date1904:
        return whole + _EPOCH_1904, rest, valid & (whole < limit)
    valid &= (whole != _FALSE_LEAP_DAY) & (whole < limit)
    return whole + _EPOCH_1900 + (whole < _FALSE_LEAP_DAY), rest, valid


def iso_cell(text: str, *, date1904: bool) -> tuple[Kind, str]:
    """Return the kind of a cell that holds a date or a time in ISO 8601, and its serial number, as others have it.

    A date before the first one that Excel has stays a text in ISO form, one with an offset from UTC is a `MOMENT`
    in that form, and what is no date is `MALFORMED`.
    """
    plain = text.strip()
    try:
        if match := _ISO_TIME.fullmatch(plain):
            clock = time.fromisoformat(plain.removeprefix("T"))
            return (Kind.MOMENT, plain) if match["offset"] else (Kind.TIME, repr(_day_fraction(clock)))
        # Python takes any character for the one between day and clock: `2024-02-29+08:00` is no time of day.
        clocked = not {"T", "t", " "}.isdisjoint(plain)
        moment = datetime.fromisoformat(plain) if clocked else datetime.combine(date.fromisoformat(plain), time())
    except ValueError:
        return Kind.MALFORMED, text
    if moment.tzinfo is not None:
        return Kind.MOMENT, moment.isoformat().replace("+00:00", "Z")
    days = moment.toordinal() - date(1970, 1, 1).toordinal() - (_EPOCH_1904 if date1904 else _EPOCH_1900)
    if not date1904 and days <= _FALSE_LEAP_DAY:
        days -= 1
    if days < (0 if date1904 else 1):
        return Kind.TEXT, plain
    fraction = _day_fraction(moment.time())
    return (Kind.DATETIME if clocked else Kind.DATE), repr(days + fraction).removesuffix(".0")


def iso_cells(texts: pa.LargeStringArray, *, date1904: bool) -> tuple[NDArray[np.uint8], pa.LargeStringArray]:
    """Return the kinds and the serial numbers of many cells (no nulls), as `iso_cell` does of each."""
    usual = truth(pc.match_substring_regex(texts, _ISO_USUAL))
    try:
        moments = texts.filter(pa.array(usual)).cast(pa.timestamp("s")).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid:  # one of them is no date
        usual[:] = False
        moments = np.empty(0, np.int64)
    days, seconds = np.divmod(moments, _DAY_SECONDS)
    days -= _EPOCH_1904 if date1904 else _EPOCH_1900
    # What is about the first dates that Excel has is told one by one.
    late = days > _FALSE_LEAP_DAY
    usual[usual] = late
    kinds = np.empty(len(texts), np.uint8)
    lengths = pc.binary_length(texts).to_numpy()
    kinds[usual] = np.where(lengths[usual] > _ISO_DAY_LENGTH, Kind.DATETIME, Kind.DATE)
    serials = number_texts((days + seconds / _DAY_SECONDS)[late])
    if usual.all():
        return kinds, serials
    others = texts.filter(pa.array(~usual)).dictionary_encode()
    read = [iso_cell(text, date1904=date1904) for text in others.dictionary.to_pylist()]
    kinds[~usual] = np.array([kind for kind, _ in read], np.uint8)[others.indices.to_numpy()]
    told = pa.array([text for _, text in read], pa.large_string()).take(others.indices)
    found = pc.replace_with_mask(texts, pa.array(usual), serials)
    return kinds, pc.replace_with_mask(found, pa.array(~usual), told)


def kind_of_serial(number: float) -> Kind:
    """Tell a day, a time of day and both apart by the number alone, where no format says which of them it is."""
    if 0 <= number < 1:
        return Kind.TIME
    return Kind.DATE if number.is_integer() else Kind.DATETIME


def _day_fraction(moment: time) -> float:
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    return seconds / _DAY_SECONDS


def shown(kind: Kind, serial: float, *, date1904: bool) -> str:
    """Return a date, a time or a duration in ISO form as its cell's format means it; a number that is none as such.

    Durations are in the form `[h]:mm:ss`, as Excel shows them.
    """
    if kind == Kind.DURATION and abs(serial) <= MAX_DURATION_DAYS:
        return _clock(round(serial * DAY_MS))
    if 0 <= serial < 1 and (kind == Kind.TIME or not date1904):
        return _clock(round(serial * DAY_MS) % DAY_MS, pad=2)
    days, milliseconds, valid = serial_parts(np.array([serial]), date1904=date1904)
    if valid[0]:
        day = date.fromordinal(date(1970, 1, 1).toordinal() + int(days[0])).isoformat()
        rest = int(milliseconds[0])
    elif _FALSE_LEAP_DAY <= serial < _FALSE_LEAP_DAY + 1 and not date1904:
        day, rest = "1900-02-29", round((serial - _FALSE_LEAP_DAY) * DAY_MS)
    else:
        return repr(float(serial)).removesuffix(".0")
    return day if kind == Kind.DATE and not rest else f"{day}T{_clock(rest, pad=2)}"


def _clock(milliseconds: int, *, pad: int = 1) -> str:
    sign = "-" if milliseconds < 0 else ""
    seconds, rest = divmod(abs(milliseconds), 1000)
    text = f"{sign}{seconds // 3600:0{pad}d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{rest:03d}".rstrip("0") if rest else text
