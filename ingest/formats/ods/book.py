"""OpenDocument spreadsheets, zipped or as one flat XML file: their sheets, each cell by its declared type."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from ...cells.cells import Kind, SheetCells
from ...cells.collector import CellCollector
from ...cells.date_serials import iso_cell
from ...cells.error_values import ERROR_TEXTS
from ...errors import FileRejectedError, rejected
from ..hint import NO_HINT
from ..text.encoding import read_text
from ..zip.container import Container
from ..zip.xml_text import refuse_doctype
from .styles import OdsStyles
from .text import cell_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ...cells.cells import Visibility
    from ...spec.dataset import FileLimits

_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_CALC: Final = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_SPREADSHEET: Final = f"{_OFFICE}spreadsheet"
_SHEET: Final = f"{_TABLE}table"
_ROW: Final = f"{_TABLE}table-row"
_EVENTS: Final = (_SPREADSHEET, _SHEET, _ROW, f"{_OFFICE}styles", f"{_OFFICE}automatic-styles")
_CELLS: Final = frozenset({f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"})
_ROWS_REPEATED: Final = f"{_TABLE}number-rows-repeated"
_COLUMNS_REPEATED: Final = f"{_TABLE}number-columns-repeated"
_ROWS_SPANNED: Final = f"{_TABLE}number-rows-spanned"
_COLUMNS_SPANNED: Final = f"{_TABLE}number-columns-spanned"
_FORMULA: Final = f"{_TABLE}formula"
_VALUE_TYPE: Final = f"{_OFFICE}value-type"
_CALC_TYPE: Final = f"{_CALC}value-type"
_STRING: Final = f"{_OFFICE}string-value"
_VALUES: Final = {
    **dict.fromkeys(("float", "percentage", "currency"), f"{_OFFICE}value"),
    **{name: f"{_OFFICE}{name}-value" for name in ("boolean", "date", "time")},
}
"""The attribute that has the value of each type but text."""
_DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]*\?>")
_DURATION: Final = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?")
_NO_DAY: Final = "1899-12-30T"
"""Day 0: what is shown as a date has only a time of day."""
_ERROR_NUMBER: Final = re.compile(r"Err:\d{3}")


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """One sheet while it is read: its cells, or why they cannot be had."""

    name: str
    visibility: Visibility
    cells: CellCollector
    row: int = 0
    refusal: FileRejectedError | None = None


class OdsBook:
    """An open document; the cells of all its sheets were read at once, for the XML is a single one.

    Raises:
        FileRejectedError: the document is damaged or beyond a limit.

    """

    def __init__(self, path: Path, limits: FileLimits) -> None:
        self._limits = limits
        self._styles = OdsStyles()
        self._sheets: list[_Sheet] = []
        spreadsheet = False
        for content in _contents(path, limits):
            spreadsheet |= self._read(content)
        if not spreadsheet:
            raise rejected("file.format_unknown", "the document is no spreadsheet")

    def close(self) -> None:
        """Do nothing: the file was read at once."""

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each sheet, in the order of the tabs."""
        return tuple((sheet.name, sheet.visibility) for sheet in self._sheets)

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: a cell is outside of any sheet, or the cells span more than the limit.

        """
        sheet = self._sheets[index]
        if sheet.refusal is not None:
            raise sheet.refusal
        return sheet.cells.sheet(date1904=False)

    def _read(self, pieces: Iterator[bytes]) -> bool:
        """Read the styles and sheets of one part; say whether it is the one with the sheets."""
        spreadsheet = False
        tables: list[Any] = []
        try:
            for event, element in etree.iterparse(
                _Stream(pieces), ("start", "end"), tag=_EVENTS, resolve_entities=False, no_network=True, huge_tree=True
            ):
                spreadsheet |= element.tag == _SPREADSHEET
                if event == "start":
                    self._start(element, tables)
                else:
                    self._end(element, tables)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise rejected("file.corrupt_xml", f"the document is not well-formed XML: {error}") from error
        return spreadsheet

    def _start(self, element: Any, tables: list[Any]) -> None:
        if element.tag != _SHEET:
            return
        tables.append(element)
        if _is_sheet(element):
            name = element.get(f"{_TABLE}name", "")
            cells = CellCollector(name, self._limits.cells)
            self._sheets.append(_Sheet(name=name, visibility=self._styles.visibility(element), cells=cells))

    def _end(self, element: Any, tables: list[Any]) -> None:
        """Take what is whole; `tables` are those that are not, the outermost first."""
        if element.tag == _SHEET:
            tables.pop()
        elif element.tag == _ROW and len(tables) == 1 and _is_sheet(tables[0]):
            self._row(self._sheets[-1], element)
        elif not tables:
            self._styles.add(element)
        # What lies within a cell is still needed when the cell is whole.
        if len(tables) <= (element.tag == _ROW):
            _forget(element)

    def _row(self, sheet: _Sheet, element: Any) -> None:
        down, column = _count(element.attrib, _ROWS_REPEATED), 0
        try:
            for cell in element:
                if cell.tag not in _CELLS:
                    continue
                attributes = dict(cell.attrib)
                across = _count(attributes, _COLUMNS_REPEATED)
                found = self._read_cell(cell, attributes)
                if found is not None and sheet.refusal is None:
                    sheet.cells.add(sheet.row, column, *found, down=down, across=across)
                rows, columns = _count(attributes, _ROWS_SPANNED), _count(attributes, _COLUMNS_SPANNED)
                sheet.cells.merge(sheet.row, column, down=rows, across=columns)
                column += across
        except FileRejectedError as error:
            sheet.refusal = FileRejectedError(replace(error.record, sheet=sheet.name, row=sheet.row + 1))
        sheet.row += down

    def _read_cell(self, cell: Any, attributes: dict[str, str]) -> tuple[Kind, str] | None:
        kind = attributes.get(_VALUE_TYPE) or attributes.get(_CALC_TYPE)
        formula = _FORMULA in attributes
        if kind is None and not len(cell):
            return (Kind.UNCACHED, "") if formula else None
        if formula or attributes.get(_CALC_TYPE) == "error":
            text = cell_text(cell)
            if text in ERROR_TEXTS or _ERROR_NUMBER.fullmatch(text):
                return Kind.ERROR, text
        if kind not in _VALUES:
            text = attributes.get(_STRING) or cell_text(cell)
            return (Kind.TEXT, text) if text or formula else None
        value = attributes.get(_VALUES[kind]) or cell_text(cell)
        if not value:
            return (Kind.UNCACHED, "") if formula else None
        return self._value(kind, value, attributes.get(f"{_TABLE}style-name", ""))

    def _value(self, kind: str, value: str, style: str) -> tuple[Kind, str]:
        """Return what a cell of a type other than text holds."""
        if kind == "boolean":
            return Kind.BOOLEAN, value
        if kind == "date":
            return _date(value)
        if kind == "time":
            return _time(value, elapsed=self._styles.format_of(style).kind == Kind.DURATION)
        return self._styles.format_of(style).cell(value) if kind == "float" else (Kind.NUMBER, value)


def _contents(path: Path, limits: FileLimits) -> Iterator[Iterator[bytes]]:
    """Yield the XML of the styles, if they are apart, and of the content."""
    with path.open("rb") as file:
        flat = file.read(2) != b"PK"
    if flat:
        # What the file declares its encoding to be is past: it was decoded.
        text = _DECLARATION.sub("", read_text(path, NO_HINT))
        yield _checked([text.encode("utf-8", "replace")], path.name)
        return
    with Container(path, limits) as container:
        for name in ("styles.xml", "content.xml"):
            if name == "content.xml" or name in container:
                yield _checked(container.stream(name), name)


def _checked(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    tail = b""
    for piece in pieces:
        refuse_doctype(tail + piece, name)
        tail = piece[-9:]
        yield piece


class _Stream:
    """Pieces of bytes as a file, for a parser that reads one."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1) -> bytes:
        return next(self._pieces, b"")


def _is_sheet(table: Any) -> bool:
    """Say whether a table is a sheet: others belong to charts, or keep what other files had."""
    external = table.get(f"{_TABLE}name", "").startswith("'file:")
    return bool(table.getparent().tag == _SPREADSHEET and not external)


def _forget(element: Any) -> None:
    """Give back the memory of an element that was read, and of those before it."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _count(attributes: Mapping[str, str], name: str) -> int:
    text = attributes.get(name)
    return max(1, int(text)) if text is not None and text.isascii() and text.isdigit() else 1


def _date(text: str) -> tuple[Kind, str]:
    if text.startswith(_NO_DAY):
        return iso_cell(text.removeprefix(_NO_DAY), date1904=False)
    return iso_cell(text, date1904=False)


def _time(text: str, *, elapsed: bool) -> tuple[Kind, str]:
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        return Kind.MALFORMED, text
    sign, *parts = match.groups()
    days, hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in parts)
    serial = days + (hours * 3600 + minutes * 60 + seconds) / 86_400
    kind = Kind.DURATION if elapsed or sign or serial >= 1 else Kind.TIME
    return kind, repr(-serial if sign else serial)
