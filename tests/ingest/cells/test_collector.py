"""Cells that come one by one and many at once, in turns, make one sheet in which each is at its place."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ingest.cells.cells import Kind
from ingest.cells.collector import CellCollector, RepeatedCells
from ingest.errors import FileRejectedError


def rows_of(first: int, count: int, *, across: int = 1) -> RepeatedCells:
    """Return so many rows from one on, each with its number in column A or as often as said."""
    ones = np.ones(count, np.int64)
    return RepeatedCells(
        rows=np.arange(first, first + count),
        columns=np.zeros(count, np.int64),
        kinds=np.full(count, Kind.NUMBER, np.uint8),
        texts=pa.array([str(row) for row in range(first, first + count)], pa.large_string()),
        down=ones,
        across=ones * across,
    )


@pytest.mark.parametrize("counts", [[], [1], [70_000], [1 << 16], [40_000, 40_000, 3], [2, 70_000, 70_000]])
def test_cells_are_at_their_places(counts: list[int]) -> None:
    cells, row = CellCollector("S", 10**7), 0
    for count in counts:
        cells.add_all(rows_of(row, count))
        cells.add(row + count, 0, Kind.NUMBER, str(row + count))
        row += count + 1
    sheet = cells.sheet(date1904=False)
    assert sheet.rows == row
    assert [column.texts.to_pylist() for column in sheet.columns.values()] == [list(map(str, range(row)))] * bool(row)
    assert cells.sheet(date1904=False) is sheet


def test_the_first_cell_beyond_the_limit_is_named_by_its_row() -> None:
    cells = CellCollector("S", 100)
    cells.add_all(rows_of(0, 10, across=10))
    with pytest.raises(FileRejectedError) as caught:
        cells.add_all(rows_of(10, 5))
    assert (caught.value.record.code, caught.value.record.row) == ("file.cell_limit", 11)
