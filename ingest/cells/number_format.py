"""Number formats: says of a format code whether it shows a number as a date, a time or a duration."""

from __future__ import annotations

import re
from typing import Final

from .cells import Kind

_BUILTIN: Final = {
    **dict.fromkeys((14, 15, 16, 17, 27, 28, 29, 30, 31, 36), Kind.DATE),
    **dict.fromkeys((50, 51, 52, 53, 54, 57, 58), Kind.DATE),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47, 55, 56), Kind.TIME),
    22: Kind.DATETIME,
    46: Kind.DURATION,
    **dict.fromkeys((71, 72, 73, 74, 81), Kind.DATE),
    **dict.fromkeys((75, 76, 78, 80), Kind.TIME),
    77: Kind.DATETIME,
    79: Kind.DURATION,
}
"""ECMA-376 part 1, 18.8.30; 27 to 36 and 50 to 58 are East Asian dates and times, 71 to 81 Thai ones."""

_ELAPSED: Final = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_LITERAL: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|general|standard', re.IGNORECASE)
_FRACTION: Final = re.compile(r"(?<=[sS])[.,]0+")
_DIGITS: Final = re.compile(r"[0#?]")
"""No format has both digits of a number and parts of a date: letters beside them are a unit that nobody quoted."""
_CLOCK: Final = re.compile(r"[hs]|am/pm|a/p", re.IGNORECASE)
_CALENDAR: Final = re.compile(r"[ydb]|e(?![+-])", re.IGNORECASE)
"""Days and years, also of the Buddhist (b) and the imperial (e) calendar."""
_MONTH: Final = re.compile(r"m+", re.IGNORECASE)


def builtin_kind(number: int) -> Kind:
    """Return what a built-in format id shows a number as."""
    return _BUILTIN.get(number, Kind.NUMBER)


def format_kind(code: str) -> Kind:
    """Return what a format code shows a positive number as: `NUMBER`, `DATE`, `DATETIME`, `TIME` or `DURATION`."""
    unquoted = re.sub(r'"[^"]*"|\\.', "", code)
    section = unquoted.split(";", 1)[0]
    if _ELAPSED.search(section):
        return Kind.DURATION
    letters = _FRACTION.sub("", _LITERAL.sub("", section))
    if _DIGITS.search(letters):
        return Kind.NUMBER
    clock = bool(_CLOCK.search(letters))
    # Without hours or seconds beside it, m is a month.
    calendar = bool(_CALENDAR.search(letters)) or (not clock and bool(_MONTH.search(letters)))
    if calendar:
        return Kind.DATETIME if clock else Kind.DATE
    return Kind.TIME if clock else Kind.NUMBER
