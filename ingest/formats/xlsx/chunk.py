"""A chunk of a sheet's rows to cells: as whole columns if they make a table, rows of unusual forms by a parser."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from ...cells.arrow_masks import with_nulls
from ...cells.assembly import overlaid
from ...cells.cells import MAX_COLUMNS, CellBlock, Column, Kind, RowBlock, distinct
from ...errors import FileRejectedError, rejected
from ...messages import say
from ..zip.xml_bytes import WORD, numbers
from ..zip.xml_text import plain_texts
from .cell_scan import find_cells, places_of
from .cell_values import SHARED, TYPES, RawCells, SheetContext, check_places, shared_texts, typed
from .expat_cells import parse_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ...cells.cells import Block
    from ..zip.xml_bytes import Mask, Places, XmlBytes
    from .cell_scan import FoundCells
    from .expat_cells import RawCell

_Scalar = TypeVar("_Scalar", np.int64, np.int32, np.int8, np.bool_)
_SHARED: Final = TYPES.index(SHARED)
_ROWS_OF_A_TABLE: Final = 200
"""Of fewer rows, all cells at once are read faster than each column by itself."""
_CELLS_AT_ONCE: Final = 32_000
"""Short columns of one type are typed together up to so many cells: each call costs, and more leave a core's cache."""
_SPARSE: Final = 6
"""A table of so many places for each cell is no table, but cells here and there."""


class ReadChunk(NamedTuple):
    """The cells of a chunk, and the 0-based number that a following row without one has."""

    block: Block
    next_row: int


def read_chunk(chunk: bytes, context: SheetContext, row: int | None = None) -> ReadChunk | None:
    """Read whole rows; None if any is of a form that only an XML parser knows, or that `row` must be known for.

    `row` is the 0-based number of a first row that has none.

    Raises:
        FileRejectedError: the chunk is not UTF-8, or a cell refers to what is not there.

    """
    if b"\0" in chunk:
        # No XML has it: the parser says so, whichever cells stand beside it.
        return None
    found = find_cells(chunk, row)
    if found is None:
        return None
    left = _left(found, context)
    if left is None:
        return None
    check_places(found.rows, found.columns, context)
    return ReadChunk(_with_left(found, left, context), found.next_row)


def _left(found: FoundCells, context: SheetContext) -> CellBlock | None:
    """Return the cells that are left; None if they are damaged, or others stand in their rows or at their places."""
    if not found.left.xml:
        return parsed_block([], context)
    if not found.left.are_apart(places_of(found.rows, found.columns)):
        return None
    try:
        cells, _ = parse_cells(found.left.xml, 0, context.name)
    except FileRejectedError:
        return None  # The parser says it of the whole chunk, at the right place.
    block = parsed_block(cells, context)
    return block if found.left.hold(places_of(block.rows, block.columns)) else None


def _with_left(found: FoundCells, left: CellBlock, context: SheetContext) -> Block:
    places = _table(found)
    if places:
        block = _table_block(found, places, context)
        # Cells that are only formatted hold nothing that could be laid over anything.
        return block if left.empty else overlaid(block, left)
    cells = _cells(found, context)
    if left.empty:
        return cells
    return CellBlock(
        rows=np.concatenate([cells.rows, left.rows]),
        columns=np.concatenate([cells.columns, left.columns]),
        kinds=np.concatenate([cells.kinds, left.kinds]),
        texts=pa.concat_arrays([cells.texts, left.texts]),
    )


def _table(found: FoundCells) -> list[int]:
    """Return the columns that the cells make a table of; none if they do not, or there are two at one place."""
    if not len(found.rows):
        return []
    height = int(found.rows[-1] - found.rows[0]) + 1
    ascending = (np.diff(found.rows * MAX_COLUMNS + found.columns) > 0).all()
    if not ascending or height < _ROWS_OF_A_TABLE:
        return []
    places = distinct(found.columns)
    return places if height * len(places) <= _SPARSE * len(found.rows) else []


