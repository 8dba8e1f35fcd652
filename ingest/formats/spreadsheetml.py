"""Workbooks in the XML of Excel 2003 (SpreadsheetML), mostly named xls: each cell by its declared type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from ..cells.cells import MAX_COLUMNS, Kind, SheetCells
from ..cells.collector import CellCollector
from ..cells.date_serials import iso_cell
from ..cells.number_format import GENERAL, NumberFormat, number_format
from ..errors import rejected
from ..messages import say
from .failures import refused
from .zip.xml_text import refuse_doctype

if TYPE_CHECKING:
    from ..cells.cells import Visibility
    from ..spec.dataset import FileLimits
    from .text.file import TextFile

_SS: Final = "{urn:schemas-microsoft-com:office:spreadsheet}"
_X: Final = "{urn:schemas-microsoft-com:office:excel}"
_ROW, _CELL, _DATA = f"{_SS}Row", f"{_SS}Cell", f"{_SS}Data"
_STYLE, _FORMULA, _TYPE = f"{_SS}StyleID", f"{_SS}Formula", f"{_SS}Type"
_INDEX, _SPAN, _ACROSS, _DOWN = f"{_SS}Index", f"{_SS}Span", f"{_SS}MergeAcross", f"{_SS}MergeDown"
_KINDS: Final = {"String": Kind.TEXT, "Number": Kind.NUMBER, "Boolean": Kind.BOOLEAN, "Error": Kind.ERROR}
_VISIBILITY: Final[dict[str, Visibility]] = {"SheetHidden": "hidden", "SheetVeryHidden": "veryhidden"}
_NAMED: Final = {
    **dict.fromkeys(("Long Date", "Medium Date", "Short Date"), "yyyy-mm-dd"),
    **dict.fromkeys(("Long Time", "Medium Time", "Short Time"), "h:mm:ss"),
    "General Date": "yyyy-mm-dd h:mm",
    **dict.fromkeys(("Fixed", "Standard", "Currency", "Euro Currency", "Percent", "Scientific"), "General"),
    **dict.fromkeys(("General", "General Number", "Yes/No", "True/False", "On/Off"), "General"),
}
"""The formats that have a name instead of a code, as codes (XML Spreadsheet Reference, ss:NumberFormat)."""
_DATED: Final = (Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.DURATION)
_COUNT: Final = re.compile("[0-9]{1,9}")
_CONTROL: Final = re.compile(r"&#(?:x0*([0-9A-Fa-f]{1,2})|0*([0-9]{1,2}));|[\x00-\x08\x0b\x0c\x0e-\x1f]")
_STAND_INS: Final = 0x10FF00
"""Private characters of the last plane, which no text has, stand for control characters while the XML is parsed."""
_STOOD_IN: Final = re.compile(f"[{chr(_STAND_INS)}-{chr(_STAND_INS + 0x1F)}]")
_TIME_ONLY: Final = "1899-12-31T"
"""The day under which a time of day alone is written."""


class SpreadsheetMlBook:
    """An open workbook; the whole document is in memory."""

    def __init__(self, file: TextFile, limits: FileLimits) -> None:
        self._limits = limits
        content = _well_formed(file.text).encode("utf-8", "replace")
        refuse_doctype(content, file.path.name)
        start = content.find(b"?>") + 2 if content.lstrip()[:5] == b"<?xml" else 0
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)
        try:
            root = etree.fromstring(content[start:], parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise rejected(
                "file.corrupt_xml", say("the workbook is not well-formed XML: {error}", error=error)
            ) from error
        self._sheets = root.findall(f"{_SS}Worksheet")
        self._date1904 = root.find(f"{_X}ExcelWorkbook/{_X}Date1904") is not None
        self._styles = _style_formats(root)

    def close(self) -> None:
        """Do nothing: the file was read at once."""

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each worksheet, in the order of the tabs."""
        return tuple(
            (
                sheet.get(f"{_SS}Name", ""),
                _VISIBILITY.get(sheet.findtext(f"{_X}WorksheetOptions/{_X}Visible", ""), "visible"),
            )
            for sheet in self._sheets
        )

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: a cell is outside of any sheet or there twice, or the cells span more than the limit.

        """
        cells = CellCollector(self.sheets[index][0], self._limits.cells)
        with refused(self.sheets[index][0], cells.row):
            for table in self._sheets[index].iterfind(f"{_SS}Table"):
                self._read_table(table, cells)
        return cells.sheet(date1904=self._date1904, once=True)

    def _read_table(self, table: Any, cells: CellCollector) -> None:
        columns = _column_styles(table)
        row = -1
        for element in table.iterchildren(_ROW):
            row = _place(element, row + 1)
            row_style = element.get(_STYLE)
            column = -1
            for cell in element.iterchildren(_CELL):
                column = _place(cell, column + 1)
                style = cell.get(_STYLE) or row_style or columns.get(column)
                found = self._read_cell(cell, self._styles.get(style or "Default", GENERAL))
                if found is not None:
                    cells.add(row, column, *found)
                across, down = _number(cell, _ACROSS), _number(cell, _DOWN)
                if across or down:
                    cells.merge(row, column, down=down + 1, across=across + 1)
                column += across
            row += _number(element, _SPAN)

    def _read_cell(self, cell: Any, shown: NumberFormat) -> tuple[Kind, str] | None:
        data = next(cell.iterchildren(_DATA), None)
        formula = cell.get(_FORMULA) is not None
        text = "" if data is None else _as_written("".join(data.itertext()) if len(data) else data.text or "")
        if data is None or (not text and data.get(_TYPE) != "String"):
            return (Kind.UNCACHED, "") if formula else None
        name = data.get(_TYPE, "String")
        if name == "DateTime":
            return _moment(text, shown.kind, date1904=self._date1904)
        if name == "Number":
            return shown.cell(text.strip())
        if name not in _KINDS:
            raise rejected(
                "file.corrupt_xml", say("the workbook has a cell of the unknown type {type}", type=repr(name))
            )
        return (_KINDS[name], text) if text or formula else None


def _well_formed(text: str) -> str:
    """Put characters that Excel writes, and XML has not, into a form that a parser reads: `&#1;`, or as they are."""
    if not _CONTROL.search(text):
        return text
    return _CONTROL.sub(_stand_in, text)


def _stand_in(match: re.Match[str]) -> str:
    hexadecimal, number = match.groups()
    code = ord(match[0]) if len(match[0]) == 1 else int(hexadecimal, 16) if hexadecimal else int(number)
    return chr(_STAND_INS + code) if code < ord(" ") and chr(code) not in "\t\n\r" else match[0]


def _as_written(text: str) -> str:
    """Return the text of a cell with the characters that had to be put into another form."""
    return text if text.isascii() else _STOOD_IN.sub(lambda match: chr(ord(match[0]) - _STAND_INS), text)


def _style_formats(root: Any) -> dict[str, NumberFormat]:
    """Return the number format of each style; a style may be based on another one."""
    formats: dict[str, NumberFormat] = {}
    for style in root.iterfind(f"{_SS}Styles/{_SS}Style"):
        declared = style.find(f"{_SS}NumberFormat")
        if declared is None:
            form = formats.get(style.get(f"{_SS}Parent", "Default"), GENERAL)
        else:
            code = declared.get(f"{_SS}Format", "General")
            form = number_format(_NAMED.get(code, code))
        formats[style.get(f"{_SS}ID", "")] = form
    return formats


def _column_styles(table: Any) -> dict[int, str]:
    """Return the style of each column that has one."""
    styles: dict[int, str] = {}
    column = -1
    for element in table.iterfind(f"{_SS}Column"):
        column, span = _place(element, column + 1), _number(element, _SPAN)
        if style := element.get(_STYLE):
            styles.update(dict.fromkeys(range(column, column + min(span, MAX_COLUMNS) + 1), style))
        column += span
    return styles


def _place(element: Any, following: int) -> int:
    return following if element.get(_INDEX) is None else _number(element, _INDEX) - 1


def _number(element: Any, name: str) -> int:
    """Return what an attribute counts, 0 if it is not there."""
    text = element.get(name)
    if text is None:
        return 0
    if not _COUNT.fullmatch(text):
        name = name.removeprefix(_SS)
        raise rejected("file.corrupt_xml", say("the workbook has the {name} {value}", name=name, value=repr(text[:20])))
    return int(text)


def _moment(text: str, shown: Kind | None, *, date1904: bool) -> tuple[Kind, str]:
    if text.startswith(_TIME_ONLY):
        kind, serial = iso_cell(text.removeprefix(_TIME_ONLY).removesuffix(".000"), date1904=date1904)
    else:
        whole = text.removesuffix(".000").removesuffix("T00:00:00")
        kind, serial = iso_cell(whole, date1904=date1904)
    return (shown if shown in _DATED and kind in _DATED else kind), serial
