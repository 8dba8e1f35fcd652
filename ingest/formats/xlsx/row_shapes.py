"""Rows of one shape in a sheet's XML, read by whole columns; knows nothing of what the cells mean.

Nearly every row of a table is put down like the one above it: the same tags, other values. One row of each shape is
taken apart with care; what stands between its values is then compared with the same places of all others, byte by
byte. A row that differs anywhere, and any row of a shape that is rare or unusual, is left to others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ...cells.cells import column_index
from .cell_values import INLINE, TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Places = NDArray[np.int64]

_ROWS_OF_A_SHAPE: Final = 24
"""Below this, taking a shape apart costs more than it saves."""
_ROWS_OF_A_CHUNK: Final = 200
"""Of fewer rows, all cells at once are read faster than each column by itself."""
_PADDING: Final = 4096
"""No stretch between two values may be longer: looking ahead must not leave the bytes."""
_WORD: Final = 16
_BATCH_BYTES: Final = 1 << 20
"""What is compared at once should stay in a core's own cache."""
_MOST_DIGITS: Final = 7
_ROW_TAG: Final = b'<row r="'
_CELL: Final = re.compile(
    rb'<c((?: [A-Za-z:]+="[^"<>]*")+)(?:/>|>(?:<f[^<>]*/>|<f[^<>]*>([^<]*)</f>)?'
    rb"(?:<v(?: xml:space=\"(preserve)\")?>([^<]*)</v>|<v/>"
    rb"|<is><t(?: xml:space=\"(preserve)\")?>([^<]*)</t></is>)?</c>)"
)
_ATTRIBUTE: Final = re.compile(rb' ([A-Za-z:]+)="([^"<>]*)"')
_FORMULA: Final = 2
_VALUES: Final = (4, 6)
_PRESERVES: Final = (3, 5)
_REFERENCE: Final = re.compile(rb"([A-Z]{1,3})([0-9]{1,7})")
_STYLE: Final = re.compile(rb"[0-9]{1,6}")
_CODES: Final = {name.encode(): code for code, name in enumerate(TYPES) if name != "d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRows:
    """What was read of a chunk, from the 0-based row `first` on, and the XML of the rows left over.

    `columns` are the 0-based sheet columns; types (places in `TYPES`), styles and marks have a line for each of them
    and a place for each row, the values lie column after column. Where a row has no such cell, or was left to others,
    the value is empty.
    """

    first: int
    rows: int
    columns: tuple[int, ...]
    codes: NDArray[np.int8]
    styles: NDArray[np.int32]
    formulas: Mask
    preserve: Mask
    values: pa.LargeBinaryArray
    left_rows: NDArray[np.int64]
    left: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """What stands between two values: at which tag of the row it begins, its bytes, and where the row's number is."""

    tag: int
    text: bytes
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One cell of a shape; its value lies between two stretches, `value` being the first of them, if it has one."""

    column: int
    code: int
    style: int
    formula: bool
    preserve: bool
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    cells: tuple[_Cell, ...]
    stretches: tuple[_Stretch, ...]


class _Chunk:
    """The bytes of whole rows, where their tags are, and which row each belongs to."""

    def __init__(self, chunk: bytes) -> None:
        self.bytes = chunk + bytes(_PADDING)
        self.at = np.frombuffer(self.bytes, np.uint8)
        self.tags = np.flatnonzero(self.at == ord("<"))
        names = self.at[self.tags + 1]
        self.declares = bool((names == ord("!")).any())
        opens = np.flatnonzero(names == ord("r"))
        opens = opens[self.at[self.tags[opens] + 2] == ord("o")]
        self.first_tag = opens
        self.tag_count = np.diff(np.append(opens, len(self.tags)))
        self.start = self.tags[opens]
        self.end = np.append(self.start[1:], len(chunk))

    def texts(self, places: Places, length: int) -> NDArray[np.bytes_]:
        """Return the texts of that length at the places."""
        window: NDArray[np.bytes_] = np.ndarray(
            (len(self.bytes) - length + 1,), dtype=f"S{length}", buffer=self.bytes, strides=(1,)
        )
        found: NDArray[np.bytes_] = window[places]
        return found

    def row_numbers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return the 1-based number of each row and its digits' count; None unless every row has one, ascending."""
        if not (self.texts(self.start, len(_ROW_TAG)) == _ROW_TAG).all():
            return None
        begin = self.start + len(_ROW_TAG)
        digits = self.texts(begin, _MOST_DIGITS + 1).view(np.uint8).reshape(len(begin), -1)
        count = np.argmax(digits == ord('"'), axis=1)
        numbers = np.zeros(len(begin), np.int64)
        for place in range(int(count.max())):
            digit = digits[:, place].astype(np.int64) - ord("0")
            here = count > place
            if (here & ((digit < 0) | (digit > 9))).any():  # noqa: PLR2004  # decimal digits
                return None
            numbers = np.where(here, numbers * 10 + digit, numbers)
        if not count.all() or (np.diff(numbers) <= 0).any() or numbers[0] < 1:
            return None
        return numbers, count


def find_rows(chunk: bytes) -> FoundRows | None:
    """Read the rows of a chunk (whole rows, UTF-8) that share their shape; None if it has no rows of that kind."""
    if chunk.count(_ROW_TAG) < _ROWS_OF_A_CHUNK:
        return None
    found = _Chunk(chunk)
    if found.declares or chunk[: int(found.start[0])].strip():
        return None
    numbered = found.row_numbers()
    if numbered is None:
        return None
    numbers, digits = numbered
    height = int(numbers[-1] - numbers[0]) + 1
    if height > 4 * len(numbers):
        return None
    parts: list[_Part] = []
    left = np.ones(len(numbers), np.bool_)
    _, groups, sizes = np.unique(found.tag_count * 10 + digits, return_inverse=True, return_counts=True)
    for group in np.flatnonzero(sizes >= _ROWS_OF_A_SHAPE).tolist():
        rows = np.flatnonzero(groups == group)
        shape = _shape_of(found, int(rows[0]), int(digits[rows[0]]))
        if shape is not None:
            good, starts, ends = _places(found, shape, rows, int(digits[rows[0]]))
            left[rows[good]] = False
            parts.append(_Part(shape=shape, rows=numbers[rows[good]] - numbers[0], starts=starts, ends=ends))
    columns = tuple(sorted({cell.column for part in parts for cell in part.shape.cells}))
    if not columns:
        return None
    return _gathered(
        found,
        parts,
        columns,
        first=int(numbers[0]) - 1,
        height=height,
        left_rows=numbers[left] - 1,
        left=b"".join(
            [chunk[start:end] for start, end in zip(found.start[left].tolist(), found.end[left].tolist(), strict=True)]
        ),
    )


def _shape_of(chunk: _Chunk, row: int, digits: int) -> _Shape | None:
    """Take a row apart; None if anything in it is of a form that only a parser should read."""
    text = chunk.bytes[int(chunk.start[row]) : int(chunk.end[row])]
    number = text[len(_ROW_TAG) : len(_ROW_TAG) + digits]
    at = text.find(b">") + 1
    if text[at - 2 : at] == b"/>":
        return None if text[at:].strip() else _Shape(cells=(), stretches=())
    builder = _ShapeBuilder(text, at)
    while match := _CELL.match(text, at):
        if not builder.add(match, number):
            return None
        at = match.end()
    if text[at:].rstrip() != b"</row>":
        return None
    return builder.finish()


class _ShapeBuilder:
    """Collects the cells of a row and the stretches between their values."""

    def __init__(self, text: bytes, start: int) -> None:
        self._text, self._start = text, start
        self._cells: list[_Cell] = []
        self._stretches: list[_Stretch] = []
        self._numbers: list[int] = []

    def add(self, match: re.Match[bytes], number: bytes) -> bool:
        """Add a cell, or say that it is none that can be read by its place."""
        attributes = {found[1]: found for found in _ATTRIBUTE.finditer(self._text, *match.span(1))}
        reference = _REFERENCE.fullmatch(attributes[b"r"][2]) if b"r" in attributes else None
        style = attributes[b"s"][2] if b"s" in attributes else b"0"
        code = _CODES.get(attributes[b"t"][2] if b"t" in attributes else b"")
        if reference is None or reference[2] != number or code is None or not _STYLE.fullmatch(style):
            return False
        column = column_index(reference[1].decode())
        if self._cells and column <= self._cells[-1].column:
            return False
        self._numbers.append(attributes[b"r"].start(2) + len(reference[1]))
        if match[_FORMULA] is not None:
            self._cut(*match.span(_FORMULA))
        value = next((group for group in _VALUES if match[group] is not None), None)
        # A text of the cell's own in a cell of another type, and the other way round, is for others to judge.
        if (value == _VALUES[1]) != (TYPES[code] == INLINE) and value is not None:
            return False
        if value is not None:
            self._cut(*match.span(value))
        self._cells.append(
            _Cell(
                column=column,
                code=code,
                style=int(style),
                formula=b"<f" in match[0],
                preserve=any(match[group] is not None for group in _PRESERVES),
                value=None if value is None else len(self._stretches) - 1,
            )
        )
        return True

    def _cut(self, start: int, end: int) -> None:
        """End a stretch where a value begins; the next one begins behind it."""
        self._stretches.append(
            _Stretch(
                tag=self._text.count(b"<", 0, self._start),
                text=self._text[self._start : start],
                numbers=tuple(place - self._start for place in self._numbers),
            )
        )
        self._start, self._numbers = end, []

    def finish(self) -> _Shape | None:
        """Return the shape; None if a stretch is too long, or the row's own tag is broken by another."""
        self._cut(len(self._text), len(self._text))
        if self._stretches[0].tag != 1 or max(len(stretch.text) for stretch in self._stretches) > _PADDING:
            return None
        return _Shape(cells=tuple(self._cells), stretches=tuple(self._stretches))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The rows of one shape (0-based in the chunk), and where their values begin and end: a line for each value."""

    shape: _Shape
    rows: NDArray[np.int64]
    starts: Places
    ends: Places


def _places(chunk: _Chunk, shape: _Shape, rows: NDArray[np.int64], digits: int) -> tuple[Mask, Places, Places]:
    """Return which of the rows really have the shape, and where the values of those begin and end."""
    good = np.ones(len(rows), np.bool_)
    if not shape.stretches:
        return good, np.empty((0, len(rows)), np.int64), np.empty((0, len(rows)), np.int64)
    tags = np.array([stretch.tag for stretch in shape.stretches])
    begins = chunk.tags[chunk.first_tag[rows] + tags[:, np.newaxis]]
    ends = begins + np.array([len(stretch.text) for stretch in shape.stretches])[:, np.newaxis]
    # The row's own tag may have any attributes, but must end where the first stretch begins.
    good &= (chunk.at[begins[0] - 1] == ord(">")) & (ends[-1] == chunk.end[rows])
    number = chunk.texts(chunk.start[rows] + len(_ROW_TAG), digits).view(np.uint8).reshape(len(rows), digits)
    for some, width in _batches(shape.stretches, len(rows)):
        found = chunk.texts(begins[some], width).view(np.uint8).reshape(len(some), len(rows), width)
        _compare(found, [shape.stretches[place] for place in some], number, good)
    if not good.all():
        begins, ends = begins[:, good], ends[:, good]
    return good, ends[:-1], begins[1:]


def _batches(stretches: Sequence[_Stretch], rows: int) -> Iterator[tuple[list[int], int]]:
    """Yield places of stretches of about the same length, and the bytes to compare: as many at once as caches hold."""
    by_width: dict[int, list[int]] = {}
    for place, stretch in enumerate(stretches):
        by_width.setdefault(-(-len(stretch.text) // _WORD) * _WORD, []).append(place)
    for width, places in by_width.items():
        most = max(1, _BATCH_BYTES // (width * rows))
        for start in range(0, len(places), most):
            yield places[start : start + most], width


def _compare(found: NDArray[np.uint8], stretches: Sequence[_Stretch], number: NDArray[np.uint8], good: Mask) -> None:
    """Clear `good` for rows in which another text stands than the stretches, the row's own number in its places.

    `found` has for each stretch and each row the bytes that begin where the stretch should; it is used up.
    """
    width = found.shape[2]
    texts = np.zeros((len(stretches), width), np.uint8)
    meant = np.zeros((len(stretches), width), np.uint8)
    for line, stretch in enumerate(stretches):
        texts[line, : len(stretch.text)] = np.frombuffer(stretch.text, np.uint8)
        meant[line, : len(stretch.text)] = 255
    expected = np.empty_like(found)
    expected[:] = texts[:, np.newaxis]
    for line, stretch in enumerate(stretches):
        for place in stretch.numbers:
            expected[line, :, place : place + number.shape[1]] = number
    other = found.view(np.uint64)
    other ^= expected.view(np.uint64)
    other &= meant.view(np.uint64)[:, np.newaxis]
    # All at once first: as a rule they are the same, and then nobody has to ask which one is not.
    if other.any():
        good &= ~other.any(axis=(0, 2))


def _gathered(
    chunk: _Chunk,
    parts: Sequence[_Part],
    columns: tuple[int, ...],
    *,
    first: int,
    height: int,
    left_rows: NDArray[np.int64],
    left: bytes,
) -> FoundRows:
    """Put the shapes' values into the columns of the chunk, and cut them all out at once."""
    size = (len(columns), height)
    starts, ends = np.zeros(size, np.int64), np.zeros(size, np.int64)
    codes, styles = np.zeros(size, np.int8), np.zeros(size, np.int32)
    formulas, preserve = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    line_of = {column: line for line, column in enumerate(columns)}
    for part in parts:
        cells = part.shape.cells
        lines = np.array([line_of[cell.column] for cell in cells], np.int64)[:, np.newaxis]
        codes[lines, part.rows] = np.array([cell.code for cell in cells], np.int8)[:, np.newaxis]
        styles[lines, part.rows] = np.array([cell.style for cell in cells], np.int32)[:, np.newaxis]
        formulas[lines, part.rows] = np.array([cell.formula for cell in cells], np.bool_)[:, np.newaxis]
        preserve[lines, part.rows] = np.array([cell.preserve for cell in cells], np.bool_)[:, np.newaxis]
        valued = np.array([cell.value is not None for cell in cells], np.bool_)
        values = np.array([cell.value for cell in cells if cell.value is not None], np.int64)
        starts[lines[valued], part.rows] = part.starts[values]
        ends[lines[valued], part.rows] = part.ends[values]
    return FoundRows(
        first=first,
        rows=height,
        columns=columns,
        codes=codes,
        styles=styles,
        formulas=formulas,
        preserve=preserve,
        values=_cut(chunk, starts.ravel(), ends.ravel()),
        left_rows=left_rows,
        left=left,
    )


def _cut(chunk: _Chunk, starts: Places, ends: Places) -> pa.LargeBinaryArray:
    """Return the bytes between places: every second element of the array that all the places together make."""
    offsets = np.empty(2 * len(starts), np.int64)
    offsets[::2], offsets[1::2] = starts, ends
    if not ends[-1]:
        # Arrow wants the last place to be behind the first one, although nobody takes this empty value from there.
        offsets[-2:] = len(chunk.bytes)
    pieces = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(chunk.bytes)]
    )
    return pieces.take(pa.array(np.arange(0, len(offsets), 2)))
