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

from ..cells import column_index
from .sheetcells import TYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Places = NDArray[np.int64]

_ROWS_OF_A_SHAPE: Final = 24
"""Below this, taking a shape apart costs more than it saves."""
_ROWS_OF_A_CHUNK: Final = 200
"""Of fewer rows, all cells at once are read faster than each column by itself."""
_PADDING: Final = 4096
"""No stretch between two values may be longer: looking ahead must not leave the bytes."""
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
class RawColumn:
    """One column of a chunk from its first row to its last: types (places in `TYPES`), styles, and the values as bytes.

    Where a row has no such cell, or was left to others, the value is empty.
    """

    codes: NDArray[np.int8]
    styles: NDArray[np.int32]
    formulas: Mask
    preserve: Mask
    values: pa.LargeBinaryArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRows:
    """What was read of a chunk: dense columns from the 0-based row `first` on, and the XML of the rows left over."""

    first: int
    rows: int
    columns: dict[int, RawColumn]
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
    found = _Chunk(chunk)
    if found.declares or len(found.start) < _ROWS_OF_A_CHUNK or chunk[: int(found.start[0])].strip():
        return None
    numbered = found.row_numbers()
    if numbered is None:
        return None
    numbers, digits = numbered
    height = int(numbers[-1] - numbers[0]) + 1
    if height > 4 * len(numbers):
        return None
    columns = _Columns(found, height)
    left = np.ones(len(numbers), np.bool_)
    _, groups, sizes = np.unique(found.tag_count * 10 + digits, return_inverse=True, return_counts=True)
    for group in np.flatnonzero(sizes >= _ROWS_OF_A_SHAPE).tolist():
        rows = np.flatnonzero(groups == group)
        shape = _shape_of(found, int(rows[0]), int(digits[rows[0]]))
        if shape is not None:
            good, places = _places(found, shape, rows, int(digits[rows[0]]))
            left[rows[good]] = False
            columns.add(shape, numbers[rows[good]] - numbers[0], places)
    if left.all():
        return None
    return FoundRows(
        first=int(numbers[0]) - 1,
        rows=height,
        columns=columns.finish(),
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
        # The text of an inline string counts only in a cell of that type, and the other way round.
        if (value == _VALUES[1]) != (TYPES[code] == "inlineStr") and value is not None:
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
class _Found:
    """Where the values of the rows of a shape begin and end, for each of its stretches but the last."""

    starts: list[Places]
    ends: list[Places]


def _places(chunk: _Chunk, shape: _Shape, rows: NDArray[np.int64], digits: int) -> tuple[Mask, _Found]:
    """Return which of the rows really have the shape, and the places of the values of those."""
    good = np.ones(len(rows), np.bool_)
    if not shape.stretches:
        return good, _Found(starts=[], ends=[])
    first_tag = chunk.first_tag[rows]
    number = chunk.texts(chunk.start[rows] + len(_ROW_TAG), digits).view(np.uint8).reshape(len(rows), digits)
    begins = [chunk.tags[first_tag + stretch.tag] for stretch in shape.stretches]
    # The row's own tag may have any attributes, but must end where the first stretch begins.
    good &= chunk.at[begins[0] - 1] == ord(">")
    for begin, stretch in zip(begins, shape.stretches, strict=True):
        _compare(chunk.texts(begin, len(stretch.text)), stretch, number, good)
    ends = [begin + len(stretch.text) for begin, stretch in zip(begins, shape.stretches, strict=True)]
    good &= ends[-1] == chunk.end[rows]
    if not good.all():
        begins, ends = [begin[good] for begin in begins], [end[good] for end in ends]
    return good, _Found(starts=ends[:-1], ends=begins[1:])


def _compare(texts: NDArray[np.bytes_], stretch: _Stretch, number: NDArray[np.uint8], good: Mask) -> None:
    """Clear `good` where another text stands than the stretch with the row's own number in its places."""
    expected = np.empty((len(texts), len(stretch.text)), np.uint8)
    expected[:] = np.frombuffer(stretch.text, np.uint8)
    for place in stretch.numbers:
        expected[:, place : place + number.shape[1]] = number
    found = texts.view(np.uint8).reshape(expected.shape)
    # All at once first: as a rule they are the same, and then nobody has to ask which one is not.
    if not np.array_equal(found, expected):
        good &= (found == expected).all(axis=1)


class _Columns:
    """Gathers where the values of each column lie, shape by shape, and cuts them out at the end."""

    def __init__(self, chunk: _Chunk, height: int) -> None:
        self._chunk, self._height = chunk, height
        self._starts: dict[int, Places] = {}
        self._ends: dict[int, Places] = {}
        self._codes: dict[int, NDArray[np.int8]] = {}
        self._styles: dict[int, NDArray[np.int32]] = {}
        self._flags: dict[int, NDArray[np.int8]] = {}

    def add(self, shape: _Shape, rows: NDArray[np.int64], found: _Found) -> None:
        """Note the values of rows (0-based in the chunk) of a shape."""
        for cell in shape.cells:
            if cell.column not in self._starts:
                self._starts[cell.column] = np.zeros(self._height, np.int64)
                self._ends[cell.column] = np.zeros(self._height, np.int64)
                self._codes[cell.column] = np.zeros(self._height, np.int8)
                self._styles[cell.column] = np.zeros(self._height, np.int32)
                self._flags[cell.column] = np.zeros(self._height, np.int8)
            if cell.value is not None:
                self._starts[cell.column][rows] = found.starts[cell.value]
                self._ends[cell.column][rows] = found.ends[cell.value]
            self._codes[cell.column][rows] = cell.code
            self._styles[cell.column][rows] = cell.style
            self._flags[cell.column][rows] = cell.formula + 2 * cell.preserve

    def finish(self) -> dict[int, RawColumn]:
        """Return the columns."""
        return {
            column: RawColumn(
                codes=self._codes[column],
                styles=self._styles[column],
                formulas=(flags & 1).astype(np.bool_),
                preserve=(flags & 2).astype(np.bool_),
                values=self._cut(self._starts[column], self._ends[column]),
            )
            for column, flags in self._flags.items()
        }

    def _cut(self, starts: Places, ends: Places) -> pa.LargeBinaryArray:
        """Return the bytes between places: every second element of the array that all the places together make."""
        offsets = np.empty(2 * len(starts), np.int64)
        offsets[::2], offsets[1::2] = starts, ends
        if not ends[-1]:
            # Arrow wants the last place to be behind the first one, although nobody takes this empty value from there.
            offsets[-2:] = len(self._chunk.bytes)
        pieces = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(),
            len(offsets) - 1,
            [None, pa.py_buffer(offsets), pa.py_buffer(self._chunk.bytes)],
        )
        return pieces.take(pa.array(np.arange(0, len(offsets), 2)))
