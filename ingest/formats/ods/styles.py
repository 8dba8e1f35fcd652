"""The styles of an OpenDocument spreadsheet as far as they say what a cell is, and which sheets are hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...cells.number_format import GENERAL, NumberFormat, number_format
from .names import DATA_STYLE, STYLE, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...cells.cells import Visibility

_TABLE, _STYLE, _NUMBER = (f"{{{namespace}}}" for namespace in (TABLE, STYLE, DATA_STYLE))
_DATA_STYLES: Final = tuple(
    f"{_NUMBER}{name}-style" for name in ("number", "percentage", "currency", "date", "time", "text", "boolean")
)
_PARTS: Final = {
    "day": "d",
    "day-of-week": "ddd",
    "week-of-year": "d",
    "month": "m",
    "quarter": "m",
    "year": "yyyy",
    "era": "g",
    "hours": "h",
    "minutes": ":mm",
    "seconds": ":ss",
    "am-pm": "AM/PM",
    "text-content": "@",
    "scientific-number": "0.00E+00",
    "fraction": "# ?/?",
    "boolean": "General",
}
"""The parts of a data style (OpenDocument 1.3 part 3, 16.29) as parts of a format code."""
_MOST_PLACES: Final = 64


class OdsStyles:
    """What the styles of a document say; of two with the same name the later one counts."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._data_styles: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        self._hidden: set[str] = set()
        self._maps: dict[str, list[tuple[str, str]]] = {}
        self._formats: dict[str, NumberFormat] = {}

    def add(self, styles: Any) -> None:
        """Add an element that holds styles."""
        self._formats.clear()
        for style in styles.iter(*_DATA_STYLES):
            name = style.get(f"{_STYLE}name", "")
            self._codes[name] = "".join(_code(style))
            self._maps[name] = list(_conditions(style))
        for style in styles.iter(f"{_STYLE}style"):
            self._add(style)

    def _add(self, style: Any) -> None:
        name, family = style.get(f"{_STYLE}name", ""), style.get(f"{_STYLE}family")
        if family == "table-cell":
            self._parents[name] = style.get(f"{_STYLE}parent-style-name", "")
            if (shown := style.get(f"{_STYLE}data-style-name")) is not None:
                self._data_styles[name] = shown
        elif family == "table":
            properties = style.find(f"{_STYLE}table-properties")
            if properties is not None and properties.get(f"{_TABLE}display") == "false":
                self._hidden.add(name)

    def visibility(self, table: Any) -> Visibility:
        """Return whether a table's tab is shown."""
        return "hidden" if table.get(f"{_TABLE}style-name") in self._hidden else "visible"

    def format_of(self, cell_style: str) -> NumberFormat:
        """Return the number format of a cell style, its own or that of a style which it is based on."""
        if cell_style not in self._formats:
            self._formats[cell_style] = self._format(cell_style)
        return self._formats[cell_style]

    def _format(self, cell_style: str) -> NumberFormat:
        name = cell_style
        for _ in range(len(self._parents)):
            if name in self._data_styles or not name:
                break
            name = self._parents.get(name, "")
        shown = self._data_styles.get(name, "")
        if shown not in self._codes:
            return GENERAL
        # The style itself is for what none of its conditions is true of.
        parts = [f"[{condition}]{self._codes.get(other, '')}" for condition, other in self._maps[shown]]
        return number_format(";".join([*parts, self._codes[shown]]))


def _code(style: Any) -> Iterator[str]:
    """Yield a data style as parts of a format code."""
    elapsed = style.get(f"{_NUMBER}truncate-on-overflow") == "false"
    for part in style:
        name = str(part.tag).removeprefix(_NUMBER)
        if name == "number":
            yield from _digits(part)
        elif name == "text":
            yield _literal(part.text or "")
        elif elapsed and name in ("hours", "minutes", "seconds"):
            yield f"[{_PARTS[name].lstrip(':')[0]}]"
            elapsed = False
        else:
            yield _PARTS.get(name, "")
    if style.tag == f"{_NUMBER}percentage-style":
        yield "%"


def _digits(part: Any) -> Iterator[str]:
    """Yield the places of a number; texts within stand at so many places from the right."""
    places = min(_count(part, "min-integer-digits"), _MOST_PLACES)
    embedded = {_count(text, "position"): text.text or "" for text in part.iter(f"{_NUMBER}embedded-text")}
    if part.get(f"{_NUMBER}grouping") == "true":
        yield "#,"
    for place in range(max(places, 1), 0, -1):
        yield "0" if places else "#"
        if place - 1 in embedded:
            yield _literal(embedded[place - 1])
    if decimals := min(_count(part, "decimal-places"), _MOST_PLACES):
        yield f".{'0' * decimals}"


def _conditions(style: Any) -> Iterator[tuple[str, str]]:
    """Yield the conditions of a data style, as a format code has them, and the styles to use if they are true."""
    for condition in style.iterfind(f"{_STYLE}map"):
        text = condition.get(f"{_STYLE}condition", "")
        if text.startswith("value()"):
            sign = text.removeprefix("value()").replace("!=", "<>")
            yield sign, condition.get(f"{_STYLE}apply-style-name", "")


def _literal(text: str) -> str:
    return "".join(f"\\{character}" for character in text)


def _count(element: Any, name: str) -> int:
    text = element.get(f"{_NUMBER}{name}", "")
    return int(text) if text.isascii() and text.isdigit() else 0
