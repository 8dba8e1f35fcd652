"""The records of one sheet of an xlsb workbook to its cells, a span of records at a time by whole columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ...cells.cells import Kind, Merge, RowBlock
from ...cells.error_values import error_text
from ...cells.number_text import number_texts
from ...cells.sources import Source, of_kind, row_block
from ..binary.numbers import unpacked
from ..binary.utf16 import texts_at
from .layout import CELLS, XlsbLayout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ...cells.extent import Extent
    from ...cells.styles import CellStyles
    from ..binary.stream import Stream
    from .layout import Records

    Mask = NDArray[np.bool_]
    Places = NDArray[np.int64]

# Numbers of records, [MS-XLSB] 2.3.2.
_ROW, _MERGE, _RICH_CELL = 0, 176, 62
_BEGIN_ROWS, _END_ROWS = 145, 146
NULL_TEXT: Final = 0xFFFFFFFF
_RANGE_BYTES: Final = 16
_BLANKS: Final = (1, 12)
_PACKED: Final = (2, 13)
_ERRORS: Final = (3, 11, 14)
_BOOLEANS: Final = (4, 10, 15)
_REALS: Final = (5, 9, 16)
_TEXTS: Final = (6, 8, 17)
_SHARED: Final = (7, 18)
_FULL_CELLS: Final = (*range(1, 12), _RICH_CELL)
_SHORT_CELLS: Final = range(12, 19)
"""A cell without its column: it is the next one."""
_TABLE_SIZE: Final = 256
"""Records with numbers from here on are not looked at."""


def _table(*numbers: int) -> Mask:
    table = np.zeros(_TABLE_SIZE, np.bool_)
    table[list(numbers)] = True
    return table


def _needs() -> Places:
    """Return by the number of a record how many bytes it must have in front of what may be of any length."""
    needs = np.zeros(_TABLE_SIZE, np.int64)
    for numbers, size in (
        (_PACKED, 4), (_ERRORS, 1), (_BOOLEANS, 1), (_REALS, 8), (_TEXTS, 4), (_SHARED, 4), ((_RICH_CELL,), 5),
    ):  # fmt: skip
        needs[list(numbers)] = size
    needs[list(_FULL_CELLS)] += 8
    needs[list(_SHORT_CELLS)] += 4
    needs[[1, 12]] = 4, 0
    needs[_ROW] = 4
    return needs


_IS_FULL: Final = _table(*_FULL_CELLS)
_IS_SHORT: Final = _table(*_SHORT_CELLS)
_IS_VALUE: Final = (_IS_FULL | _IS_SHORT) & ~_table(*_BLANKS)
_IS_TEXT: Final = _table(*_TEXTS, _RICH_CELL)
_IS_SHARED: Final = _table(*_SHARED)
_NEEDS: Final = _needs()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Cells that hold anything: the number of the record of each, its place in the sheet, and that of its value."""

    numbers: Places
    rows: Places
    columns: Places
    values: Places

    def at(self, index: Places | slice) -> _Cells:
        return _Cells(
            numbers=self.numbers[index], rows=self.rows[index], columns=self.columns[index], values=self.values[index]
        )


