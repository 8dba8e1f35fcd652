"""Columns to dates, date-times, times and durations: real ones by their serial, texts only by declared formats."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..cells.cells import Column, Kind
from ..cells.date_serials import DAY_MS, serial_parts
from ..cells.number_text import doubles
from ..spec.field import EXCEL_SERIAL
from .converted import Converted, Fault, fault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..spec.field import Field

    Mask = NDArray[np.bool_]

DAY_US: Final = DAY_MS * 1000
_VAGUE: Final = object()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATED: Final = (Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.DURATION)
_ISO: Final = {
    "date": re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII),
    "datetime": re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?", re.ASCII),
    "time": re.compile(r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?", re.ASCII),
}
_CLOCK: Final = re.compile(r"(-?)(\d{1,7}):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,6}))?)?", re.ASCII)
_ISO_DURATION: Final = re.compile(
    r"(-?)P(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:\.(\d{1,6}))?S)?)?", re.ASCII
)
_AMBIGUOUS: Final = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ](?:\d{4}|\d{2})(?:\D.*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Microseconds of the cells that are `given`, and what is wrong with the others that were looked at."""

    micros: NDArray[np.int64]
    given: Mask
    faults: tuple[Fault, ...]


def convert_date(column: Column, live: Mask, field: Field, *, date1904: bool) -> Converted:
    """Convert to days; a time of day is a fault, never cut off."""
    read = _moments(column, live, field, date1904=date1904)
    timed = read.given & (read.micros % DAY_US != 0)
    days = pa.array((read.micros // DAY_US).astype(np.int32), pa.int32(), mask=~read.given | timed)
    faults = (*read.faults, *fault("cell.type", timed, "a date with a time of day", "date"))
    return Converted(values=days.cast(pa.date32()), faults=faults)


def convert_datetime(column: Column, live: Mask, field: Field, *, date1904: bool) -> Converted:
    """Convert to microseconds since 1970, without a time zone; serials are exact to the millisecond."""
    read = _moments(column, live, field, date1904=date1904)
    values = pa.array(read.micros, pa.timestamp("us"), mask=~read.given)
    if field.timezone is None:
        return Converted(values=values, faults=read.faults)
    there = _in_zone(values, field.timezone)
    twice = read.given & truth(pc.is_null(there))
    message = f"a time that {field.timezone} has twice, or never, at a change of the clock"
    faults = (*read.faults, *fault("cell.date_ambiguous", twice, message, "a time outside of the change"))
    return Converted(values=there, faults=faults)


def _in_zone(values: pa.TimestampArray, zone: str) -> pa.TimestampArray:
    """Return local times as moments in UTC; null for those that the zone has twice or never."""
    # pandas is only needed here, and takes the zone from Python's own data where the system has none.
    import pandas as pd  # noqa: PLC0415

    local = pd.Series(values.to_pandas())
    moments = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    return pa.Array.from_pandas(moments, type=pa.timestamp("us", tz="UTC"))


def convert_time(column: Column, live: Mask, field: Field) -> Converted:
    """Convert to microseconds of a day."""
    dated = live & column.has(*_serial_kinds(field))
    days = doubles(column.texts.filter(pa.array(dated)))
    micros, given = np.zeros(len(live), np.int64), dated.copy()
    fits = (days >= 0) & (np.rint(days * DAY_MS) < DAY_MS)
    given[dated] = fits
    micros[given] = np.rint(days[fits] * DAY_MS).astype(np.int64) * 1000
    wrong = fault("cell.type", dated & ~given, "a date, not a time of day alone", "time")
    texts = _texts(column, live & ~dated, field)
    micros, given = _merged(micros, given, texts)
    return Converted(values=pa.array(micros, pa.time64("us"), mask=~given), faults=(*wrong, *texts.faults))


def convert_duration(column: Column, live: Mask, field: Field) -> Converted:
    """Convert to microseconds; a plain number has no unit, so only cells formatted as a time count."""
    timed = live & column.has(Kind.TIME, Kind.DURATION)
    days = doubles(column.texts.filter(pa.array(timed)))
    micros, given = np.zeros(len(live), np.int64), timed
    micros[timed] = np.rint(days * DAY_MS).astype(np.int64) * 1000
    texts = _texts(column, live & ~timed, field)
    micros, given = _merged(micros, given, texts)
    return Converted(values=pa.array(micros, pa.duration("us"), mask=~given), faults=texts.faults)


def _moments(column: Column, live: Mask, field: Field, *, date1904: bool) -> _Read:
    serial = live & column.has(*_serial_kinds(field))
    days, milliseconds, valid = serial_parts(doubles(column.texts.filter(pa.array(serial))), date1904=date1904)
    micros, given = np.zeros(len(live), np.int64), serial.copy()
    given[serial] = valid
    micros[given] = (days[valid] * DAY_MS + milliseconds[valid]) * 1000
    expected = field.type.kind
    outside = fault("cell.date_out_of_range", serial & ~given, "a number that is no date", expected)
    texts = _texts(column, live & ~serial, field)
    micros, given = _merged(micros, given, texts)
    return _Read(micros=micros, given=given, faults=(*outside, *texts.faults))


def _serial_kinds(field: Field) -> tuple[Kind, ...]:
    """Return the kinds of cells whose number is a moment: a plain number only where the field says so."""
    return (*_DATED, Kind.NUMBER) if EXCEL_SERIAL in field.format else _DATED


def _merged(micros: NDArray[np.int64], given: Mask, other: _Read) -> tuple[NDArray[np.int64], Mask]:
    return np.where(other.given, other.micros, micros), given | other.given


def _texts(column: Column, where: Mask, field: Field) -> _Read:
    """Read the texts among cells that hold no date: only in the declared formats, ISO 8601 without any."""
    textual = where & (column.kinds == Kind.TEXT)
    micros, given, vague = np.zeros(len(where), np.int64), np.zeros(len(where), np.bool_), where & False
    if textual.any():
        encoded = column.texts.filter(pa.array(textual)).dictionary_encode()
        parsed = [_parse(unicodedata.normalize("NFKC", text).strip(), field) for text in encoded.dictionary.to_pylist()]
        codes = encoded.indices.to_numpy()
        given[textual] = np.array([isinstance(value, int) for value in parsed])[codes]
        vague[textual] = np.array([value is _VAGUE for value in parsed])[codes]
        micros[textual] = np.array([value if isinstance(value, int) else 0 for value in parsed], np.int64)[codes]
    form = " or ".join(field.format) or f"{field.type.kind} (ISO 8601 if it is a text)"
    faults = (
        *fault("cell.date_ambiguous", vague, "a text that can be read as more than one date", form),
        *fault("cell.type", where & ~given & ~vague, f"not a value of type {field.type.kind}", form),
    )
    return _Read(micros=micros, given=given, faults=faults)


def _parse(text: str, field: Field) -> int | object | None:
    """Return microseconds, None for no value of the type, or `_VAGUE` for one that would have to be guessed."""
    kind = field.type.kind
    if kind == "duration":
        return _duration(text)
    formats = [form for form in field.format if form != EXCEL_SERIAL]
    if not formats:
        read = _iso(text, kind)
        return _VAGUE if read is None and kind != "time" and _AMBIGUOUS.fullmatch(text) else read
    found = {read for form in formats if (read := _formatted(text, form)) is not None}
    return _VAGUE if len(found) > 1 else next(iter(found), None)


def _iso(text: str, kind: str) -> int | None:
    if not _ISO[kind].fullmatch(text):
        return None
    try:
        return _micros(datetime.fromisoformat(text if kind != "time" else f"1970-01-01T{text}"))
    except ValueError:
        return None


def _formatted(text: str, form: str) -> int | None:
    try:
        moment = datetime.strptime(text, form)  # noqa: DTZ007  # the sheet has no time zone either
    except ValueError:
        return None
    if "%Y" not in form and "%y" not in form:
        moment = moment.replace(year=1970, month=1, day=1)
    return _micros(moment.replace(tzinfo=None))


def _micros(moment: datetime) -> int:
    span = moment.replace(tzinfo=UTC) - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _duration(text: str) -> int | None:
    if match := _CLOCK.fullmatch(text):
        sign, hours, minutes, seconds, fraction = match.groups()
        days = "0"
    elif (match := _ISO_DURATION.fullmatch(text)) and any(match.groups()[1:]):
        sign, days, hours, minutes, seconds, fraction = match.groups()
    else:
        return None
    whole = int(days or 0) * 86_400 + int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    micros = whole * 1_000_000 + int((fraction or "").ljust(6, "0"))
    return -micros if sign else micros
