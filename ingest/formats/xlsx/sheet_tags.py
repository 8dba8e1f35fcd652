"""Where the rows and cells of a chunk of sheet XML begin and end, by the positions of all its tags; reads no cells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ..zip.xml_bytes import MASKS, begins, quoted_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Places, Words, XmlBytes

AHEAD: Final = 8
"""So many tags that are none stand behind the last one: a look ahead at the tags of a cell never leaves them."""
_CELL, _ROW, _ROW_END = 1, 2, 3
_KINDS: Final = np.zeros(256, np.uint8)
"""By what follows the `<`."""
_KINDS[[ord("c"), ord("r"), ord("/")]] = _CELL, _ROW, _ROW_END
_BEHIND_NAME: Final = np.isin(np.arange(256), np.frombuffer(b" \t\r\n/>", np.uint8))
_ROW_START: Final = b'<row r="'
_NUMBER: Final = re.compile(rb"[0-9]{1,7}")
_ROW_TAG: Final = re.compile(rb"<row((?:\s+[\w:.-]+=(?:\"[^\"<]*\"|'[^'<]*'))*)\s*/?>\s*")
_ROW_ATTRIBUTE: Final = re.compile(rb"\s(r)=[\"']([^\"']*)[\"']|\s[\w:.-]+=(?:\"[^\"]*\"|'[^']*')")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRows:
    """The rows of a chunk: where each begins (and the last one ends), its 0-based number or -1, and as it is written.

    `written` are the digits of the number with the quotation mark behind them, `masks` the bits that they take in a
    word, `digits` how many they are; 0 if the row's tag is not a usual one.
    """

    bounds: Places
    numbers: NDArray[np.int64]
    written: Words
    masks: Words
    digits: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetTags:
    """The tags of a chunk, and of each cell its tag, the one that follows it and its row."""

    tags: Places
    cells: NDArray[np.int64]
    following: NDArray[np.int64]
    row_of: NDArray[np.int64]
    rows: SheetRows


def find_tags(xml: XmlBytes) -> SheetTags | None:
    """Return where rows and cells are; None unless the chunk is nothing but whole rows of elements."""
    tags = xml.tags()
    first, second = xml.at[1:][tags], xml.at[2:][tags]
    if not len(tags) or (first == ord("!")).any() or (first == ord("?")).any():
        return None
    edges = np.flatnonzero(
        ((first == ord("c")) & _BEHIND_NAME[second])
        | ((first == ord("r")) & (second == ord("o")))
        | ((first == ord("/")) & (second == ord("r")))
    )
    kinds = _KINDS[first[edges]]
    others = np.flatnonzero(kinds != _CELL)
    words = xml.words(tags[edges[others]])
    is_row = begins(words, b"<row") & _BEHIND_NAME[(words >> np.uint64(32)).astype(np.uint8)]
    strange = others[~is_row & ~begins(words, b"</row>")]
    if len(strange):
        edges, kinds = np.delete(edges, strange), np.delete(kinds, strange)
    following = np.append(edges[1:], len(tags))
    tags = np.append(tags, np.full(AHEAD, xml.size))
    opens, are_cells = kinds == _ROW, kinds == _CELL
    if not opens.any() or edges[0] or xml.before_space(tags[:1])[0]:
        return None
    if not _whole(xml, tags, edges, following, kinds):
        return None
    rows = _rows(xml, tags[edges[opens]], tags[following[opens]])
    if rows is None:
        return None
    return SheetTags(
        tags=tags,
        cells=edges[are_cells],
        following=following[are_cells],
        row_of=(np.cumsum(opens) - 1)[are_cells],
        rows=rows,
    )


def _whole(
    xml: XmlBytes, tags: Places, edges: NDArray[np.int64], following: NDArray[np.int64], kinds: NDArray[np.uint8]
) -> bool:
    """Say whether rows begin and end in turn, cells are in rows, and nothing else is between them."""
    others = np.flatnonzero(kinds != _CELL)
    if (following[others] != edges[others] + 1).any():
        return False
    ends = xml.before_space(tags[following[others]])
    is_end = kinds[others] == _ROW_END
    if (ends[is_end] != tags[edges[others[is_end]]] + len(b"</row>")).any():
        return False
    if (xml.at[ends[~is_end] - 1] != ord(">")).any():
        return False
    closed = ~is_end & (xml.at[ends - 2] == ord("/"))
    inside = ~is_end & ~closed
    # Cells stand only behind the beginning of a row that does not end at once.
    with_cells = np.diff(np.append(others, len(kinds))) > 1
    turns = is_end[~closed]
    alternate = len(turns) % 2 == 0 and not turns[::2].any() and bool(turns[1::2].all())
    # An empty row may not stand in another one.
    before = np.append(False, inside[:-1])  # a value, not a flag
    return alternate and not (with_cells & ~inside).any() and not (closed & before).any()


def _rows(xml: XmlBytes, starts: Places, ends: Places) -> SheetRows | None:
    words = xml.words(starts + len(_ROW_START))
    usual = xml.stands(_ROW_START, starts)
    numbers, digits, fine = quoted_numbers(words)
    usual &= fine
    numbers -= 1
    for place in np.flatnonzero(~usual).tolist():
        number = _number(xml.bytes[int(starts[place]) : int(ends[place])])
        if number is None:
            return None
        numbers[place], digits[place] = number, 0
    masks = MASKS[digits + 1]
    bounds = np.append(starts, xml.size)
    return SheetRows(bounds=bounds, numbers=numbers, written=words & masks, masks=masks, digits=digits)


def _number(tag: bytes) -> int | None:
    """Return the 0-based number of a row, -1 if it has none; None if the tag is of a form that only a parser knows."""
    found = _ROW_TAG.fullmatch(tag)
    numbers = [number for name, number in _ROW_ATTRIBUTE.findall(found[1]) if name] if found else [b""]
    if not numbers:
        return -1
    return int(numbers[0]) - 1 if len(numbers) == 1 and _NUMBER.fullmatch(numbers[0]) else None