class XlsbSheet:
    """Reads the cells of a sheet, then knows the merged ranges, and whether the end of its rows is missing."""

    def __init__(self, stream: Stream, strings: pa.LargeStringArray, styles: CellStyles, extent: Extent) -> None:
        self._stream, self._strings, self._styles, self._extent = stream, strings, styles, extent
        self._row = self._column = -1
        self.merges: list[Merge] = []
        self.cut = False

    def blocks(self) -> Iterator[RowBlock]:
        """Yield the cells.

        Raises:
            IndexError: the sheet is damaged.
            FileRejectedError: a cell is outside of any sheet, or the cells span more than the limit.

        """
        for records in XlsbLayout(self._stream, CELLS).spans(cut_at=_ROW):
            cells, damaged = self._cells(records)
            self._extent.add_all(cells.rows, cells.columns)
            if damaged:
                raise IndexError("a cell is longer than its part, or its text is not there")
            self._merge(records)
            edges = records.numbers[(records.numbers == _BEGIN_ROWS) | (records.numbers == _END_ROWS)]
            self.cut = bool(edges[-1] == _BEGIN_ROWS) if len(edges) else self.cut
            if len(cells.rows):
                yield self._block(cells)

    def _cells(self, records: Records) -> tuple[_Cells, bool]:
        """Return the cells of records that hold anything, down to the first damaged one; and whether there is one."""
        known = np.flatnonzero(records.numbers < _RICH_CELL + 1)
        numbers, starts = records.numbers[known], records.starts[known]
        sound = self._sound(numbers, starts)
        numbers, starts = numbers[:sound], starts[:sound]
        rows, columns = self._places(numbers, starts)
        filled = np.flatnonzero(_IS_VALUE[numbers])
        kinds, places = numbers[filled], starts[filled]
        cells = _Cells(
            numbers=kinds, rows=rows[filled], columns=columns[filled], values=places + np.where(_IS_FULL[kinds], 8, 4)
        )
        return cells, sound < len(known)

    def _sound(self, numbers: Places, starts: Places) -> int:
        """Return how many records there are before the first one whose data do not lie in the part."""
        end = self._stream.end
        damaged = starts + _NEEDS[numbers] > end
        texts = np.flatnonzero(_IS_TEXT[numbers] & ~damaged)
        values = starts[texts] + np.where(_IS_FULL[numbers[texts]], 8, 4) + (numbers[texts] == _RICH_CELL)
        lengths = self._stream.integers[values].astype(np.int64)
        damaged[texts] = (values + 4 + 2 * lengths > end) & (lengths != NULL_TEXT)
        shared = np.flatnonzero(_IS_SHARED[numbers] & ~damaged)
        values = starts[shared] + np.where(_IS_FULL[numbers[shared]], 8, 4)
        damaged[shared] = self._stream.integers[values] >= len(self._strings)
        return int(np.argmax(damaged)) if damaged.any() else len(numbers)

    def _places(self, numbers: Places, starts: Places) -> tuple[Places, Places]:
        """Return the row and the column of each cell; of other records they mean nothing."""
        tops, short, given = numbers == _ROW, _IS_SHORT[numbers], _IS_FULL[numbers]
        heads = np.flatnonzero(tops)
        rows = np.append(self._row, self._stream.integers[starts[heads]])[np.cumsum(tops)]
        # A column stands in the record, or it is counted on from the last one that does, or from the row's begin.
        anchors = np.flatnonzero(given | tops)
        columns = np.where(tops[anchors], -1, self._stream.integers[starts[anchors]].astype(np.int64))
        if short.any():
            counted = np.cumsum(short)
            columns = np.append(self._column, columns - counted[anchors])[np.cumsum(given | tops)] + counted
        else:
            columns = np.append(self._column, columns)[np.cumsum(given | tops)]
        if len(numbers):
            self._row, self._column = int(rows[-1]), int(columns[-1])
        return rows, columns

    def _merge(self, records: Records) -> None:
        ranges = np.flatnonzero((records.numbers == _MERGE) & (records.ends - records.starts >= _RANGE_BYTES))
        for start in records.starts[ranges].tolist():
            top, bottom, left, right = self._stream.integers[start : start + _RANGE_BYTES : 4].tolist()
            if bottom > top or right > left:
                self.merges.append(Merge(top=top, bottom=bottom, left=left, right=right))

    def _block(self, cells: _Cells) -> RowBlock:
        cells = cells.at(np.argsort(cells.columns.astype(np.uint16), kind="stable"))
        sources = (self._numbers(cells), self._texts(cells), self._shared(cells), self._flags(cells))
        return row_block(cells.rows, cells.columns, [source for source in sources if len(source.places)])

    def _numbers(self, cells: _Cells) -> Source:
        packed = _among(cells.numbers, _PACKED)
        places = np.flatnonzero(packed | _among(cells.numbers, _REALS))
        values, packed = cells.values[places], packed[places]
        numbers = np.empty(len(places), np.float64)
        numbers[packed] = unpacked(self._stream.integers[values[packed]])
        numbers[~packed] = self._stream.reals[values[~packed]]
        kinds = np.empty(len(places), np.uint8)
        styles = (self._stream.integers[values - 4] & 0xFFFFFF).astype(np.int32)
        every = np.ones(len(places), np.bool_)
        texts = self._styles.apply(styles, every, kinds, number_texts(numbers))
        return Source(places=places, kinds=kinds, texts=texts)

    def _texts(self, cells: _Cells) -> Source:
        places = np.flatnonzero(_IS_TEXT[cells.numbers])
        values = cells.values[places] + (cells.numbers[places] == _RICH_CELL)
        return of_kind(places, Kind.TEXT, sized_texts(self._stream, values))

    def _shared(self, cells: _Cells) -> Source:
        places = np.flatnonzero(_IS_SHARED[cells.numbers])
        numbers = self._stream.integers[cells.values[places]].astype(np.int64)
        return of_kind(places, Kind.TEXT, self._strings.take(pa.array(numbers)))

    def _flags(self, cells: _Cells) -> Source:
        """Return booleans and errors, a byte each."""
        wrong = _among(cells.numbers, _ERRORS)
        places = np.flatnonzero(wrong | _among(cells.numbers, _BOOLEANS))
        codes, wrong = self._stream.bytes[cells.values[places]].tolist(), wrong[places]
        texts = [error_text(code) if bad else str(code) for code, bad in zip(codes, wrong.tolist(), strict=True)]
        kinds = np.where(wrong, np.uint8(Kind.ERROR), np.uint8(Kind.BOOLEAN))
        return Source(places=places, kinds=kinds, texts=pa.array(texts, pa.large_string()))


def sized_texts(stream: Stream, places: Places) -> pa.LargeStringArray:
    """Return the texts at places within the part, each with its length before it; one of -1 stands for none.

    Raises:
        IndexError: one is longer than the part.

    """
    lengths = stream.integers[places].astype(np.int64)
    lengths[lengths == NULL_TEXT] = 0
    if len(places) and (places + 4 + 2 * lengths).max() > stream.end:
        raise IndexError("a text is longer than its part")
    return texts_at(stream, places + 4, lengths, strict=False)


def _among(numbers: Places, wanted: tuple[int, ...]) -> Mask:
    found = np.zeros(len(numbers), np.bool_)
    for number in wanted:
        found |= numbers == number
    return found
