"""The parts of an xlsx workbook: its sheets, styles and strings, and one sheet's cells; knows no datasets."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from ...cells.assembly import assemble
from ...cells.number_format import builtin_format, number_format
from ...cells.styles import CellStyles
from ...errors import rejected
from ...messages import say
from ...parallel import beside
from ..zip.opc import OpcBook, SheetPart, main_part, part_of, relations, visibility_of, worksheets
from ..zip.xml_text import local_name, parse_xml, utf8_pieces
from .cell_values import SheetContext
from .listed_tables import totals_rows
from .shared_strings import shared_strings
from .sheet import SheetXml

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from ...cells.cells import SheetCells
    from ...cells.number_format import NumberFormat
    from ...spec.dataset import FileLimits

_WORTH_A_THREAD: Final = 1 << 20
"""Bytes of shared strings: less is read while a thread would begin."""
_TRUE: Final = frozenset({"1", "true", "on"})


class XlsxBook(OpcBook):
    """An open xlsx workbook."""

    def __init__(self, path: Path, limits: FileLimits) -> None:
        super().__init__(path, limits)
        self._strings: pa.LargeStringArray | None = None
        self._styles: CellStyles | None = None

    def _opened(self) -> tuple[SheetPart, ...]:
        part = main_part(self._container, "xl/workbook.xml")
        self._root = parse_xml(self._container.read(part), part)
        if local_name(self._root.tag) != "workbook":
            raise rejected(
                "file.format_unknown",
                say("the file is a {name}, not a workbook", name=local_name(self._root.tag)),
            )
        self._targets = relations(self._container, part)
        self.date1904 = self._is_1904()
        return self._find_sheets()

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: a part of the workbook is missing, damaged or beyond a limit.

        """
        sheet = self._sheets[index]
        with self._shared_strings() as strings:
            try:
                context = SheetContext(
                    name=sheet.part,
                    strings=strings,
                    styles=self._cell_styles(),
                    date1904=self.date1904,
                    max_cells=self._limits.cells,
                )
                cells = self._read(sheet, context)
                found, zeroed = context.results, context.results.zeros and self._asks_for_results()
                if (found.unset or zeroed) and not found.others:
                    cells = self._read(sheet, replace(context, uncalculated=True, zeroed=zeroed))
            finally:
                # What is wrong with them is told before anything of the sheet.
                self._strings = strings()
        return replace(cells, totals=totals_rows(self._container, sheet.part))

    def _read(self, sheet: SheetPart, context: SheetContext) -> SheetCells:
        pieces = utf8_pieces(self._container.stream(sheet.part, ratio=True))
        xml = SheetXml(pieces, self._container.size(sheet.part), context)
        # A program that sees two rows of one number shows one of them.
        cells = assemble(xml.blocks(), date1904=self.date1904, once=True)
        # They stand behind the rows.
        return replace(cells, merges=tuple(xml.merges()))

    def _asks_for_results(self) -> bool:
        """Say whether whoever opens the workbook has to calculate it: what wrote it did not.

        Libraries that write formulas put zeros there as their results (ECMA-376-1, 18.2.2, fullCalcOnLoad).
        """
        return any(
            local_name(item.tag) == "calcPr" and item.get("fullCalcOnLoad", "0").lower() in _TRUE for item in self._root
        )

    def _find_sheets(self) -> tuple[SheetPart, ...]:
        listed = [
            (
                element.get("name", ""),
                next((value for key, value in element.items() if local_name(key) == "id"), ""),
                visibility_of(element.get("state", "")),
            )
            for element in _children(self._root, "sheets")
        ]
        return worksheets(listed, self._targets)

    def _is_1904(self) -> bool:
        properties = next((item for item in self._root if local_name(item.tag) == "workbookPr"), None)
        return properties is not None and properties.get("date1904", "0").lower() in _TRUE

    def _shared_strings(self) -> AbstractContextManager[Callable[[], pa.LargeStringArray]]:
        """Begin to read the strings, of which most are found while the sheet is inflated."""
        known = self._strings
        if known is not None:
            return nullcontext(lambda: known)
        part = part_of(self._container, self._targets, "sharedStrings")
        if part is None:
            return nullcontext(lambda: pa.array([], pa.large_string()))
        content = b"".join(utf8_pieces(self._container.stream(part)))
        if len(content) < _WORTH_A_THREAD:
            few = shared_strings(content, part)
            return nullcontext(lambda: few)
        return beside(partial(shared_strings, content, part))

    def _cell_styles(self) -> CellStyles:
        if self._styles is None:
            part = part_of(self._container, self._targets, "styles")
            forms = [] if part is None else _formats(parse_xml(self._container.read(part), part))
            self._styles = CellStyles(forms)
        return self._styles


def _children(root: Element, name: str) -> list[Element]:
    """Return the children of the first child of that name."""
    return next((list(child) for child in root if local_name(child.tag) == name), [])


def _formats(root: Element) -> list[NumberFormat]:
    """Return the number format of each cell style."""
    codes = {
        _number(item.get("numFmtId")): number_format(item.get("formatCode", "")) for item in _children(root, "numFmts")
    }
    ids = [_number(item.get("numFmtId")) for item in _children(root, "cellXfs")]
    return [codes[number] if number in codes else builtin_format(number) for number in ids]


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0
