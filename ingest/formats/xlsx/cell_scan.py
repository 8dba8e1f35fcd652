"""Cells of a sheet's XML in the form in which nearly every writer puts them, found by whole columns of bytes.

Positions of `<` and `"` are looked up once; everything else is arithmetic on them and comparing bytes. A cell counts
only if every byte of it is accounted for: any other goes to the regular expression, and from there to the XML parser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cell_values import INLINE, TYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Places = NDArray[np.int64]

_LONGEST_TYPE: Final = max(map(len, TYPES))
_CODES: Final = np.zeros((_LONGEST_TYPE + 2, 256), np.int8)
"""The only type that a text of that length and first letter can be; 0 if there is none. Dates are too rare."""
for _name in set(TYPES) - {"", "d"}:
    _CODES[len(_name), ord(_name[0])] = TYPES.index(_name)
_BEHIND: Final = r"^\s*(?:(?:</row>|<row(?: [^>]*)?>)\s*)*$"
_PADDING: Final = 64
_MOST_DIGITS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCells:
    """The cells of a chunk in their order; where `found` is false, nothing but `texts` is known of them.

    `types` are indexes of `TYPES`; `values` are the bytes of `<v>`, or of `<is><t>`, as they stand in the XML. `texts`
    are whole cells, from behind `<c `, of those that were not found.
    """

    found: Mask
    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    styles: NDArray[np.int32]
    types: NDArray[np.int8]
    values: pa.LargeBinaryArray
    texts: pa.LargeBinaryArray
    before: bytes


class _Bytes:
    """A chunk's bytes, with enough zeros behind them that looking ahead never leaves them."""

    def __init__(self, chunk: bytes) -> None:
        self.size = len(chunk)
        self.at = np.frombuffer(chunk + bytes(_PADDING), np.uint8)

    def equal(self, places: Places, text: bytes) -> Mask:
        """Say at which places the text stands."""
        found: Mask = self.at[places] == text[0]
        for offset, byte in enumerate(text[1:], start=1):
            found &= self.at[places + offset] == byte
        return found

    def cut(self, starts: Places, ends: Places) -> pa.LargeBinaryArray:
        """Return the bytes between places as an array."""
        lengths = ends - starts
        offsets = np.zeros(len(starts) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        index = np.repeat(starts - offsets[:-1], lengths)
        index += np.arange(len(index))
        return pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(self.at[index])]
        )

    def number(self, starts: Places, ends: Places, most: int) -> tuple[NDArray[np.int64], Mask]:
        """Return decimal numbers of up to `most` digits between places, and which of them are such."""
        lengths = ends - starts
        numbers = np.zeros(len(starts), np.int64)
        fine: Mask = (lengths > 0) & (lengths <= most)
        for place in range(most):
            here = lengths > place
            if not here.any():
                break
            digits = self.at[np.maximum(ends - 1 - place, 0)].astype(np.int64) - ord("0")
            fine &= ~here | ((digits >= 0) & (digits <= 9))  # noqa: PLR2004  # decimal digits
            numbers += np.where(here, digits, 0) * 10**place
        return numbers, fine


def find_cells(chunk: bytes) -> FoundCells:
    """Return the cells of a chunk of rows."""
    text = _Bytes(chunk)
    opening = np.flatnonzero(text.at == ord("<"))
    starts = opening[text.equal(opening, b"<c ")] + len(b"<c ")
    ends = np.append(starts[1:] - len(b"<c "), text.size)
    before = chunk[: int(starts[0]) - len(b"<c ")] if len(starts) else chunk
    quotes = np.flatnonzero(text.at == ord('"'))
    reference = np.searchsorted(quotes, starts + len("r="))
    quotes = np.append(quotes, np.full(8, text.size, np.int64))
    found = text.equal(starts, b'r="')
    first, last = quotes[reference] + 1, quotes[reference + 1]
    rows, columns, fine = _places(text, first, last)
    found &= fine
    styles, types, close, fine = _attributes(text, quotes, reference + 1)
    found &= fine
    value_start, value_end, cell_end, inline, fine = _content(text, opening, close)
    types = np.where(inline, np.int8(TYPES.index(INLINE)), types)
    found &= fine & (cell_end <= ends)
    found[found] = _nothing_behind(text, cell_end[found], ends[found])
    some = np.where(found, value_start, 0), np.where(found, value_end, 0)
    return FoundCells(
        found=found,
        rows=rows.astype(np.int32),
        columns=columns.astype(np.int32),
        styles=styles.astype(np.int32),
        types=types,
        values=text.cut(*some),
        texts=text.cut(starts[~found], ends[~found]),
        before=before,
    )


