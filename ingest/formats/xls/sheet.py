"""The records of one sheet of an xls workbook (BIFF8) to its cells, a span of records at a time by whole columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa

from ...cells.cells import Kind, Merge, RowBlock
from ...cells.error_values import error_text
from ...cells.number_text import number_texts
from ...cells.sources import Source, of_kind, row_block
from ..binary.latin1 import latin_texts_at
from ..binary.numbers import unpacked
from ..binary.utf16 import texts_at
from ..unsure import UnsureError
from . import layout as kinds_of
from .layout import Records, XlsLayout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ...cells.styles import CellStyles
    from ..binary.stream import Stream

    Mask = NDArray[np.bool_]
    Places = NDArray[np.int64]

_WIDTH: Final = 256
_ROWS: Final = 65_536
_DIMENSIONS_BYTES: Final = 12
_NO_NUMBER: Final = 0xFFFF
"""The upper half of a formula's result that says that it is no number."""
_TEXT_RESULT, _BOOLEAN_RESULT, _ERROR_RESULT, _EMPTY_RESULT = range(4)
_WIDE: Final = 1


class _Cells(NamedTuple):
    """Cells of one sort: their places in the sheet, their styles, and where in the stream their values are."""

    rows: Places
    columns: Places
    styles: Places
    values: Places

    def at(self, index: Places | Mask) -> _Cells:
        return _Cells(*(part[index] for part in self))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sorts:
    """The cells of a span, by what they hold; `texts` are strings with a head, `blank` are only formatted."""

    reals: _Cells
    packed: _Cells
    shared: _Cells
    texts: _Cells
    empty: _Cells
    booleans: _Cells
    errors: _Cells
    blank: _Cells

    @property
    def filled(self) -> tuple[_Cells, ...]:
        return self.reals, self.packed, self.shared, self.texts, self.empty, self.booleans, self.errors


