"""The list of sheets of an xlsb workbook: which of them are worksheets; reads no cells (calamine does)."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from .container import Container
from .errors import rejected
from .xmltext import parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .spec import Limits

_BUNDLE_SHEET: Final = 156
"""BrtBundleSh, [MS-XLSB] 2.4.301: state, id, then relation and name, each a length and UTF-16."""
_MORE: Final = 0x80


def worksheets(path: Path, limits: Limits) -> list[bool]:
    """Say of each sheet, in the order of the tabs, whether it is a worksheet: others hold a chart or a dialog.

    Raises:
        FileRejectedError: the workbook's list of sheets is damaged.

    """
    with Container(path, limits) as container:
        folder = next((folder for folder in ("xl", "") if posixpath.join(folder, "workbook.bin") in container), "xl")
        relations = parse_xml(container.read(posixpath.join(folder, "_rels", "workbook.bin.rels")), "workbook.bin.rels")
        kinds = {element.get("Id"): element.get("Type", "").rpartition("/")[2] for element in relations}
        book = container.read(posixpath.join(folder, "workbook.bin"))
    try:
        return [kinds.get(relation) == "worksheet" for relation in _sheet_relations(book)]
    except (IndexError, UnicodeDecodeError) as error:
        raise rejected("file.corrupt_container", "the workbook's list of sheets is damaged") from error


def _sheet_relations(book: bytes) -> Iterator[str]:
    place = 0
    while place < len(book):
        kind, place = _number(book, place)
        size, place = _number(book, place)
        if kind == _BUNDLE_SHEET:
            length = int.from_bytes(book[place + 8 : place + 12], "little")
            yield book[place + 12 : place + 12 + 2 * length].decode("utf-16-le")
        place += size


def _number(book: bytes, place: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, the lowest first, and the place behind it."""
    number = shift = 0
    while True:
        byte = book[place]
        number |= (byte & (_MORE - 1)) << shift
        place, shift = place + 1, shift + 7
        if byte < _MORE:
            return number, place
