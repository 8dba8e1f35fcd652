"""The text of an OpenDocument cell as it is shown: paragraphs, spaces, tabs and breaks, without its notes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...cells.arrow_masks import bytes_of, offsets_of, with_places
from ..zip.references import NAMED
from .names import OFFICE, TEXT, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_WHITE: Final = "[ \t\r\n]+"
_SPACE: Final = re.compile(_WHITE)
_PARAGRAPH, _HEADING = qualified(TEXT, "p", "h")
_BLANKS, _TAB, _BREAK = qualified(TEXT, "s", "tab", "line-break")
_COUNT: Final = qualified(TEXT, "c")[0]
_APART: Final = frozenset({*qualified(TEXT, "note", "ruby-text"), *qualified(OFFICE, "annotation", "annotation-end")})
_MOST_SPACES: Final = 1 << 15


def cell_text(cell: Any) -> str:
    """Return the text of a cell, one line a paragraph."""
    return "\n".join(map(_paragraph, cell.iterchildren(_PARAGRAPH, _HEADING)))


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
        if child.tag == _BLANKS:
            count = child.get(_COUNT, "1")
            yield " " * min(int(count), _MOST_SPACES) if count.isascii() and count.isdigit() else " ", True
        elif child.tag == _TAB:
            yield "\t", True
        elif child.tag == _BREAK:
            yield "\n", True
        elif isinstance(child.tag, str) and child.tag not in _APART:
            yield from _pieces(child)
        yield child.tail or "", False


def paragraph_texts(raw: pa.LargeStringArray, where: Mask) -> pa.LargeStringArray:
    """Return texts as they stand in the XML, those of paragraphs without elements as they are shown."""
    rare = where & _rare(raw)
    if not rare.any():
        return raw
    found = raw.filter(pa.array(rare))
    for reference, character in NAMED.items():
        found = pc.replace_substring(found, reference, character)
    found = pc.utf8_ltrim(pc.replace_substring_regex(found, _WHITE, " "), " ")
    return pc.replace_with_mask(raw, pa.array(rare), found)


def _rare(texts: pa.LargeStringArray) -> Mask:
    """Say which texts may hold a reference or white space that is not shown as it is."""
    offsets, content = offsets_of(texts), bytes_of(texts)
    if not len(content):
        return np.zeros(len(texts), np.bool_)
    blank = content == ord(" ")
    odd = np.flatnonzero((content == ord("&")) | (content < ord(" ")))
    double = np.flatnonzero(blank[1:] & blank[:-1])
    rare = with_places(texts, np.append(odd, double))
    firsts = np.minimum(offsets[:-1] - offsets[0], len(content) - 1)
    rare |= blank[firsts] & (offsets[1:] > offsets[:-1])
    return rare