class XlsSheet:
    """Reads the cells of a sheet, then knows the merged ranges, and how many rows and columns there are."""

    def __init__(self, stream: Stream, strings: pa.LargeStringArray, styles: CellStyles, known_styles: int) -> None:
        self._stream, self._strings, self._styles, self._known_styles = stream, strings, styles, known_styles
        self._taken = np.zeros(0, np.bool_)
        self.height = self.width = 0
        self.merges: list[Merge] = []

    def blocks(self, place: int) -> Iterator[RowBlock]:
        """Yield the cells of the sheet whose first record is at a place in the stream.

        Raises:
            UnsureError: something in the sheet is not surely what it seems to be.
            UnicodeDecodeError: a text is none.

        """
        for records in XlsLayout(self._stream).sheet(place):
            self._check_dimensions(records)
            sorts = self._sorts(records)
            self._take((*sorts.filled, sorts.blank))
            self._merge(records)
            block = self._block(sorts)
            if block is not None:
                yield block

    def _check_dimensions(self, records: Records) -> None:
        """Refuse the size of a sheet that stands behind its first cells, or is cut: it is damaged then."""
        found = np.flatnonzero(records.kinds == kinds_of.DIMENSIONS)
        cells = np.flatnonzero(np.isin(records.kinds, (*kinds_of.VALUES, kinds_of.BLANK, kinds_of.MULTIPLE_BLANK)))
        if len(found) and (self.height or (len(cells) and found[-1] > cells[0])):
            raise UnsureError("the size of a sheet stands behind its cells")
        if ((records.sizes[found] < _DIMENSIONS_BYTES) & (records.sizes[found] > 0)).any():
            raise UnsureError("the size of a sheet is cut")

    def _sorts(self, records: Records) -> _Sorts:
        if np.isin(records.kinds, kinds_of.OLDER).any():
            raise UnsureError("there are cells as older workbooks have them")
        if (records.kinds == 0).any():
            raise UnsureError("there is a hole in the sheet")
        formulas = self._formulas(records)
        flags = self._single(records, kinds_of.BOOLEAN_OR_ERROR, least=8)
        kind = self._stream.bytes[flags.values + 1]
        if (kind > 1).any():
            raise UnsureError("a cell is neither a boolean nor an error")
        texts = self._single(records, kinds_of.LABEL, least=8)
        self._check_texts(texts.values, records.sizes[records.kinds == kinds_of.LABEL] - 6)
        blank = self._single(records, kinds_of.BLANK, least=6)
        sorts = _Sorts(
            reals=_joined(self._single(records, kinds_of.NUMBER, least=14), formulas.reals),
            packed=_joined(self._single(records, kinds_of.RK, least=10), self._multiple(records)),
            shared=self._single(records, kinds_of.LABEL_SST, least=10, most=10),
            texts=_joined(texts, formulas.texts),
            empty=formulas.empty,
            booleans=_joined(flags.at(kind == 0), formulas.booleans),
            errors=_joined(flags.at(kind == 1), formulas.errors),
            blank=_joined(blank, self._multiple_blank(records)),
        )
        for numbers in (sorts.reals, sorts.packed):
            if (numbers.styles >= self._known_styles).any():
                raise UnsureError("a number has a style that is not there")
        if (self._stream.integers[sorts.shared.values] >= len(self._strings)).any():
            raise UnsureError("a shared string is not there")
        return sorts

    def _single(self, records: Records, kind: int, *, least: int, most: int = _NO_NUMBER) -> _Cells:
        """Return the cells of records that have one each."""
        index = np.flatnonzero(records.kinds == kind)
        starts, sizes = records.starts[index], records.sizes[index]
        if (sizes < least).any() or (sizes > most).any():
            raise UnsureError("a cell has not the size that it should have")
        return self._at(starts, starts + 6)

    def _at(self, starts: Places, values: Places) -> _Cells:
        shorts = self._stream.shorts
        rows, columns, styles = (shorts[starts + place].astype(np.int64) for place in (0, 2, 4))
        return _Cells(rows, columns, styles, values)

    def _multiple(self, records: Records) -> _Cells:
        """Return the numbers of records that have several of a row."""
        index = np.flatnonzero(records.kinds == kinds_of.MULTIPLE_RK)
        rows, columns, places = self._spread(records.at(index), each=6)
        return _Cells(rows, columns, self._stream.shorts[places].astype(np.int64), places + 2)

    def _multiple_blank(self, records: Records) -> _Cells:
        index = np.flatnonzero(records.kinds == kinds_of.MULTIPLE_BLANK)
        rows, columns, places = self._spread(records.at(index), each=2)
        return _Cells(rows, columns, self._stream.shorts[places].astype(np.int64), places)

    def _spread(self, records: Records, *, each: int) -> tuple[Places, Places, Places]:
        """Return row, column and place of each of the cells, of so many bytes, of records for several of a row."""
        shorts = self._stream.shorts
        counts, rest = np.divmod(records.sizes - 6, each)
        first, last = (
            shorts[place].astype(np.int64) for place in (records.starts + 2, records.starts + records.sizes - 2)
        )
        if (rest != 0).any() or (counts < 0).any() or (counts != last - first + 1).any():
            raise UnsureError("a record of several cells has not the size that it should have")
        offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.repeat(shorts[records.starts].astype(np.int64), counts)
        return rows, np.repeat(first, counts) + offset, np.repeat(records.starts + 4, counts) + each * offset

    def _formulas(self, records: Records) -> _Sorts:
        """Return the results of formulas; that a text stands in a record behind the formula's."""
        index = np.flatnonzero(records.kinds == kinds_of.FORMULA)
        cells = self._single(records, kinds_of.FORMULA, least=16)
        shorts, content = self._stream.shorts, self._stream.bytes
        number = shorts[cells.values + 6] != _NO_NUMBER
        result = content[cells.values]
        if (~number & (result > _EMPTY_RESULT)).any():
            raise UnsureError("the result of a formula is of no known sort")
        text = ~number & (result == _TEXT_RESULT)
        below = cells.at(~number)._replace(values=cells.values[~number] + 2)
        what = result[~number]
        return _Sorts(
            reals=cells.at(number),
            packed=_NONE,
            shared=_NONE,
            texts=cells.at(text)._replace(values=self._results(records, index[text])),
            empty=below.at(what == _EMPTY_RESULT),
            booleans=below.at(what == _BOOLEAN_RESULT),
            errors=below.at(what == _ERROR_RESULT),
            blank=_NONE,
        )

    def _results(self, records: Records, formulas: Places) -> Places:
        """Return the places of the texts that formulas have given: there may be one record between."""
        kinds = np.append(records.kinds, (0, 0))
        shared = np.isin(kinds[formulas + 1], (kinds_of.ARRAY, kinds_of.SHARED_FORMULA, kinds_of.TABLE))
        index = formulas + 1 + shared
        if (kinds[index] != kinds_of.STRING).any():
            raise UnsureError("a formula lacks its text")
        places, sizes = records.starts[index], records.sizes[index]
        self._check_texts(places, sizes)
        lengths = self._stream.shorts[places].astype(np.int64) << (self._stream.bytes[places + 2] & _WIDE)
        if (lengths + 3 != sizes).any():
            raise UnsureError("the text of a formula goes on in another record")
        return places

    def _check_texts(self, places: Places, sizes: Places) -> None:
        """Hold texts to the records which they are in: a length, flags, and so many characters of one or two bytes."""
        flags = self._stream.bytes[places + 2]
        lengths = self._stream.shorts[places].astype(np.int64)
        if ((flags > _WIDE) & (lengths > 0)).any() or (3 + (lengths << (flags & _WIDE)) > np.maximum(sizes, 3)).any():
            raise UnsureError("a text is rich, or longer than its record")

    def _take(self, sorts: tuple[_Cells, ...]) -> None:
        """Note where cells are; two at one place are beyond us."""
        rows, columns = (np.concatenate([getattr(cells, name) for cells in sorts]) for name in ("rows", "columns"))
        if not len(rows):
            return
        self.height, self.width = max(self.height, int(rows.max()) + 1), max(self.width, int(columns.max()) + 1)
        if columns.max() >= _WIDTH:
            raise UnsureError("a cell is outside of any sheet")
        if len(self._taken) < self.height * _WIDTH:
            self._taken.resize(min(_ROWS, 2 * self.height) * _WIDTH, refcheck=False)
        taken = self._taken[int(rows.min()) * _WIDTH : (int(rows.max()) + 1) * _WIDTH]
        before = np.count_nonzero(taken)
        self._taken[rows * _WIDTH + columns] = True
        if np.count_nonzero(taken) != before + len(rows):
            raise UnsureError("two cells are at one place")

    def _merge(self, records: Records) -> None:
        for start, size in zip(*(part[records.kinds == kinds_of.MERGED].tolist() for part in records[1:]), strict=True):
            count = int(self._stream.shorts[start])
            if size != 2 + 8 * count:
                raise UnsureError("a list of merged ranges has not the size that it should have")
            for place in range(start + 2, start + size, 8):
                top, bottom, left, right = self._stream.shorts[place : place + 8 : 2].tolist()
                self.height, self.width = max(self.height, bottom + 1), max(self.width, right + 1)
                self.merges.append(Merge(top=top, bottom=bottom, left=left, right=right))

    def _block(self, sorts: _Sorts) -> RowBlock | None:
        cells = [part for part in sorts.filled if len(part.rows)]
        if not cells:
            return None
        rows, columns = (np.concatenate([getattr(part, name) for part in cells]) for name in ("rows", "columns"))
        # By column, then by row: sorting twice by small numbers is faster than once by both.
        order = np.argsort(rows.astype(np.uint16), kind="stable")
        order = order[np.argsort(columns[order].astype(np.uint16), kind="stable")]
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        sources, start = [], 0
        for part, read in zip(
            sorts.filled,
            (self._reals, self._packed, self._shared, self._texts, self._empty, self._booleans, self._errors),
            strict=True,
        ):
            if len(part.rows):
                own = places[start : start + len(part.rows)]
                start += len(part.rows)
                inner = np.argsort(own)
                sources.append(read(own[inner], part.at(inner)))
        return row_block(rows[order], columns[order], sources)

    def _reals(self, places: Places, cells: _Cells) -> Source:
        return self._numbers(places, cells, self._stream.reals[cells.values])

    def _packed(self, places: Places, cells: _Cells) -> Source:
        return self._numbers(places, cells, unpacked(self._stream.integers[cells.values]))

    def _numbers(self, places: Places, cells: _Cells, numbers: NDArray[np.float64]) -> Source:
        kinds, every = np.empty(len(places), np.uint8), np.ones(len(places), np.bool_)
        texts = self._styles.apply(cells.styles.astype(np.int32), every, kinds, number_texts(numbers))
        return Source(places=places, kinds=kinds, texts=texts)

    def _shared(self, places: Places, cells: _Cells) -> Source:
        return of_kind(places, Kind.TEXT, self._strings.take(pa.array(self._stream.integers[cells.values])))

    def _texts(self, places: Places, cells: _Cells) -> Source:
        starts, lengths = cells.values + 3, self._stream.shorts[cells.values].astype(np.int64)
        wide = (self._stream.bytes[cells.values + 2] & _WIDE).astype(np.bool_) & (lengths > 0)
        order = np.argsort(np.concatenate([np.flatnonzero(wide), np.flatnonzero(~wide)]))
        found = [
            texts_at(self._stream, starts[wide], lengths[wide], strict=True),
            latin_texts_at(self._stream, starts[~wide], lengths[~wide]),
        ]
        return of_kind(places, Kind.TEXT, pa.concat_arrays(found).take(pa.array(order)))

    def _empty(self, places: Places, _cells: _Cells) -> Source:
        return of_kind(places, Kind.TEXT, pa.array([""] * len(places), pa.large_string()))

    def _booleans(self, places: Places, cells: _Cells) -> Source:
        codes = self._stream.bytes[cells.values].astype(np.int64)
        return of_kind(places, Kind.BOOLEAN, pa.array(codes).cast(pa.large_string()))

    def _errors(self, places: Places, cells: _Cells) -> Source:
        texts = [error_text(code) for code in self._stream.bytes[cells.values].tolist()]
        return of_kind(places, Kind.ERROR, pa.array(texts, pa.large_string()))


def _joined(*parts: _Cells) -> _Cells:
    filled = [part for part in parts if len(part.rows)]
    return filled[0] if len(filled) == 1 else _Cells(*map(np.concatenate, zip(*(filled or parts), strict=True)))


_NONE: Final = _Cells(*(np.zeros(0, np.int64) for _ in _Cells._fields))
