"""Workbooks in the XML of Excel 2003 (SpreadsheetML), mostly named xls: each cell by its declared type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from lxml import etree

from .cells import MAX_COLUMNS, MAX_ROWS, CellBlock, Kind, Merge, SheetCells, assemble
from .errors import rejected
from .serials import iso_kind_and_serial
from .textfile import read_text
from .xmltext import refuse_doctype

if TYPE_CHECKING:
    from pathlib import Path

    from .cells import Visibility
    from .spec import Limits

_SS: Final = "{urn:schemas-microsoft-com:office:spreadsheet}"
_X: Final = "{urn:schemas-microsoft-com:office:excel}"
_KINDS: Final = {"String": Kind.TEXT, "Number": Kind.NUMBER, "Boolean": Kind.BOOLEAN, "Error": Kind.ERROR}
_VISIBILITY: Final[dict[str, Visibility]] = {"SheetHidden": "hidden", "SheetVeryHidden": "veryhidden"}
_TIME_ONLY: Final = "1899-12-31T"
"""The day under which a time of day alone is written."""


@dataclass(slots=True, kw_only=True)
class _Cells:
    """The cells of one sheet as they come."""

    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)

    def add(self, row: int, column: int, kind: Kind, text: str) -> None:
        self.rows.append(row)
        self.columns.append(column)
        self.kinds.append(kind)
        self.texts.append(text)


class SpreadsheetMlBook:
    """An open workbook; the whole document is in memory."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        content = read_text(path).encode("utf-8", "replace")
        refuse_doctype(content, path.name)
        start = content.find(b"?>") + 2 if content.lstrip()[:5] == b"<?xml" else 0
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True)
        try:
            root = etree.fromstring(content[start:], parser)
        except (etree.XMLSyntaxError, ValueError) as error:
            raise rejected("file.corrupt_xml", f"the workbook is not well-formed XML: {error}") from error
        self._sheets = root.findall(f"{_SS}Worksheet")

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
            FileRejectedError: a cell is outside of any sheet, or the cells span more than the limit.

        """
        cells = _Cells()
        row = -1
        for element in self._sheets[index].iterfind(f"{_SS}Table/{_SS}Row"):
            row = _place(element, row + 1)
            column = -1
            for cell in element.iterfind(f"{_SS}Cell"):
                column = _place(cell, column + 1)
                across, down = _number(cell, "MergeAcross"), _number(cell, "MergeDown")
                if row + down >= MAX_ROWS or column + across >= MAX_COLUMNS:
                    raise rejected("file.corrupt_xml", "the workbook has a cell outside of any sheet")
                _read_cell(cell, row, column, cells)
                if across or down:
                    cells.merges.append(Merge(top=row, bottom=row + down, left=column, right=column + across))
                column += across
            row += _number(element, "Span")
        if cells.rows and (max(cells.rows) + 1) * (max(cells.columns) + 1) > self._limits.cells:
            raise rejected("file.cell_limit", f"the cells of a sheet span more than {self._limits.cells} cells")
        block = CellBlock(
            rows=np.array(cells.rows, np.int32),
            columns=np.array(cells.columns, np.int32),
            kinds=np.array(cells.kinds, np.uint8),
            texts=pa.array(cells.texts, pa.large_string()),
        )
        return assemble([block], date1904=False, merges=cells.merges)


def _place(element: Any, following: int) -> int:
    return _number(element, "Index") - 1 if element.get(f"{_SS}Index") is not None else following


def _number(element: Any, name: str) -> int:
    text = element.get(f"{_SS}{name}", "0")
    if not (text.isascii() and text.isdigit()):
        raise rejected("file.corrupt_xml", f"the workbook has the {name} {text[:20]!r}")
    return int(text)


def _read_cell(cell: Any, row: int, column: int, cells: _Cells) -> None:
    data = cell.find(f"{_SS}Data")
    text = "" if data is None else "".join(data.itertext())
    formula = cell.get(f"{_SS}Formula") is not None
    if data is None or (not text and data.get(f"{_SS}Type") != "String"):
        if formula:
            cells.add(row, column, Kind.UNCACHED, "")
        return
    name = data.get(f"{_SS}Type", "String")
    if name == "DateTime":
        cells.add(row, column, *_moment(text))
    elif name in _KINDS:
        if text or formula:
            cells.add(row, column, _KINDS[name], text)
    else:
        raise rejected("file.corrupt_xml", f"the workbook has a cell of the unknown type {name!r}")


def _moment(text: str) -> tuple[Kind, str]:
    if text.startswith(_TIME_ONLY):
        return iso_kind_and_serial(text.removeprefix(_TIME_ONLY).removesuffix(".000"), date1904=False)
    whole = text.removesuffix(".000").removesuffix("T00:00:00")
    return iso_kind_and_serial(whole, date1904=False)
