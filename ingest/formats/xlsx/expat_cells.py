"""Rows of sheet XML in any form, read cell by cell with an XML parser: slow, exact, and rarely needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

from ...cells.cells import column_index
from ...errors import rejected
from ...messages import say
from ..failures import refused
from ..zip.xml_text import excel_text, refuse_no_memory
from .cell_values import INLINE, TEXT_RESULT, UNSET

_ROW_NUMBER: Final = re.compile("[0-9]{1,7}")
_MOST_STYLES: Final = 10**6
"""Beyond what the other ways of reading take for a style; no workbook has so many."""
_REFERENCE: Final = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")


@dataclass(slots=True, kw_only=True)
class RawCell:
    """One cell as the XML has it, at its 0-based place.

    `value` is that of `<v>`, `valued` if there is one, `inline` the text of `<is>`, None without one.
    """

    row: int
    column: int
    type: str = ""
    style: int = 0
    formula: bool = False
    value: str = ""
    valued: bool = False
    inline: str | None = None


def parse_cells(chunk: bytes, row: int, name: str) -> tuple[list[RawCell], int]:
    """Return the cells of whole rows, and the 0-based number of the row that would follow.

    `row` is the one that a first row without a number has.

    Raises:
        FileRejectedError: the XML is damaged.

    """
    reader = _Reader(row, name)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    with refused(row=reader.place):
        try:
            parser.Parse(b"<rows>")
            parser.Parse(chunk)
            parser.Parse(b"</rows>", True)  # noqa: FBT003  # it takes no keyword
        except (expat.ExpatError, ValueError) as error:
            refuse_no_memory(error)
            message = say(
                "{part} is not well-formed XML near row {row}: {error}", part=name, row=reader.place(), error=error
            )
            raise rejected("file.corrupt_xml", message) from error
    return reader.cells, reader.row + 1


class _Reader:
    def __init__(self, row: int, name: str) -> None:
        self.cells: list[RawCell] = []
        self.row = row - 1
        self._name = name
        self._column = -1
        self._placed = True
        self._cell: RawCell | None = None
        self._pieces: list[str] | None = None
        self._preserve = False
        self._phonetic = 0

    def place(self) -> int:
        """Return the 1-based row that is being read."""
        return self.row + 1

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "row":
            number = attributes.get("r", "")
            self.row = int(number) - 1 if _ROW_NUMBER.fullmatch(number) else self.row + 1
            self._placed = not number or _ROW_NUMBER.fullmatch(number) is not None
            self._column = -1
        elif name == "c":
            self._open(attributes)
        elif name == "f" and self._cell is not None:
            self._cell.formula = True
        elif name == "is" and self._cell is not None:
            self._cell.inline = self._cell.inline or ""
        elif name == "rPh":
            self._phonetic += 1
        elif name in ("v", "t") and not self._phonetic:
            self._pieces = []
            self._preserve = attributes.get("xml:space") == "preserve"

    def _open(self, attributes: dict[str, str]) -> None:
        row, column = self.row, self._column + 1
        # A row's number that is none matters to nobody where every cell says by itself where it stands.
        if not self._placed and "r" not in attributes:
            raise rejected("file.corrupt_xml", say("{part} has a cell in a row that is nowhere", part=self._name))
        if "r" in attributes:
            match = _REFERENCE.fullmatch(attributes["r"])
            if match is None:
                raise rejected(
                    "file.corrupt_xml",
                    say("{part} has a cell at {place}", part=self._name, place=repr(attributes["r"][:40])),
                )
            row, column = int(match[2]) - 1, column_index(match[1].upper())
        self._column = column
        style = min(max(0, int(attributes.get("s", "") or "0")), _MOST_STYLES)
        self._cell = RawCell(row=row, column=column, type=attributes.get("t", ""), style=style)

    def data(self, text: str) -> None:
        if self._pieces is not None:
            self._pieces.append(text)

    def end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name in ("v", "t") and self._pieces is not None:
            self._close_text(name)
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "c" and self._cell is not None:
            cell, self._cell = self._cell, None
            if cell.inline is not None and (cell.type == INLINE or not cell.value):
                cell.type, cell.value = INLINE, cell.inline
            elif cell.formula and cell.type == TEXT_RESULT and not cell.valued:
                cell.type = UNSET
            self.cells.append(cell)

    def _close_text(self, name: str) -> None:
        text = excel_text("".join(self._pieces or ()), preserve=self._preserve)
        self._pieces = None
        if self._cell is None:
            return
        if name == "v":
            self._cell.value, self._cell.valued = text, True
        elif self._cell.inline is not None:
            self._cell.inline += text
