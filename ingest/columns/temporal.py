"""Columns to dates, date-times, times and durations: real ones by their serial, texts as `moment_text` reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..cells.cells import Column, Kind
from ..cells.characters import plain_characters
from ..cells.date_serials import DAY_MS, MAX_DURATION_DAYS, serial_parts
from ..cells.number_text import doubles, exact_texts
from ..messages import either, say
from ..spec.field import EXCEL_SERIAL
from .converted import Converted, Fault, fault
from .moment_layouts import read_fixed
from .moment_text import OUTSIDE, VAGUE, Moment, read_moment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..spec.field import Field

    Mask = NDArray[np.bool_]

DAY_US: Final = DAY_MS * 1000
_YEARS: Final = (-62_135_596_800_000_000, 253_402_300_800_000_000)
"""Where year 1 begins and year 9999 has ended, in microseconds since 1970."""
_NEAR: Final = 2 * DAY_US
"""More than any zone is away from UTC."""
_LED_OUTSIDE: Final = say("its zone or offset leads out of the years 1 to 9999")
_SERIAL: Final = r"^[1-9][0-9]{4}(?:\.[0-9]+)?$"
"""The serial of a day from 1927 to 2173, as a text; fewer or more digits are mostly something else, such as a year."""
_DIGITS_ALONE: Final = re.compile(r"(?:%[YGymdjHMS])+")
"""A form of dates that look like serials: a zero that is lost in front of one must not make it another date."""
_DATED: Final = (Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.DURATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Microseconds of the cells that are `given`, and what is wrong with the others that were looked at.

    Those of `absolute` cells are of UTC, because the cell says how far from it its clock is.
    """

    micros: NDArray[np.int64]
    given: Mask
    absolute: Mask
    faults: tuple[Fault, ...]


