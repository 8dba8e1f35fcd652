"""Where the rows and cells of a chunk of sheet XML begin and end, by the positions of their tags; reads no cells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ...cells.byte_set import ByteSet
from ..zip.xml_bytes import MASKS, begins, quoted_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, Words, XmlBytes

_EDGES: Final = (b"c", b"r", b"/r")
"""How the tags of cells and of rows begin, and some others."""
_BEHIND_NAME: Final = ByteSet(b" \t\r\n/>")
_ROW_START: Final = b'<row r="'
_NUMBER: Final = re.compile(rb"[0-9]{1,7}")
_ROW_TAG: Final = re.compile(rb"<row((?:\s+[\w:.-]+=(?:\"[^\"<]*\"|'[^'<]*'))*)\s*/?>\s*")
_ROW_ATTRIBUTE: Final = re.compile(rb"\s(r)=([\"'])(.*?)\2|\s[\w:.-]+=(?:\"[^\"]*\"|'[^']*')")


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
    """Where the tags of rows and cells begin (`edges`), and of each cell where it begins, what follows it, its row."""

    edges: Places
    are_cells: Mask
    cells: Places
    following: Places
    row_of: NDArray[np.int64]
    rows: SheetRows


def find_tags(xml: XmlBytes) -> SheetTags | None:
    """Return where rows and cells are; None unless the chunk is nothing but whole rows, as far as their tags say it.

    What stands between these tags is for `accounted` to say.
    """
    edges = xml.tags_with(_EDGES)
    are_cells = xml.at[1:][edges] == ord("c")
    fine = are_cells & _BEHIND_NAME.has(xml.at[2:][edges])
    others = np.flatnonzero(~are_cells)
    words = xml.words(edges[others])
    opens = begins(words, b"<row") & _BEHIND_NAME.has((words >> np.uint64(32)).astype(np.uint8))
    fine[others] = opens | begins(words, b"</row>")
    if not fine.all():
        opens = opens[fine[others]]
        edges, are_cells = edges[fine], are_cells[fine]
        others = np.flatnonzero(~are_cells)
    following = np.append(edges[1:], xml.size)
    if (
        not opens.any()
        or are_cells[0]
        or xml.before_space(edges[:1])[0]
        or not _whole(xml, edges, following, others, opens)
    ):
        return None
    starts = others[opens]
    rows = _rows(xml, edges[starts], following[starts])
    if rows is None:
        return None
    heights = np.diff(np.append(others, len(edges)))[opens] - 1
    return SheetTags(
        edges=edges,
        are_cells=are_cells,
        cells=edges[are_cells],
        following=following[are_cells],
        row_of=np.repeat(np.arange(len(heights)), heights),
        rows=rows,
    )


def accounted(xml: XmlBytes, found: SheetTags, expected: NDArray[np.int64]) -> Mask | None:
    """Say which cells hold as many tags as expected (0: nobody knows).

    None if there is anything else than elements, or a tag between those of rows and cells.
    """
    if (expected > 0).all() and xml.count(b"<") == len(found.edges) - len(expected) + int(expected.sum()):
        return np.ones(len(expected), np.bool_)
    tags = xml.tags()
    first = xml.at[1:][tags]
    counts = np.diff(np.append(np.searchsorted(tags, found.edges), len(tags)))
    if (first == ord("!")).any() or (first == ord("?")).any() or (counts[~found.are_cells] != 1).any():
        return None
    same: Mask = counts[found.are_cells] == expected
    return same


def _whole(xml: XmlBytes, edges: Places, following: Places, others: NDArray[np.int64], opens: Mask) -> bool:
    """Say whether rows begin and end in turn, cells are in rows, and no text is between them."""
    ends = xml.before_space(following[others])
    if (ends[~opens] != edges[others[~opens]] + len(b"</row>")).any():
        return False
    if (xml.at[ends[opens] - 1] != ord(">")).any():
        return False
    closed = opens & (xml.at[ends - 2] == ord("/"))
    inside = opens & ~closed
    # Cells stand only behind the beginning of a row that does not end at once.
    with_cells = np.diff(np.append(others, len(edges))) > 1
    turns = ~opens[~closed]
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
    if (usual & (numbers < 0)).any():
        return None
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
    numbers = [number for name, _, number in _ROW_ATTRIBUTE.findall(found[1]) if name] if found else [b""]
    if not numbers:
        return -1
    return int(numbers[0]) - 1 if len(numbers) == 1 and _NUMBER.fullmatch(numbers[0]) and int(numbers[0]) else None
