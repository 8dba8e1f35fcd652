"""Rows that were taken out of a document, as the cells of a sheet; knows neither bytes nor the parser."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from ...cells.cells import Kind
from ...cells.collector import RepeatedCells
from ..unsure import UnsureError
from .cell_attributes import is_styled
from .cell_kinds import typed

if TYPE_CHECKING:
    from .cell_kinds import Typed
    from .column_styles import ColumnStyles
    from .names import Names
    from .row_scan import FoundCells, FoundRows, Run
    from .styles import OdsStyles


class ReadRows(NamedTuple):
    """What is in a run of rows: cells, and of each merged range 0-based row and column, rows and columns."""

    cells: RepeatedCells
    merges: list[list[int]]


class TypedCells:
    """The rows of one piece; what their cells hold is found out when the first of them are asked for."""

    def __init__(self, rows: FoundRows, names: Names, styles: OdsStyles) -> None:
        self.rows, self.namespaces = rows, names.namespaces
        self.tops = np.append(0, np.cumsum(rows.heights))
        self._styles = styles
        self._typed: tuple[ColumnStyles, Typed] | None = None

    def typed(self, first: int, last: int, columns: ColumnStyles) -> Typed:
        """Return the kinds and the texts of the cells from one to another, which are in a sheet of such columns."""
        if self._typed is None:
            self._typed = columns.copy(), typed(_styled(self.rows.cells, columns), self._styles)
        typed_for, (kinds, texts) = self._typed
        if columns.same(typed_for):
            return kinds[first:last], texts[first:last]
        # The piece has rows of several sheets.
        return typed(_styled(self.rows.cells.part(first, last), columns), self._styles)


class TakenRows:
    """A run of rows, which are so many of the sheet: `height`."""

    def __init__(self, cells: TypedCells, run: Run) -> None:
        self._cells, self._run = cells, run
        self.namespaces = cells.namespaces
        self.height = int(cells.tops[run.last] - cells.tops[run.first])

    def read(self, row: int, columns: ColumnStyles) -> ReadRows:
        """Return what is in the rows, the first of which is at that 0-based place of a sheet of such columns.

        Raises:
            UnsureError: a cell stands for columns of several styles.

        """
        found, tops, run = self._cells.rows, self._cells.tops, self._run
        first, last = np.searchsorted(found.cells.rows, [run.first, run.last]).tolist()
        kinds, texts = self._cells.typed(first, last, columns)
        said = found.cells.attributes
        _refuse_several(found.cells, first, last, columns)
        filled = np.flatnonzero(kinds != Kind.EMPTY)
        some = filled + first
        spanning = np.flatnonzero((said.high[first:last] > 1) | (said.wide[first:last] > 1)) + first
        moved = row - tops[run.first]
        merges = [
            tops[found.cells.rows[spanning]] + moved,
            found.cells.columns[spanning],
            said.high[spanning],
            said.wide[spanning],
        ]
        cells = RepeatedCells(
            rows=tops[found.cells.rows[some]] + moved,
            columns=found.cells.columns[some],
            kinds=kinds[filled],
            texts=texts if len(some) == last - first else texts.take(pa.array(filled)),
            down=found.heights[found.cells.rows[some]],
            across=said.across[some],
        )
        return ReadRows(cells, np.stack(merges, axis=1).tolist())


def _styled(cells: FoundCells, columns: ColumnStyles) -> FoundCells:
    """Return cells with the styles that their columns give to those that have none."""
    said = cells.attributes
    bare = np.flatnonzero((said.styles == 0) & is_styled(said.types)) if any(columns.names) else ()
    if not len(bare):
        return cells
    # The names of the runs are behind those of the cells, and behind them that of none.
    styles = said.styles.copy()
    styles[bare] = len(said.style_names) + columns.places(cells.columns[bare])
    names = [*said.style_names, *columns.names, ""]
    return replace(cells, attributes=replace(said, styles=styles, style_names=names))


def _refuse_several(cells: FoundCells, first: int, last: int, columns: ColumnStyles) -> None:
    said = cells.attributes
    several = np.flatnonzero(said.across[first:last] > 1) + first if any(columns.names) else ()
    if not len(several):
        return
    bare = several[(said.styles[several] == 0) & is_styled(said.types[several])]
    left, across = cells.columns[bare], said.across[bare]
    if (columns.places(left) != columns.places(left + across - 1)).any():
        raise UnsureError
