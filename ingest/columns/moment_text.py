"""Dates, times and durations in texts: owns the forms in which they are read and what an offset from UTC means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
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
_ISO_TIME: Final = rf"\d{{2}}:\d{{2}}(?::\d{{2}}(?:[.,]\d{{1,6}})?)?{_OFFSET}"
_ISO_DATE: Final = rf"\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]{_ISO_TIME})?"
_ISO: Final = {
    "date": re.compile(_ISO_DATE, re.ASCII),
    "datetime": re.compile(_ISO_DATE, re.ASCII),
    "time": re.compile(_ISO_TIME, re.ASCII),
}
_OFFSET_APART: Final = re.compile(r"(:\d{2}(?:[.,]\d{1,6})?) (?:([+-]\d{2}:?\d{2})|UTC|GMT|Z)\Z", re.ASCII)
"""An offset as Ruby writes it, and shops and databases that are made with it: `10:00:00 +0800`, `10:00:00 UTC`."""
_CLOCK: Final = re.compile(r"(-?)(\d{1,7}):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,6}))?)?", re.ASCII)
_ISO_DURATION: Final = re.compile(
    r"(-?)P(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.(\d{1,6}))?S)?)?", re.ASCII
)
_FINER: Final = re.compile(r"(:\d{2}[.,]\d{6})0+(?!\d)", re.ASCII)
"""Zeros behind the microseconds, as databases write them that count finer: nothing is lost without them."""
_AMBIGUOUS: Final = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ](?:\d{4}|\d{2})(?:\D.*)?", re.ASCII)
_ZONE_NAME: Final = re.compile(r"(?<!%)((?:%%)*)%Z")
_ZONE_NAMES: Final = ("UTC", "GMT", "Z")
"""The only names of zones whose offset is the same everywhere and always."""
_PIECE: Final = re.compile(r"%.|\s+|.", re.DOTALL)
_WIDTHS: Final = {"Y": 4, "G": 4, "j": 3, **dict.fromkeys("mdyHIMSUVW", 2), "u": 1, "w": 1}
"""How many digits a directive has where another one follows at once; `strptime` takes fewer of most of them."""
_LOOSE: Final = {
    "%": "%",
    "f": r"\d{1,6}",
    # A single digit may have a space in front.
    "d": r" ?\d{1,2}",
    **dict.fromkeys("aAbBpZ", r"[^\W\d]+\.?"),
    "z": r"(?:[+-]\d{2}:?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?|Z)",
}
"""All that `strptime` may take for these, and little else: a pattern of anything takes long with a text of no date."""
_APART: Final = "|"
"""Put between such directives, so that each of them has its own digits."""
_LONGEST: Final = 100
"""So many characters more than its format has no date: what any text costs is bounded."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Microseconds since 1970 by the field's own clock; those of an `absolute` one are by the clock of UTC."""

    micros: int
    absolute: bool = False


def read_moment(text: str, field: Field, *, iso: bool = False) -> Moment | object | None:
    """Return what a text means to a field, `VAGUE`, `OUTSIDE`, or None for no value of its type.

    It is read in the declared formats, in ISO 8601 without any or with `iso`.
    """
    text = _FINER.sub(r"\1", plain_character_text(text))
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
    text = _OFFSET_APART.sub(lambda found: found[1] + (found[2] or "Z"), text)
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
    if len(text) > len(form) + _LONGEST:
        return None
    if (parted := _parted(form)) is not None:
        pattern, form = parted
        if (match := pattern.fullmatch(text)) is None:
            return None
        text = _APART.join(match.groups())
    named = _ZONE_NAME.search(form) is not None
    for zone in _ZONE_NAMES if named else ("",):
        try:
            moment = datetime.strptime(text, _ZONE_NAME.sub(rf"\g<1>{zone}", form))  # noqa: DTZ007  # may have none
            if field.type.kind == "time":
                moment = moment.replace(year=1970, month=1, day=1)
            if _contradicts(moment, text, form):
                continue
            return _moment(moment.replace(tzinfo=UTC) if named and moment.tzinfo is None else moment, field)
        except OverflowError:
            return OUTSIDE
        except ValueError:
            continue
    return None


def _contradicts(moment: datetime, text: str, form: str) -> bool:
    """Say whether the half of the day is another than the hour of 24 that a form has as well: `10:00 PM`, `12:00 AM`.

    `strptime` passes such a half over. Beside an hour that is none of twelve it says the same again: `22:00 PM`.
    """
    if "%H" not in form or "%p" not in form or "%I" in form:
        return False
    try:
        return datetime.strptime(text, form.replace("%H", "%I")).hour != moment.hour  # noqa: DTZ007  # of the hours only
    except ValueError:
        return False


@cache
def _parted(form: str) -> tuple[re.Pattern[str], str] | None:
    """Return what a text is cut by where directives of digits touch, and the form with them apart; None if none do.

    Without their full width nothing says where one ends: in `%d%m%Y`, 1112026 is the 1st or the 11th of a month.
    """
    pieces = _PIECE.findall(form)
    wide = [piece[0] == "%" and (piece[1:] == "f" or piece[1:] in _WIDTHS) for piece in pieces]
    touching = [place for place in range(1, len(pieces)) if wide[place] and wide[place - 1]]
    if not touching:
        return None
    pattern, parted = "(", ""
    for place, piece in enumerate(pieces):
        if place in touching:
            pattern, parted = pattern + ")(", parted + _APART
        fixed = place in touching or place + 1 in touching
        pattern += _digits(piece[1:], last=place + 1 not in touching) if fixed else _loose(piece)
        parted += piece
    return re.compile(pattern + ")", re.IGNORECASE | re.DOTALL), parted


def _digits(directive: str, *, last: bool) -> str:
    """Return the pattern of a directive that touches others; of a fraction, nothing behind it needs all six digits."""
    if directive == "f":
        return r"\d{1,6}" if last else r"\d{6}"
    return rf"\d{{{_WIDTHS[directive]}}}"


def _loose(piece: str) -> str:
    """Return a pattern of all that `strptime` may take for a directive or a sign that touches none."""
    if piece[0] == "%" and len(piece) > 1:
        digits = rf"\d{{1,{_WIDTHS[piece[1]]}}}" if piece[1] in _WIDTHS else ".+?"
        return _LOOSE.get(piece[1], digits)
    return r"\s+" if piece.isspace() else re.escape(piece)


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