class _Grid(NamedTuple):
    """A table's cells, column after column; where there is none, no value, and type and style of the column's first."""

    height: int
    starts: Places
    ends: Places
    types: NDArray[np.int8]
    styles: NDArray[np.int32]
    formulas: Mask
    preserve: Mask

    def lines(self, values: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """Return values with a line for each column."""
        return values.reshape(-1, self.height)

    def part(self, lines: range) -> slice:
        """Return the places of neighbouring columns."""
        return slice(lines.start * self.height, lines.stop * self.height)


def _table_block(found: FoundCells, places: list[int], context: SheetContext) -> RowBlock:
    """Lay the cells out column after column, those of one type beside each other, and read these at once."""
    first, height = int(found.rows[0]), int(found.rows[-1] - found.rows[0]) + 1
    type_of, line_of = np.zeros(places[-1] + 1, found.types.dtype), np.zeros(places[-1] + 1, np.int64)
    type_of[found.columns] = found.types  # of its last cell, for the first one may be a title
    order = np.lexsort((type_of[places], type_of[places] == _SHARED))
    places = [places[place] for place in order.tolist()]
    line_of[places] = np.arange(len(places))
    at, size = line_of[found.columns] * height + (found.rows - first), len(places) * height
    exists = _laid_out(np.ones(len(at), np.bool_), at, size).reshape(-1, height)
    grid = _Grid(
        height=height,
        starts=_laid_out(found.starts, at, size),
        ends=_laid_out(found.ends, at, size),
        types=_like_the_first(_laid_out(found.types, at, size), exists),
        styles=_like_the_first(_laid_out(found.styles, at, size), exists),
        formulas=_laid_out(found.formulas, at, size),
        preserve=_laid_out(found.preserve, at, size),
    )
    columns: dict[int, Column] = {}
    for lines, kinds, texts in _typed_lines(found.xml, grid, context):
        empty = grid.lines(kinds == Kind.EMPTY)
        some_empty: list[bool] = np.any(empty, axis=1).tolist()
        for number, line in enumerate(lines):
            part = grid.part(range(number, number + 1))
            cells = with_nulls(texts[part], empty[number]) if some_empty[number] else texts[part]
            columns[places[line]] = Column(kinds=kinds[part], texts=cells)
    return RowBlock(first=first, rows=height, columns=columns)


def _like_the_first(values: NDArray[_Scalar], exists: Mask) -> NDArray[_Scalar]:
    """Return the values of columns, each a line, with that of a column's first cell where it has none."""
    if exists.all():
        return values
    lines = values.reshape(exists.shape)
    return np.where(exists, lines, lines[np.arange(len(lines)), exists.argmax(axis=1)][:, np.newaxis]).ravel()


def _typed_lines(
    xml: XmlBytes, grid: _Grid, context: SheetContext
) -> Iterator[tuple[range, NDArray[np.uint8], pa.LargeStringArray]]:
    """Yield neighbouring columns of the grid with the kinds and texts of their cells."""
    types = grid.lines(grid.types)
    others = np.flatnonzero((types != _SHARED).any(axis=1) | grid.lines(grid.formulas).any(axis=1))
    count = int(others[-1]) + 1 if len(others) else 0
    shared = range(count, len(types))
    strings = _strings(xml, grid.starts[grid.part(shared)], grid.ends[grid.part(shared)], context)
    if strings is None:
        count = len(types)
    else:
        yield shared, *strings
    rest = grid.part(range(count))
    values = plain_texts(_utf8(xml.pieces(grid.starts[rest], grid.ends[rest]), context), grid.preserve[rest])
    for lines in _of_one_type(types[:count]):
        here = grid.part(lines)
        raw = RawCells(
            codes=grid.types[here],
            names=TYPES,
            styles=grid.styles[here],
            formulas=grid.formulas[here],
            values=values[here],
        )
        yield lines, *typed(raw, context)


def _strings(
    xml: XmlBytes, starts: Places, ends: Places, context: SheetContext
) -> tuple[NDArray[np.uint8], pa.LargeStringArray] | None:
    """Return the kinds and texts of cells whose values are numbers of shared strings; None if any is no plain one."""
    digits = ends - starts
    if not len(digits) or digits.max() > WORD:
        return None
    found, fine = numbers(xml.words(starts), digits)
    if not fine.all():
        return None
    filled = digits > 0
    kinds = np.where(filled, np.uint8(Kind.TEXT), np.uint8(Kind.EMPTY))
    return kinds, shared_texts(pa.array(found, mask=~filled), context)


def _of_one_type(types: NDArray[np.int8] | NDArray[np.int32]) -> Iterator[range]:
    """Yield ranges of lines: neighbours with nothing but one type together if they are short, others by themselves."""
    most = max(1, _CELLS_AT_ONCE // types.shape[1])
    same = (types == types[:, :1]).all(axis=1)
    goes_on = same[1:] & same[:-1] & (types[1:, 0] == types[:-1, 0])
    for start, end in pairwise([0, *(np.flatnonzero(~goes_on) + 1).tolist(), len(types)]):
        for line in range(start, end, most):
            yield range(line, min(line + most, end))


def _laid_out(values: NDArray[_Scalar], at: NDArray[np.int64], size: int) -> NDArray[_Scalar]:
    """Return the values at their places, and 0 elsewhere."""
    found = np.zeros(size, values.dtype)
    if values.dtype != np.bool_ or values.any():
        found[at] = values
    return found


def _cells(found: FoundCells, context: SheetContext) -> CellBlock:
    values = plain_texts(_utf8(found.xml.pieces(found.starts, found.ends), context), found.preserve)
    raw = RawCells(codes=found.types, names=TYPES, styles=found.styles, formulas=found.formulas, values=values)
    return _block(found.rows.astype(np.int32), found.columns.astype(np.int32), raw, context)


def _utf8(values: pa.LargeBinaryArray, context: SheetContext) -> pa.LargeStringArray:
    try:
        return values.cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise rejected("file.corrupt_xml", say("{part} is not UTF-8", part=context.name)) from error


def parsed_block(cells: list[RawCell], context: SheetContext) -> CellBlock:
    """Return the cells that an XML parser has found.

    Raises:
        FileRejectedError: one lies outside of any sheet, or refers to what is not there.

    """
    types = pa.array([cell.type for cell in cells], pa.large_string()).dictionary_encode()
    raw = RawCells(
        codes=types.indices.to_numpy(),
        names=types.dictionary.to_pylist(),
        styles=np.array([cell.style for cell in cells], np.int32),
        formulas=np.array([cell.formula for cell in cells], np.bool_),
        values=pa.array([cell.value for cell in cells], pa.large_string()),
    )
    rows = np.array([cell.row for cell in cells], np.int32)
    return _block(rows, np.array([cell.column for cell in cells], np.int32), raw, context)


def _block(rows: NDArray[np.int32], columns: NDArray[np.int32], raw: RawCells, context: SheetContext) -> CellBlock:
    """Give every cell its kind and text, and leave out those that are empty."""
    check_places(rows, columns, context)
    kinds, texts = typed(raw, context)
    keep = kinds != Kind.EMPTY
    if keep.all():
        return CellBlock(rows=rows, columns=columns, kinds=kinds, texts=texts)
    return CellBlock(rows=rows[keep], columns=columns[keep], kinds=kinds[keep], texts=texts.filter(pa.array(keep)))
