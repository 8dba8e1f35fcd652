"""The parts of an xlsx workbook: its sheets, styles and strings, and one sheet's cells; knows no datasets."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from .cells import Kind, SheetCells, assemble
from .container import Container
from .errors import rejected
from .numberformat import builtin_kind, format_kind
from .sharedstrings import shared_strings
from .sheetcells import SheetContext
from .sheetxml import SheetXml
from .xmltext import local_name, parse_xml, utf8_pieces

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from numpy.typing import NDArray

    from .cells import Visibility
    from .spec import Limits

_TRUE: Final = frozenset({"1", "true", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    name: str
    visibility: Visibility
    part: str


class XlsxBook:
    """An open xlsx workbook. A sheet is inflated and read when it is asked for."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self._container = Container(path, limits)
        try:
            self._part = self._main_part()
            self._root = parse_xml(self._container.read(self._part), self._part)
            self._targets = self._relations(self._part)
            self._sheets = self._find_sheets()
            self.date1904 = self._is_1904()
        except BaseException:
            self._container.close()
            raise
        self._strings: pa.LargeStringArray | None = None
        self._styles: NDArray[np.uint8] | None = None

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
        context = SheetContext(
            name=sheet.part,
            strings=self._shared_strings(),
            style_kinds=self._style_kinds(),
            date1904=self.date1904,
            max_cells=self._limits.cells,
        )
        xml = SheetXml(utf8_pieces(self._container.stream(sheet.part, ratio=True)), context)
        blocks = list(xml.blocks())
        return assemble(blocks, date1904=self.date1904, merges=xml.merges())

    def _main_part(self) -> str:
        if "_rels/.rels" in self._container:
            for kind, target in self._relations("").values():
                if kind == "officeDocument" and target in self._container:
                    return target
        if "xl/workbook.xml" in self._container:
            return "xl/workbook.xml"
        raise rejected("file.corrupt_container", "the container has no workbook part")

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return the relations of a part: id to last word of the type and full name of the target."""
        folder, name = posixpath.split(part)
        source = posixpath.join(folder, "_rels", f"{name}.rels")
        if source not in self._container:
            return {}
        found: dict[str, tuple[str, str]] = {}
        for element in parse_xml(self._container.read(source), source):
            target = element.get("Target", "").replace("\\", "/")
            full = target if target.startswith("/") else posixpath.join("/", folder, target)
            kind = element.get("Type", "").rpartition("/")[2]
            found[element.get("Id", "")] = (kind, posixpath.normpath(full).lstrip("/"))
        return found

    def _find_sheets(self) -> tuple[_Sheet, ...]:
        sheets = []
        for element in _children(self._root, "sheets"):
            relation = next((value for key, value in element.items() if local_name(key) == "id"), "")
            kind, part = self._targets.get(relation, ("", ""))
            if kind == "worksheet":
                state = element.get("state", "visible").lower()
                visibility: Visibility = (
                    "hidden" if state == "hidden" else "veryhidden" if state == "veryhidden" else "visible"
                )
                sheets.append(_Sheet(name=element.get("name", ""), visibility=visibility, part=part))
        return tuple(sheets)

    def _is_1904(self) -> bool:
        properties = next((item for item in self._root if local_name(item.tag) == "workbookPr"), None)
        return properties is not None and properties.get("date1904", "0").lower() in _TRUE

    def _part_of(self, kind: str) -> str | None:
        return next((part for known, part in self._targets.values() if known == kind and part in self._container), None)

    def _shared_strings(self) -> pa.LargeStringArray:
        if self._strings is None:
            part = self._part_of("sharedStrings")
            content = b"" if part is None else b"".join(utf8_pieces(self._container.stream(part)))
            empty = pa.array([], pa.large_string())
            self._strings = empty if part is None else shared_strings(content, part)
        return self._strings

    def _style_kinds(self) -> NDArray[np.uint8]:
        if self._styles is None:
            part = self._part_of("styles")
            self._styles = (
                np.array([Kind.NUMBER], np.uint8)
                if part is None
                else _style_kinds(parse_xml(self._container.read(part), part))
            )
        return self._styles


def _children(root: Element, name: str) -> list[Element]:
    """Return the children of the first child of that name."""
    return next((list(child) for child in root if local_name(child.tag) == name), [])


def _style_kinds(root: Element) -> NDArray[np.uint8]:
    """Return for each cell style whether it shows a number as such or as a date."""
    codes = {
        _number(item.get("numFmtId")): format_kind(item.get("formatCode", "")) for item in _children(root, "numFmts")
    }
    ids = [_number(item.get("numFmtId")) for item in _children(root, "cellXfs")]
    kinds = [codes[number] if number in codes else builtin_kind(number) for number in ids]
    return np.array(kinds or [Kind.NUMBER], np.uint8)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
