"""Dates, times and durations in texts: owns the forms in which they are read and what an offset from UTC means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ..cells.characters import plain_character_text
from ..spec.field import EXCEL_SERIAL

if TYPE_CHECKING:
    from ..spec.field import Field

VAGUE: Final = object()
"""What is read of a text whose meaning would have to be guessed."""
OUTSIDE: Final = object()
"""What is read of a text whose offset from UTC leads out of the years 1 to 9999."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET: Final = r"(?:Z|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?"
_ISO_TIME: Final = rf"\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d{{1,6}})?)?{_OFFSET}"
_ISO_DATE: Final = rf"\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]{_ISO_TIME})?"
_ISO: Final = {
    "date": re.compile(_ISO_DATE, re.ASCII),
    "datetime": re.compile(_ISO_DATE, re.ASCII),
    "time": re.compile(_ISO_TIME, re.ASCII),
}
_CLOCK: Final = re.compile(r"(-?)(\d{1,7}):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,6}))?)?", re.ASCII)
_ISO_DURATION: Final = re.compile(
    r"(-?)P(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.(\d{1,6}))?S)?)?", re.ASCII
)
_AMBIGUOUS: Final = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ](?:\d{4}|\d{2})(?:\D.*)?", re.ASCII)
_ZONE_NAME: Final = re.compile(r"(?<!%)((?:%%)*)%Z")
_ZONE_NAMES: Final = ("UTC", "GMT", "Z")
"""The only names of zones whose offset is the same everywhere and always."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Microseconds since 1970 by the field's own clock; those of an `absolute` one are by the clock of UTC."""

    micros: int
    absolute: bool = False


def read_moment(text: str, field: Field, *, iso: bool = False) -> Moment | object | None:
    """Return what a text means to a field, `VAGUE`, `OUTSIDE`, or None for no value of its type.

    It is read in the declared formats, in ISO 8601 without any or with `iso`.
    """
    text = plain_character_text(text)
    kind = field.type.kind
    if kind == "duration":
        return _duration(text)
    formats = [] if iso else [form for form in field.format if form != EXCEL_SERIAL]
    if not formats:
        read = _iso(text, field)
        return VAGUE if read is None and kind != "time" and _AMBIGUOUS.fullmatch(text) else read
    found = {read for form in formats for read in (_formatted(text, form, field),) if read is not None}
    return VAGUE if len(found) > 1 else next(iter(found), None)


def _iso(text: str, field: Field) -> Moment | object | None:
    kind = field.type.kind
    if not _ISO[kind].fullmatch(text):
        return None
    try:
        return _moment(datetime.fromisoformat(text if kind != "time" else f"1970-01-01T{text}"), field)
    except OverflowError:
        return OUTSIDE
    except ValueError:
        return None


def _formatted(text: str, form: str, field: Field) -> Moment | object | None:
    """Read a text in one format; a name of a zone counts for what it is everywhere, never for what it is here."""
    named = _ZONE_NAME.search(form) is not None
    for zone in _ZONE_NAMES if named else ("",):
        try:
            moment = datetime.strptime(text, _ZONE_NAME.sub(rf"\g<1>{zone}", form))  # noqa: DTZ007  # may have none
            if "%Y" not in form and "%y" not in form:
                moment = moment.replace(year=1970, month=1, day=1)
            return _moment(moment.replace(tzinfo=UTC) if named and moment.tzinfo is None else moment, field)
        except OverflowError:
            return OUTSIDE
        except ValueError:
            continue
    return None


def _moment(moment: datetime, field: Field) -> Moment | None:
    """Return a moment as a field has it: its offset counts, and none is ever dropped.

    A date-time keeps the moment, a date is that of the field's time zone (UTC without one) at that moment, and a time
    of day has no zone to be brought to: only UTC itself will do.

    Raises:
        OverflowError: the offset leads out of the years 1 to 9999.

    """
    if moment.tzinfo is None:
        return Moment(_micros(moment))
    match field.type.kind:
        case "datetime":
            return Moment(_micros(moment.astimezone(UTC)), absolute=True)
        case "date":
            there = moment.astimezone(UTC if field.timezone is None else ZoneInfo(field.timezone))
            return Moment(_micros(there))
    return Moment(_micros(moment)) if moment.utcoffset() == timedelta(0) else None


def _micros(moment: datetime) -> int:
    span = moment.replace(tzinfo=UTC) - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _duration(text: str) -> Moment | None:
    if match := _CLOCK.fullmatch(text):
        sign, hours, minutes, seconds, fraction = match.groups()
        days = "0"
    elif (match := _ISO_DURATION.fullmatch(text)) and any(match.groups()[1:]):
        sign, days, hours, minutes, seconds, fraction = match.groups()
    else:
        return None
    whole = int(days or 0) * 86_400 + int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    micros = whole * 1_000_000 + int((fraction or "").ljust(6, "0"))
    return Moment(-micros if sign else micros)