def convert_date(column: Column, live: Mask, field: Field, *, date1904: bool) -> Converted:
    """Convert to days; a time of day is a fault, never cut off."""
    read = _moments(column, live, field, date1904=date1904)
    timed = read.given & (read.micros % DAY_US != 0)
    days = pa.array((read.micros // DAY_US).astype(np.int32), pa.int32(), mask=~read.given | timed)
    faults = (*read.faults, *fault("cell.type", timed, say("a date with a time of day"), "date"))
    return Converted(values=days.cast(pa.date32()), faults=faults)


def convert_datetime(column: Column, live: Mask, field: Field, *, date1904: bool) -> Converted:
    """Convert to microseconds since 1970; serials are exact to the millisecond.

    A cell with an offset from UTC means that moment, in whatever format it is written: with the field's `timezone` it
    is loaded as such, without one as the clock of UTC shows it. The zone may not lead out of the years 1 to 9999.
    """
    read = _moments(column, live, field, date1904=date1904)
    values = pa.array(read.micros, pa.timestamp("us"), mask=~read.given)
    if field.timezone is None:
        return Converted(values=values, faults=read.faults)
    there = _in_zone(values, field.timezone)
    if read.absolute.any():
        there = pc.if_else(pa.array(read.absolute), values.cast(pa.timestamp("us", tz="UTC")), there)
    twice = read.given & truth(pc.is_null(there))
    message = say("a time that {zone} has twice, or never, at a change of the clock", zone=field.timezone)
    moments = there.cast(pa.int64()).fill_null(0).to_numpy()
    outside = (moments < _YEARS[0]) | (moments >= _YEARS[1])
    faults = (
        *read.faults,
        *fault("cell.date_ambiguous", twice, message, say("a time outside of the change")),
        *fault("cell.date_out_of_range", outside, _LED_OUTSIDE, "datetime"),
    )
    return Converted(values=pc.if_else(pa.array(outside), None, there) if outside.any() else there, faults=faults)


def _in_zone(values: pa.TimestampArray, zone: str) -> pa.TimestampArray:
    """Return local times as moments in UTC; null for those that the zone has twice or never."""
    micros = values.cast(pa.int64()).fill_null(0).to_numpy()
    # Where the years end no zone changes its clock: a time there is as far from UTC as one some days nearer to 1970.
    inwards = np.where(micros < _YEARS[0] + _NEAR, _NEAR, np.where(micros >= _YEARS[1] - _NEAR, -_NEAR, 0))
    if not inwards.any():
        return _within_years(values, zone)
    days = pa.array(inwards, pa.duration("us"))
    return pc.subtract(_within_years(pc.add(values, days), zone), days)


def _within_years(values: pa.TimestampArray, zone: str) -> pa.TimestampArray:
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
    milliseconds = np.rint(days * DAY_MS)
    fits = (milliseconds >= 0) & (days < 1)
    given[dated] = fits
    # A hair below midnight is midnight, as Excel shows it.
    micros[given] = milliseconds[fits].astype(np.int64) % DAY_MS * 1000
    wrong = fault("cell.type", dated & ~given, say("a date, not a time of day alone"), "time")
    texts = _texts(column, live & ~dated, field)
    micros, given = _merged(micros, given, texts)
    return Converted(values=pa.array(micros, pa.time64("us"), mask=~given), faults=(*wrong, *texts.faults))


def convert_duration(column: Column, live: Mask, field: Field) -> Converted:
    """Convert to microseconds; a plain number has no unit, so only cells formatted as a time count."""
    timed = live & column.has(Kind.TIME, Kind.DURATION)
    days = doubles(column.texts.filter(pa.array(timed)))
    micros, given = np.zeros(len(live), np.int64), timed.copy()
    fits = np.abs(days) <= MAX_DURATION_DAYS
    given[timed] = fits
    micros[given] = np.rint(days[fits] * DAY_MS).astype(np.int64) * 1000
    large = fault(
        "cell.range",
        timed & ~given,
        say("the duration is too long"),
        say("at most {most} days", most=MAX_DURATION_DAYS),
    )
    texts = _texts(column, live & ~timed, field)
    micros, given = _merged(micros, given, texts)
    return Converted(values=pa.array(micros, pa.duration("us"), mask=~given), faults=(*large, *texts.faults))


def _moments(column: Column, live: Mask, field: Field, *, date1904: bool) -> _Read:
    serial = live & column.has(*_serial_kinds(field))
    days, milliseconds, valid = serial_parts(doubles(column.texts.filter(pa.array(serial))), date1904=date1904)
    micros, given = np.zeros(len(live), np.int64), serial.copy()
    given[serial] = valid
    micros[given] = (days[valid] * DAY_MS + milliseconds[valid]) * 1000
    expected = field.type.kind
    outside = fault("cell.date_out_of_range", serial & ~given, say("a number that is no date"), expected)
    texts = _texts(column, live & ~serial, field, date1904=date1904)
    micros, given = _merged(micros, given, texts)
    return _Read(micros=micros, given=given, absolute=texts.absolute, faults=(*outside, *texts.faults))


def _serial_kinds(field: Field) -> tuple[Kind, ...]:
    """Return the kinds of cells whose number is a moment: a plain number only where the field says so."""
    return (*_DATED, Kind.NUMBER) if EXCEL_SERIAL in field.format else _DATED


def _merged(micros: NDArray[np.int64], given: Mask, other: _Read) -> tuple[NDArray[np.int64], Mask]:
    return np.where(other.given, other.micros, micros), given | other.given


def _texts(column: Column, where: Mask, field: Field, *, date1904: bool = False) -> _Read:
    """Read the texts among cells that hold no serial number, each different one once.

    A number is one in a form of digits alone: programs write 20260501 as either.
    """
    numeric = where & (column.kinds == Kind.NUMBER) & _reads_digits(field)
    textual = numeric | (where & column.has(Kind.TEXT, Kind.MOMENT))
    micros, given, absolute, vague, outside = np.zeros(len(where), np.int64), *np.zeros((4, len(where)), np.bool_)
    if textual.any():
        encoded = _with_digits(column.texts, numeric).filter(pa.array(textual)).dictionary_encode()
        iso = _are_moments(column, textual, encoded)
        different = _read_each(encoded.dictionary, field, iso, date1904=date1904)
        codes = encoded.indices.to_numpy()
        for found, of_each in zip((micros, given, absolute, vague, outside), different, strict=True):
            found[textual] = of_each[codes]
    kind = field.type.kind
    form = either(field.format) if field.format else say("{type} (ISO 8601 if it is a text)", type=kind)
    faults = (
        *fault("cell.date_ambiguous", vague, say("a text that can be read as more than one date"), form),
        *fault("cell.date_out_of_range", outside, _LED_OUTSIDE, form),
        *fault(
            "cell.type",
            where & ~given & ~vague & ~outside,
            say("not a value of type {type}", type=kind),
            form,
        ),
    )
    return _Read(micros=micros, given=given, absolute=absolute, faults=faults)


def _read_each(
    texts: pa.StringArray, field: Field, iso: Mask, *, date1904: bool
) -> tuple[NDArray[np.int64], Mask, Mask, Mask, Mask]:
    """Return of each text its microseconds, and whether it is given, absolute, vague, outside of the years."""
    micros, given, absolute = read_fixed(texts, field, iso)
    vague, outside = np.zeros((2, len(texts)), np.bool_)
    left = np.flatnonzero(~given)
    for place, text in zip(left.tolist(), texts.take(left).to_pylist(), strict=True):
        value = read_moment(text, field, iso=bool(iso[place]))
        if isinstance(value, Moment):
            micros[place], given[place], absolute[place] = value.micros, True, value.absolute
        vague[place], outside[place] = value is VAGUE, value is OUTSIDE
    if EXCEL_SERIAL in field.format and not _reads_digits(field):
        left = np.flatnonzero(~(given | vague | outside | iso))
        serials, dated = _written_serials(texts.take(left), date1904=date1904)
        micros[left[dated]], given[left[dated]] = serials[dated], True
    return micros, given, absolute, vague, outside


def _reads_digits(field: Field) -> bool:
    return any(map(_DIGITS_ALONE.fullmatch, field.format))


def _with_digits(texts: pa.LargeStringArray, numeric: Mask) -> pa.LargeStringArray:
    """Return the texts with all digits of the numbers, without the zeros behind a point or the exponent of the file."""
    if not numeric.any():
        return texts
    here = pa.array(numeric)
    return pc.replace_with_mask(texts, here, exact_texts(texts.filter(here)))


def _written_serials(texts: pa.StringArray, *, date1904: bool) -> tuple[NDArray[np.int64], Mask]:
    """Return of texts the microseconds of the serials that they are, as all numbers of a CSV are texts."""
    plain = plain_characters(texts.cast(pa.large_string()))
    numbers = truth(pc.match_substring_regex(plain, _SERIAL))
    days, milliseconds, valid = serial_parts(doubles(plain.filter(pa.array(numbers))), date1904=date1904)
    micros, dated = np.zeros(len(texts), np.int64), numbers.copy()
    dated[numbers] = valid
    micros[dated] = (days[valid] * DAY_MS + milliseconds[valid]) * 1000
    return micros, dated


def _are_moments(column: Column, textual: Mask, encoded: pa.DictionaryArray) -> Mask:
    """Say which of the different texts are those of date cells: they are in ISO form, whatever is declared."""
    moments = column.kinds[textual] == Kind.MOMENT
    found = np.zeros(len(encoded.dictionary), np.bool_)
    found[encoded.indices.to_numpy()[moments]] = True
    return found
