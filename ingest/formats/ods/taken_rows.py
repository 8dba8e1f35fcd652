"""Rows that were taken out of a document, as the cells of a sheet; knows neither bytes nor the parser."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from ...cells.cells import Kind
from ...cells.collector import RepeatedCells
from .cell_kinds import typed

if TYPE_CHECKING:
    from .cell_kinds import Typed
    from .names import Names
    from .row_scan import FoundRows, Run
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
        self._typed: Typed | None = None

    def typed(self) -> Typed:
        """Return the kinds and the texts."""
        if self._typed is None:
            self._typed = typed(self.rows.cells, self._styles)
        return self._typed


class TakenRows:
    """A run of rows, which are so many of the sheet: `height`."""

    def __init__(self, cells: TypedCells, run: Run) -> None:
        self._cells, self._run = cells, run
        self.namespaces = cells.namespaces
        self.height = int(cells.tops[run.last] - cells.tops[run.first])

    def read(self, row: int) -> ReadRows:
        """Return what is in the rows, the first of which is at that 0-based place of the sheet."""
        found, tops, run = self._cells.rows, self._cells.tops, self._run
        said, (kinds, texts) = found.cells.attributes, self._cells.typed()
        first, last = np.searchsorted(found.cells.rows, [run.first, run.last]).tolist()
        some = np.flatnonzero(kinds[first:last] != Kind.EMPTY) + first
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
            kinds=kinds[some],
            texts=texts[first:last] if len(some) == last - first else texts.take(pa.array(some)),
            down=found.heights[found.cells.rows[some]],
            across=said.across[some],
        )
        return ReadRows(cells, np.stack(merges, axis=1).tolist())