def _places(text: _Bytes, first: Places, last: Places) -> tuple[Places, Places, Mask]:
    """Return 0-based rows and columns of references in A1 form, and which of them are such."""
    letters = text.at[first].astype(np.int64) - ord("A") + 1
    fine: Mask = (letters >= 1) & (letters <= 26)  # noqa: PLR2004  # A to Z
    columns, digits = letters, first + 1
    more = fine
    for _ in range(2):
        letters = text.at[digits].astype(np.int64) - ord("A") + 1
        more = more & (letters >= 1) & (letters <= 26)  # noqa: PLR2004  # A to Z
        columns = np.where(more, columns * 26 + letters, columns)
        digits = digits + more
    rows, numbers = text.number(digits, last, _MOST_DIGITS)
    return rows - 1, columns - 1, fine & numbers


def _attributes(text: _Bytes, quotes: Places, quote: Places) -> tuple[Places, NDArray[np.int8], Places, Mask]:
    """Return style, type and the place behind the last attribute; `quote` is the index of the one before them."""
    styles = np.zeros(len(quote), np.int64)
    fine = np.ones(len(quote), np.bool_)
    here = text.equal(quotes[quote] + 1, b' s="')
    numbers, decimal = text.number(quotes[quote + 1] + 1, quotes[quote + 2], _MOST_DIGITS - 1)
    styles[here] = numbers[here]
    fine &= ~here | decimal
    quote = quote + 2 * here
    here = text.equal(quotes[quote] + 1, b' t="')
    start, lengths = quotes[quote + 1] + 1, quotes[quote + 2] - quotes[quote + 1] - 1
    types = np.where(here, _CODES[np.minimum(lengths, _LONGEST_TYPE + 1), text.at[start]], 0)
    known = ~here | (types > 0)
    for code, name in enumerate(TYPES):
        if len(name) > 1:
            one = np.flatnonzero(types == code)
            known[one] = text.equal(start[one], name.encode())
    return styles, types, quotes[quote + 2 * here] + 1, fine & known


def _content(text: _Bytes, opening: Places, close: Places) -> tuple[Places, Places, Places, Mask, Mask]:
    """Return where each value begins and ends, where its cell ends, which are inline texts and of a known form at all.

    `close` is the place of what closes the opening tag: `/>`, or `>` with `<v>`, `<is><t>` or nothing behind it.
    """
    start, end, cell_end = close.copy(), close.copy(), close.copy()
    empty = text.equal(close, b"/>")
    cell_end[empty] += len(b"/>")
    bare = text.equal(close, b"></c>")
    cell_end[bare] += len(b"></c>")
    fine = empty | bare
    inline = np.zeros(len(close), np.bool_)
    following = np.append(opening, np.full(4, text.size, np.int64))
    index = np.searchsorted(opening, close)
    for head, skipped, tail in ((b"><v>", 1, b"</v></c>"), (b"><is><t>", 2, b"</t></is></c>")):
        here = ~fine
        here[here] = text.equal(close[here], head)
        stop = following[index[here] + skipped]
        begin = close[here] + len(head)
        whole = (stop >= begin) & text.equal(stop, tail)
        place = np.flatnonzero(here)[whole]
        start[place], end[place] = begin[whole], stop[whole]
        cell_end[place] = stop[whole] + len(tail)
        fine[place] = True
        inline[place] = head != b"><v>"
    return start, end, cell_end, inline, fine


def _nothing_behind(text: _Bytes, cell_ends: Places, ends: Places) -> Mask:
    """Say of which cells nothing but the ends and beginnings of rows follows before the next one."""
    fine: Mask = cell_ends == ends
    rest = np.flatnonzero(~fine)
    between = text.cut(cell_ends[rest], ends[rest])
    fine[rest] = pc.match_substring_regex(between, _BEHIND).to_numpy(zero_copy_only=False)
    return fine
