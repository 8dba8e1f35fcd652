"""One cell as a parser has it: what it holds by its declared type; knows no place and no sheet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ...cells.cells import Kind
from ...cells.date_serials import iso_cell
from ...cells.error_values import is_error
from .names import QUALIFIED, Attribute
from .text import cell_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .styles import OdsStyles

_VALUES: Final = {
    **dict.fromkeys(("float", "percentage", "currency"), QUALIFIED[Attribute.VALUE]),
    "boolean": QUALIFIED[Attribute.BOOLEAN],
    "date": QUALIFIED[Attribute.DATE],
    "time": QUALIFIED[Attribute.TIME],
}
"""The attribute that has the value of each type but text."""
_DURATION: Final = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?")
_CLOCKS: Final = (Kind.DATE, Kind.DATETIME, Kind.TIME)
"""What formats show that do not count hours beyond a day."""
NO_DAY: Final = "1899-12-30T"
"""Day 0: what is shown as a date has only a time of day."""


def read_cell(cell: Any, attributes: Mapping[str, str], style: str, styles: OdsStyles) -> tuple[Kind, str] | None:
    """Return what a cell of a style holds; None if that is nothing."""
    kind = attributes.get(QUALIFIED[Attribute.VALUE_TYPE]) or attributes.get(QUALIFIED[Attribute.CALC_TYPE])
    formula = QUALIFIED[Attribute.FORMULA] in attributes
    if kind is None and not len(cell):
        return (Kind.UNCACHED, "") if formula else None
    failed = attributes.get(QUALIFIED[Attribute.CALC_TYPE]) == "error"
    if failed or formula:
        text = cell_text(cell)
        if (failed and text) or is_error(text.strip()):
            return Kind.ERROR, text
    if kind not in _VALUES:
        text = attributes.get(QUALIFIED[Attribute.STRING]) or cell_text(cell)
        return (Kind.TEXT, text) if text or formula else None
    value = attributes.get(_VALUES[kind]) or cell_text(cell)
    if not value:
        return (Kind.UNCACHED, "") if formula else None
    return _value(kind, value, style, styles)


def _value(kind: str, value: str, style: str, styles: OdsStyles) -> tuple[Kind, str]:
    """Return what a cell of a type other than text holds."""
    if kind == "boolean":
        return Kind.BOOLEAN, value
    if kind == "date":
        return iso_cell(value.removeprefix(NO_DAY), date1904=False)
    if kind == "time":
        return time_cell(value, styles.format_of(style).kind)
    return styles.format_of(style).cell(value) if kind == "float" else (Kind.NUMBER, value)


def time_cell(text: str, shown: Kind | None) -> tuple[Kind, str]:
    """Return the kind and the serial number of a duration as XML has it, by what its format shows it as.

    It stands for a time of day, too, and where only the clock of a whole date is shown, it has the hours since day 0.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        return Kind.MALFORMED, text
    sign, *parts = match.groups()
    days, hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in parts)
    serial = days + (hours * 3600 + minutes * 60 + seconds) / 86_400
    clock = shown in _CLOCKS or (serial < 1 and shown != Kind.DURATION)
    kind = Kind.TIME if clock and not sign else Kind.DURATION
    return kind, repr(-serial if sign else serial)
