"""The parts of an xlsb workbook: its sheets, styles and strings, and one sheet's cells; knows no datasets."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from ..cells.cells import Kind, SheetCells
from ..cells.collector import CellCollector, number_text
from ..cells.error_values import error_text
from ..cells.number_format import NumberFormat, builtin_format, number_format
from ..cells.styles import CellStyles
from ..errors import rejected
from .failures import refused
from .zip.container import Container
from .zip.opc import main_part, part_of, relations, visibility_of, worksheets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..cells.cells import Visibility
    from ..spec.dataset import FileLimits
    from .zip.opc import SheetPart

# Numbers of records, [MS-XLSB] 2.3.2.
_ROW, _FIRST_CELL, _LAST_CELL, _RICH_CELL = 0, 1, 18, 62
_FIRST_SHORT_CELL: Final = 12
_STRING_ITEM, _FORMAT, _STYLE, _BEGIN_STYLES, _END_STYLES = 19, 44, 47, 617, 618
_MERGE, _SHEET, _BOOK_PROPERTIES = 176, 156, 153

_BLANKS: Final = frozenset({1, 12})
_SHARED: Final = frozenset({7, 18})
_BOOLEANS: Final = frozenset({4, 10, 15})
_ERRORS: Final = frozenset({3, 11, 14})
_REALS: Final = frozenset({5, 9, 16})
_PACKED: Final = frozenset({2, 13})
_STATES: Final = ("visible", "hidden", "veryhidden")
_MORE: Final = 0x80

_INT: Final = struct.Struct("<I")
_REAL: Final = struct.Struct("<d")
_RANGE: Final = struct.Struct("<4I")


class XlsbBook:
    """An open xlsb workbook. A sheet is inflated and read when it is asked for."""

    def __init__(self, path: Path, limits: FileLimits) -> None:
        self._limits = limits
        self._container = Container(path, limits)
        self._strings: list[str] | None = None
        self._styles: CellStyles | None = None
        try:
            part = main_part(self._container, "xl/workbook.bin")
            self._targets = relations(self._container, part)
            self._date1904, self._sheets = self._read_book(part)
        except BaseException:
            self._container.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each worksheet, in the order of the tabs."""
        return tuple((sheet.name, sheet.visibility) for sheet in self._sheets)

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: a part of the workbook is missing, damaged or beyond a limit.

        """
        sheet = self._sheets[index]
        cells = CellCollector(sheet.name, self._limits.cells)
        content = b"".join(self._container.stream(sheet.part, ratio=True))
        with refused(sheet.name, cells.row):
            try:
                self._read_cells(content, cells)
            except (IndexError, struct.error, UnicodeDecodeError) as error:
                raise rejected("file.corrupt_container", f"the part {sheet.part} is damaged") from error
        return cells.sheet(date1904=self._date1904)

    def _read_cells(self, content: bytes, cells: CellCollector) -> None:
        strings, styles = self._shared_strings(), self._cell_styles()
        row = column = -1
        for record, start, end in _records(content):
            if _FIRST_CELL <= record <= _LAST_CELL or record == _RICH_CELL:
                if _FIRST_SHORT_CELL <= record <= _LAST_CELL:
                    column += 1
                    value = start + 4
                else:
                    (column,) = _INT.unpack_from(content, start)
                    value = start + 8
                if record in _BLANKS:
                    continue
                kind, text = _value(record, content, value, strings)
                if kind == Kind.NUMBER:
                    style = int.from_bytes(content[value - 4 : value - 1], "little")
                    kind, text = styles.cell(style, text)
                cells.add(row, column, kind, text)
            elif record == _ROW:
                (row,) = _INT.unpack_from(content, start)
                column = -1
            elif record == _MERGE and end - start >= _RANGE.size:
                top, bottom, left, right = _RANGE.unpack_from(content, start)
                cells.merge(top, left, down=bottom - top + 1, across=right - left + 1)

    def _read_book(self, part: str) -> tuple[bool, tuple[SheetPart, ...]]:
        content = self._container.read(part)
        listed: list[tuple[str, str, Visibility]] = []
        date1904 = False
        try:
            for record, start, _ in _records(content):
                if record == _BOOK_PROPERTIES:
                    date1904 = bool(content[start] & 1)
                elif record == _SHEET:
                    relation, following = _text(content, start + 8)
                    name, _ = _text(content, following)
                    state = _STATES[min(content[start] & 3, 2)]
                    listed.append((name, relation, visibility_of(state)))
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise rejected("file.corrupt_container", "the workbook's list of sheets is damaged") from error
        return date1904, worksheets(listed, self._targets)

    def _shared_strings(self) -> list[str]:
        if self._strings is None:
            part = part_of(self._container, self._targets, "sharedStrings")
            content = b"" if part is None else self._container.read(part)
            # Behind one byte of flags stands the text; what follows are its runs of formats and its phonetic guides.
            self._strings = [
                _text(content, start + 1)[0] for record, start, _ in _records(content) if record == _STRING_ITEM
            ]
        return self._strings

    def _cell_styles(self) -> CellStyles:
        if self._styles is None:
            part = part_of(self._container, self._targets, "styles")
            self._styles = CellStyles(_formats(b"" if part is None else self._container.read(part)))
        return self._styles


def _formats(content: bytes) -> list[NumberFormat]:
    """Return the number format of each cell style."""
    formats: dict[int, NumberFormat] = {}
    found: list[NumberFormat] = []
    within = False
    for record, start, _ in _records(content):
        if record == _FORMAT:
            formats[int.from_bytes(content[start : start + 2], "little")] = number_format(_text(content, start + 2)[0])
        elif record in (_BEGIN_STYLES, _END_STYLES):
            within = record == _BEGIN_STYLES
        elif record == _STYLE and within:
            number = int.from_bytes(content[start + 2 : start + 4], "little")
            found.append(formats[number] if number in formats else builtin_format(number))
    return found


def _value(record: int, content: bytes, place: int, strings: list[str]) -> tuple[Kind, str]:
    """Return the kind and the text of the cell of a record whose value stands at a place."""
    if record in _SHARED:
        return Kind.TEXT, strings[_INT.unpack_from(content, place)[0]]
    if record in _REALS:
        return Kind.NUMBER, number_text(_REAL.unpack_from(content, place)[0])
    if record in _PACKED:
        return Kind.NUMBER, number_text(_packed(_INT.unpack_from(content, place)[0]))
    if record in _BOOLEANS:
        return Kind.BOOLEAN, str(content[place])
    if record in _ERRORS:
        return Kind.ERROR, error_text(content[place])
    return Kind.TEXT, _text(content, place + 1 if record == _RICH_CELL else place)[0]


def _packed(bits: int) -> float:
    """Return a number of 30 bits, [MS-XLSB] 2.5.122: an integer or the upper part of a double, or a 100th of it."""
    if bits & 2:
        number = float((bits >> 2) - (1 << 30 if bits >> 31 else 0))
    else:
        (number,) = _REAL.unpack(bytes(4) + _INT.pack(bits & ~3))
    return number / 100 if bits & 1 else number


def _text(content: bytes, place: int) -> tuple[str, int]:
    """Return a text with its length before it, and the place behind it; a length of -1 stands for none."""
    (length,) = _INT.unpack_from(content, place)
    if length == 0xFFFFFFFF:  # noqa: PLR2004  # a nullable string
        return "", place + 4
    end = place + 4 + 2 * length
    if end > len(content):
        raise IndexError("a text is longer than its part")
    return content[place + 4 : end].decode("utf-16-le", "replace"), end


def _records(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each record, and where its data begin and end.

    Raises:
        IndexError: the last one is cut.

    """
    place, last = 0, len(content)
    while place < last:
        record = content[place]
        place += 1
        if record >= _MORE:
            record += (content[place] - 1) << 7
            place += 1
        size = shift = 0
        while True:
            byte = content[place]
            place += 1
            size |= (byte & (_MORE - 1)) << shift
            if byte < _MORE:
                break
            shift += 7
        if place + size > last:
            raise IndexError("a record is longer than its part")
        yield record, place, place + size
        place += size
