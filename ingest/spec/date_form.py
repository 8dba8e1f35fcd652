"""What a form of dates (`strptime`) must say for a type: owns what would be made up or dropped; reads no values."""

from __future__ import annotations

import re
from typing import Final, LiteralString

_PART: Final = re.compile(r"%(.)", re.DOTALL)
_YEARS: Final = frozenset("yYGcx")
_DAYS: Final = frozenset("djcx")
_WEEKS: Final = frozenset("UW")
_WEEKDAYS: Final = frozenset("aAuw")
_DATES: Final = _YEARS | _DAYS | _WEEKS | _WEEKDAYS | frozenset("bBmV")


def form_problem(form: str, kind: str) -> LiteralString | None:
    """Return why nothing can be read in a form of a date, a datetime or a time as it is meant, None if it can.

    `strptime` makes up what a form does not have (the year 1900, the first day of a year for a week without a weekday,
    the morning for an hour of twelve), and a time of day would drop a date, which no cell of a date does.
    """
    parts = frozenset(_PART.findall(form))
    if not parts:
        return "{form} has none of the signs of strptime; write a form as %d.%m.%Y or %H:%M"
    if kind == "time" and parts & _DATES:
        return "{form} has a date, and a time of day has none"
    if kind != "time" and not parts & _YEARS:
        return "{form} has no year"
    if parts & _WEEKS and not parts & (_WEEKDAYS | _DAYS):
        return "{form} has a week without a weekday"
    if "I" in parts and "p" not in parts:
        return "{form} has an hour of twelve (%I) without %p; write %H for one of 24"
    return None
