"""The text of an OpenDocument cell as it is shown: paragraphs, spaces, tabs and breaks, without its notes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_SPACE: Final = re.compile(r"[ \t\r\n]+")
_APART: Final = frozenset({f"{_TEXT}note", f"{_TEXT}ruby-text", f"{_OFFICE}annotation", f"{_OFFICE}annotation-end"})
_MOST_SPACES: Final = 1 << 15


def cell_text(cell: Any) -> str:
    """Return the text of a cell, one line a paragraph."""
    return "\n".join(map(_paragraph, cell.iterchildren(f"{_TEXT}p", f"{_TEXT}h")))


def _paragraph(element: Any) -> str:
    """Return the text of a paragraph: white space collapses unless an element of its own stands for it.

    The standard has a last space removed, but LibreOffice writes it as it is, and reads it.
    """
    if not len(element):
        return _SPACE.sub(" ", element.text or "").removeprefix(" ")
    pieces: list[str] = []
    blank = True  # white space that begins a paragraph or follows other white space does not count
    for piece, literal in _pieces(element):
        text = piece if literal else _SPACE.sub(" ", piece)
        if not literal and blank:
            text = text.removeprefix(" ")
        if text:
            pieces.append(text)
            blank = not literal and text.endswith(" ")
    return "".join(pieces)


def _pieces(element: Any) -> Iterator[tuple[str, bool]]:
    """Yield the texts of an element, and whether each of them is to be taken as it is."""
    yield element.text or "", False
    for child in element:
        if child.tag == f"{_TEXT}s":
            count = child.get(f"{_TEXT}c", "1")
            yield " " * min(int(count), _MOST_SPACES) if count.isascii() and count.isdigit() else " ", True
        elif child.tag == f"{_TEXT}tab":
            yield "\t", True
        elif child.tag == f"{_TEXT}line-break":
            yield "\n", True
        elif isinstance(child.tag, str) and child.tag not in _APART:
            yield from _pieces(child)
        yield child.tail or "", False
