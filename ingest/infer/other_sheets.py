"""The other sheets of a sample's workbook: in which of them a dataset might find its table; drafts nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FileRejectedError
from ..table.table import header_of

if TYPE_CHECKING:
    from ..cells.cells import SheetCells
    from ..formats.readers import Book
    from ..spec.dataset import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetHead:
    """The first rows of a sheet; no cells where it cannot be read."""

    name: str
    cells: SheetCells | None

    def has_table(self, dataset: Dataset) -> bool:
        """Say whether the dataset might find its table here, or be refused for what it finds."""
        if self.cells is None:
            return True
        try:
            return bool(self.cells.rows) and bool(header_of(self.cells, dataset, self.name))
        except FileRejectedError as error:
            return error.record.code != "header.not_found"


def other_heads(book: Book, index: int, rows: int) -> tuple[SheetHead, ...]:
    """Return so many first rows of each sheet that a dataset looks at besides the one at `index`."""
    others = [place for place, (_, shown) in enumerate(book.sheets) if place != index and shown == "visible"]
    return tuple(SheetHead(name=book.sheets[place][0], cells=_head(book, place, rows)) for place in others)


def _head(book: Book, place: int, rows: int) -> SheetCells | None:
    try:
        cells = book.read(place)
    except FileRejectedError:
        return None
    first = np.arange(min(rows, cells.rows))
    # Taken, not cut: what is cut keeps all of the sheet in memory.
    columns = {number: column.at(first) for number, column in cells.columns.items()}
    merges = tuple(merge for merge in cells.merges if merge.bottom < len(first))
    return replace(cells, rows=len(first), columns=columns, merges=merges, totals=(), records=None)
