"""The cells of a chunk of sheet XML, found by whole columns of bytes: where each is, what its tag says, its value.

Which cells a row has and which it lacks makes no difference. Cells of a form that only a parser knows are left to one,
with their rows unless each of them is whole and says where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..zip.xml_bytes import XmlBytes
from .cell_contents import read_contents
from .cell_openings import read_openings
from .cell_values import INLINE, TEXT_RESULT, TYPES, UNSET
from .sheet_tags import find_tags

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places
    from .cell_openings import Openings
    from .sheet_tags import SheetTags


_ROW_WIDTH: Final = 1 << 15
"""More columns than a reference of three letters can name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftCells:
    """What is left to a parser: whole rows (their 0-based numbers) and cells (their `places_of`), all in `xml`."""

    rows: NDArray[np.int64]
    cells: NDArray[np.int64]
    xml: bytes

    def are_apart(self, others: NDArray[np.int64]) -> bool:
        """Say whether other cells stand in none of the rows and at none of the places, nor the cells in the rows."""
        rows = np.concatenate([others, self.cells]) // _ROW_WIDTH
        return not (np.isin(rows, self.rows).any() or np.isin(self.cells, others).any())

    def hold(self, places: NDArray[np.int64]) -> bool:
        """Say whether cells are in the rows or at the places."""
        return bool((np.isin(places // _ROW_WIDTH, self.rows) | np.isin(places, self.cells)).all())


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCells:
    """Cells in the order of the XML, and what is left.

    `rows` and `columns` are 0-based, `types` places in `TYPES`; values lie in `xml` from `starts` to `ends`. `next_row`
    is the number that a following row without one has.
    """

    xml: XmlBytes
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    types: NDArray[np.int8]
    styles: NDArray[np.int32]
    formulas: Mask
    preserve: Mask
    starts: Places
    ends: Places
    left: LeftCells
    next_row: int


def places_of(rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.int64]:
    """Return one number for each place."""
    found: NDArray[np.int64] = rows.astype(np.int64) * _ROW_WIDTH + columns
    return found


def find_cells(chunk: bytes, row: int | None) -> FoundCells | None:
    """Return the cells of whole rows; None if they are of a form that only a parser knows.

    `row` is the 0-based number that a first row without one has; if nobody knows it yet, such rows are not read.
    """
    xml = XmlBytes(chunk)
    found = find_tags(xml)
    if found is None:
        return None
    openings = read_openings(xml, found)
    closed = np.array([kind.closed for kind in openings.kinds], np.bool_)[openings.kind_of]
    contents = read_contents(xml, found, openings.contents, closed & openings.fine)
    if contents is None:
        return None
    fine = openings.fine & contents.fine
    alone = openings.fine & openings.referred & contents.ended & ~fine
    row_numbers, numbered = _row_numbers(found.rows.numbers, row)
    left = np.unique(found.row_of[~fine & ~alone])
    if len(left):
        if not numbered[left].all() or 2 * len(left) > len(row_numbers):
            return None
        whole = np.ones(len(row_numbers), np.bool_)
        whole[left] = False
        fine, alone = fine & whole[found.row_of], alone & whole[found.row_of]
    rows, columns = openings.rows, openings.columns
    if not openings.referred.all():
        if row is None and not numbered[found.row_of[~openings.referred]].all():
            return None
        rows = np.where(openings.referred, rows, row_numbers[found.row_of])
        columns = _counted(openings, found)
    types = np.array([kind.code for kind in openings.kinds], np.int8)[openings.kind_of]
    types[contents.inline] = TYPES.index(INLINE)
    types[contents.unset & (types == TYPES.index(TEXT_RESULT))] = TYPES.index(UNSET)
    styles = np.array([kind.style for kind in openings.kinds], np.int32)[openings.kind_of]
    cells = np.flatnonzero(alone)
    parts = _parts(chunk, found.rows.bounds[left], found.rows.bounds[left + 1])
    if len(cells):
        parts += [b"<row>", *_parts(chunk, found.cells[cells], found.following[cells]), b"</row>"]
    left_cells = LeftCells(rows=row_numbers[left], cells=places_of(rows[cells], columns[cells]), xml=b"".join(parts))
    some = slice(None) if fine.all() else fine
    return FoundCells(
        xml=xml,
        rows=rows[some],
        columns=columns[some],
        types=types[some],
        styles=styles[some],
        formulas=contents.formulas[some],
        preserve=contents.preserve[some],
        starts=contents.starts[some],
        ends=contents.ends[some],
        left=left_cells,
        next_row=int(row_numbers[-1]) + 1,
    )


def _parts(chunk: bytes, starts: Places, ends: Places) -> list[bytes]:
    return [chunk[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def _row_numbers(numbers: NDArray[np.int64], row: int | None) -> tuple[NDArray[np.int64], Mask]:
    """Return the 0-based number of each row, the ones without counted on, and which say it by themselves."""
    numbered = numbers >= 0
    if numbered.all():
        return numbers, numbered
    places = np.arange(len(numbers))
    last = np.maximum.accumulate(np.where(numbered, places, -1))
    base = np.where(last >= 0, numbers[last] - last, row or 0)
    return base + places, numbered


def _counted(openings: Openings, found: SheetTags) -> NDArray[np.int64]:
    """Return the columns, those of cells that do not say it counted from the cell before in their row."""
    places = np.arange(len(openings.columns))
    first = np.diff(found.row_of, prepend=-1) > 0
    last = np.maximum.accumulate(np.where(first | openings.referred, places, -1))
    base = np.where(openings.referred, openings.columns, 0)[last]
    counted: NDArray[np.int64] = base + places - last
    return counted
