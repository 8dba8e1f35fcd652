"""The sheets of an OpenDocument spreadsheet out of its XML, as a parser walks through it; knows no files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from ...cells.cells import Kind
from ...cells.collector import CellCollector
from ...errors import FileRejectedError, rejected
from ...messages import say
from ..unsure import UnsureError
from .column_styles import ColumnStyles
from .names import OFFICE, QUALIFIED, TABLE, Attribute, qualified
from .parsed_cell import read_cell
from .rows_apart import RowsApart
from .styles import OdsStyles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...cells.cells import Visibility
    from .taken_rows import TakenRows

_SPREADSHEET: Final = qualified(OFFICE, "spreadsheet")[0]
_STYLES: Final = qualified(OFFICE, "styles", "automatic-styles")
_SHEET, _COLUMN, _ROW, _NAME = qualified(TABLE, "table", "table-column", "table-row", "name")
_FAR: Final = 1 << 31
"""No sheet has so many rows or columns: a larger count says no more."""
_CELLS: Final = frozenset(qualified(TABLE, "table-cell", "covered-table-cell"))


@dataclass(slots=True, kw_only=True)
class OdsSheet:
    """One sheet while it is read: its cells, or why they cannot be had."""

    name: str
    visibility: Visibility
    cells: CellCollector
    columns: ColumnStyles = field(default_factory=ColumnStyles)
    row: int = 0
    refusal: FileRejectedError | None = None


class OdsReader:
    """Reads the parts of one document in turn: the styles, if they are apart, and the content.

    `apart` says whether rows of common forms are taken out before, which is far faster and sees the same in them.
    """

    def __init__(self, max_cells: int, *, apart: bool) -> None:
        self.sheets: list[OdsSheet] = []
        self.spreadsheet = False
        self._max_cells, self._apart = max_cells, apart
        self._styles = OdsStyles()
        self._tables: list[Any] = []
        """Those that are not whole yet, the outermost first."""

    def read(self, content: Iterable[bytes]) -> None:
        """Read a part.

        Raises:
            FileRejectedError: it is not well-formed.
            UnsureError: it is, perhaps, no document of which rows can be taken out.

        """
        rows = RowsApart(self._styles)
        stream = _Stream(rows.left(content) if self._apart else iter(content))
        tags = (_SPREADSHEET, _SHEET, _COLUMN, _ROW, rows.tag, *_STYLES)
        try:
            for event, element in etree.iterparse(
                stream, ("start", "end"), tag=tags, resolve_entities=False, no_network=True, huge_tree=True
            ):
                self.spreadsheet |= element.tag == _SPREADSHEET
                if event == "end":
                    self._end(element, rows)
                elif element.tag == _SHEET:
                    rows.begin(element.nsmap)
                    self._begin(element)
        except (etree.XMLSyntaxError, ValueError, LookupError) as error:
            raise rejected(
                "file.corrupt_xml", say("the document is not well-formed XML: {error}", error=error)
            ) from error

    def _begin(self, table: Any) -> None:
        self._tables.append(table)
        if len(self._tables) == 1 and _is_sheet(table):
            name = table.get(_NAME, "")
            cells = CellCollector(name, self._max_cells)
            self.sheets.append(OdsSheet(name=name, visibility=self._styles.visibility(table), cells=cells))

    def _end(self, element: Any, rows: RowsApart) -> None:
        """Take what is whole."""
        if element.tag == _COLUMN:
            self._column(element)
            return
        within_row = element.tag in (_ROW, rows.tag)
        if element.tag == _SHEET:
            self._tables.pop()
        elif within_row:
            self._rows(element, rows)
        elif not self._tables:
            self._styles.add(element)
        # What lies within a cell is still needed when the cell is whole.
        if len(self._tables) <= within_row:
            _forget(element)

    def _column(self, element: Any) -> None:
        if len(self._tables) == 1 and _is_sheet(self._tables[0]):
            name = element.get(QUALIFIED[Attribute.DEFAULT_STYLE], "")
            # Most columns name a style that says nothing of what is in a cell.
            name = "" if self._styles.format_of(name).kind == Kind.NUMBER else name
            self.sheets[-1].columns.add(name, _count(element.attrib, Attribute.COLUMNS_REPEATED))

    def _rows(self, element: Any, rows: RowsApart) -> None:
        taken = rows.take(element) if element.tag == rows.tag else None
        if len(self._tables) != 1:
            if taken is not None:
                # The texts of a table within a cell may belong to the cell.
                raise UnsureError
            return
        if not _is_sheet(self._tables[0]):
            return
        sheet = self.sheets[-1]
        height = _count(element.attrib, Attribute.ROWS_REPEATED) if taken is None else taken.height
        try:
            if sheet.refusal is None and taken is None:
                _read_row(sheet, element, self._styles)
            elif sheet.refusal is None and taken is not None:
                _take_rows(sheet, taken)
        except FileRejectedError as error:
            place = error.record.row or sheet.row + 1
            sheet.refusal = FileRejectedError(replace(error.record, sheet=sheet.name, row=place))
        sheet.row += height


def _read_row(sheet: OdsSheet, element: Any, styles: OdsStyles) -> None:
    """Read the cells of a row."""
    down, column = _count(element.attrib, Attribute.ROWS_REPEATED), 0
    of_row = element.get(QUALIFIED[Attribute.DEFAULT_STYLE])
    for cell in element:
        if cell.tag not in _CELLS:
            continue
        attributes = dict(cell.attrib)
        across = _count(attributes, Attribute.COLUMNS_REPEATED)
        own = attributes.get(QUALIFIED[Attribute.STYLE]) or of_row
        for first, count, style in [(column, across, own)] if own else sheet.columns.parts(column, across):
            found = read_cell(cell, attributes, style, styles)
            if found is not None:
                sheet.cells.add(sheet.row, first, *found, down=down, across=count)
        rows, columns = _count(attributes, Attribute.ROWS_SPANNED), _count(attributes, Attribute.COLUMNS_SPANNED)
        sheet.cells.merge(sheet.row, column, down=rows, across=columns)
        column += across


def _take_rows(sheet: OdsSheet, taken: TakenRows) -> None:
    """Take the cells of a run of rows."""
    found = taken.read(sheet.row, sheet.columns)
    sheet.cells.add_all(found.cells)
    for row, column, rows, columns in found.merges:
        sheet.cells.merge(row, column, down=rows, across=columns)


class _Stream:
    """Pieces of bytes as a file, for a parser that reads one."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1) -> bytes:
        # An empty one would be the end of the file.
        return next(filter(None, self._pieces), b"")


def _is_sheet(table: Any) -> bool:
    """Say whether a table that is within no other is a sheet: others belong to charts, or keep what other files had."""
    external = table.get(_NAME, "").startswith("'file:")
    return bool(table.getparent().tag == _SPREADSHEET and not external)


def _forget(element: Any) -> None:
    """Give back the memory of an element that was read, and of those before it."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _count(attributes: Mapping[str, str], attribute: Attribute) -> int:
    text = attributes.get(QUALIFIED[attribute])
    return min(max(1, int(text)), _FAR) if text is not None and text.isascii() and text.isdigit() else 1
