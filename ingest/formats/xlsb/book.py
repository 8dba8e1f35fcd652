"""The parts of an xlsb workbook: its sheets, styles and strings, and one sheet's cells; knows no datasets."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from ...cells.assembly import assemble
from ...cells.extent import Extent
from ...cells.number_format import NumberFormat, builtin_format, number_format
from ...cells.styles import CellStyles
from ...errors import rejected
from ...messages import say
from ..binary.stream import Stream
from ..failures import refused
from ..zip.opc import OpcBook, main_part, part_of, relations, visibility_of, worksheets
from .layout import STRINGS, XlsbLayout, each_record
from .sheet import NULL_TEXT, XlsbSheet, sized_texts

if TYPE_CHECKING:
    from pathlib import Path

    from ...cells.cells import SheetCells, Visibility
    from ...spec.dataset import FileLimits
    from ..zip.opc import SheetPart

# Numbers of records, [MS-XLSB] 2.3.2.
_STRING_ITEM, _FORMAT, _STYLE, _BEGIN_STYLES, _END_STYLES = 19, 44, 47, 617, 618
_SHEET, _BOOK_PROPERTIES = 156, 153

_INT: Final = struct.Struct("<I")
_STATES: Final = ("visible", "hidden", "veryhidden")


class XlsbBook(OpcBook):
    """An open xlsb workbook."""

    def __init__(self, path: Path, limits: FileLimits) -> None:
        super().__init__(path, limits)
        self._strings: pa.LargeStringArray | None = None
        self._styles: CellStyles | None = None

    def _opened(self) -> tuple[SheetPart, ...]:
        part = main_part(self._container, "xl/workbook.bin")
        self._targets = relations(self._container, part)
        self._date1904, sheets = self._read_book(part)
        return sheets

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: a part of the workbook is missing, damaged or beyond a limit.

        """
        sheet = self._sheets[index]
        stream = Stream(self._container.stream(sheet.part, ratio=True))
        extent = Extent(sheet.name, self._limits.cells)
        with refused(sheet.name, extent.row):
            try:
                reader = XlsbSheet(stream, self._shared_strings(), self._cell_styles(), extent)
                cells = assemble(reader.blocks(), date1904=self._date1904)
            except (IndexError, struct.error) as error:
                raise rejected("file.corrupt_container", say("the part {part} is damaged", part=sheet.part)) from error
            if reader.cut:
                raise rejected("file.truncated", say("{part} ends in the middle of its rows", part=sheet.part))
        # They stand behind the rows.
        return replace(cells, merges=tuple(reader.merges))

    def _read_book(self, part: str) -> tuple[bool, tuple[SheetPart, ...]]:
        stream = Stream(self._container.stream(part))
        content = stream.content[: stream.end]
        listed: list[tuple[str, str, Visibility]] = []
        date1904 = False
        try:
            for record, start in each_record(stream):
                if record == _BOOK_PROPERTIES:
                    date1904 = bool(content[start] & 1)
                elif record == _SHEET:
                    relation, following = _text(content, start + 8)
                    name, _ = _text(content, following)
                    state = _STATES[min(content[start] & 3, 2)]
                    listed.append((name, relation, visibility_of(state)))
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise rejected("file.corrupt_container", say("the workbook's list of sheets is damaged")) from error
        return date1904, worksheets(listed, self._targets)

    def _shared_strings(self) -> pa.LargeStringArray:
        if self._strings is None:
            stream = self._stream("sharedStrings")
            # Behind one byte of flags stands the text; what follows are its runs of formats and its phonetic guides.
            found = [
                sized_texts(stream, records.starts[records.numbers == _STRING_ITEM] + 1)
                for records in XlsbLayout(stream, STRINGS).spans()
            ]
            self._strings = pa.concat_arrays([pa.array([], pa.large_string()), *found])
        return self._strings

    def _cell_styles(self) -> CellStyles:
        if self._styles is None:
            self._styles = CellStyles(_formats(self._stream("styles")))
        return self._styles

    def _stream(self, name: str) -> Stream:
        """Return the part of that kind, empty if there is none."""
        part = part_of(self._container, self._targets, name)
        return Stream(() if part is None else self._container.stream(part))


def _formats(stream: Stream) -> list[NumberFormat]:
    """Return the number format of each cell style."""
    formats: dict[int, NumberFormat] = {}
    found: list[NumberFormat] = []
    within = False
    content = stream.content[: stream.end]
    for record, start in each_record(stream):
        if record == _FORMAT:
            formats[int.from_bytes(content[start : start + 2], "little")] = number_format(_text(content, start + 2)[0])
        elif record in (_BEGIN_STYLES, _END_STYLES):
            within = record == _BEGIN_STYLES
        elif record == _STYLE and within:
            number = int.from_bytes(content[start + 2 : start + 4], "little")
            found.append(formats[number] if number in formats else builtin_format(number))
    return found


def _text(content: bytes, place: int) -> tuple[str, int]:
    """Return a text with its length before it, and the place behind it; a length of -1 stands for none."""
    (length,) = _INT.unpack_from(content, place)
    if length == NULL_TEXT:
        return "", place + 4
    end = place + 4 + 2 * length
    if end > len(content):
        raise IndexError("a text is longer than its part")
    return content[place + 4 : end].decode("utf-16-le", "replace"), end
