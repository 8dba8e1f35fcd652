"""What was done with rows and cells that nobody has to correct: one record each, with the first place and the count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..cells.arrow_masks import truth
from ..cells.cells import Kind, column_letters
from ..errors import CATALOGUE, ErrorRecord
from ..messages import say, say_n

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Table

_NUMERIC = ("integer", "number", "decimal")


def row_notes(
    table: Table, dataset: Dataset, duplicate: NDArray[np.bool_], superseded: NDArray[np.bool_]
) -> Iterator[ErrorRecord]:
    """Tell of rows that are empty, that are no data or only look so, or for which another of their key stays.

    `superseded` are those of the `duplicate` rows that are not even like it.
    """
    for code, rows, what in (
        ("row.blank", table.blank, say("empty")),
        ("row.footer", table.footer, say("no data: totals, page footers, or below the end of the table")),
        ("row.footer_doubtful", table.doubtful, say("taken for data: it begins as a footer does, but is none")),
        ("row.header", table.repeated, say("the header again, or a drawn line")),
        ("row.duplicate_exact", duplicate & ~superseded, say("the same as another one")),
        ("row.loaded_before", table.loaded, say("left out: corrected rows of these numbers were loaded before")),
        ("row.key_superseded", superseded, say("left out: a later row of the file has the same key")),
    ):
        if rows.any():
            count = int(rows.sum())
            message = say_n("{n} row is {what}", "{n} rows are {what}; the first of them is named", count, what=what)
            yield _note(code, message, table, dataset, rows, None)


def cell_notes(table: Table, dataset: Dataset, values: Mapping[str, pa.Array]) -> Iterator[ErrorRecord]:
    """Tell of the fields of which numbers were read from texts."""
    for field in dataset.fields:
        if field.type.kind not in _NUMERIC or field.name not in table.columns:
            continue
        rows = table.data & table.columns[field.name].has(Kind.TEXT) & truth(values[field.name].is_valid())
        if rows.any():
            message = say(
                "{numbers} numbers of field {name} were read from texts", numbers=int(rows.sum()), name=field.name
            )
            yield _note("cell.number_as_text", message, table, dataset, rows, field)


def fill_notes(table: Table, dataset: Dataset) -> Iterator[ErrorRecord]:
    """Tell of the fields of which cells were filled from merged ranges."""
    for field in dataset.fields:
        if field.name in table.filled:
            rows = table.filled[field.name]
            message = say(
                "{cells} cells of field {name} took the value of the merged range that they lie in",
                cells=int(rows.sum()),
                name=field.name,
            )
            yield _note("cell.merged_fill", message, table, dataset, rows, field)


def _note(
    code: str, message: str, table: Table, dataset: Dataset, rows: NDArray[np.bool_], field: Field | None
) -> ErrorRecord:
    first = np.flatnonzero(rows)[:1]
    part, row = table.part_of(int(first[0])), int(table.sheet_rows(first)[0])
    column = None if field is None else part.header.columns.get(field.name)
    labels = part.header.labels
    return ErrorRecord(
        code=code,
        message=message,
        hint=CATALOGUE[code].hint,
        severity=CATALOGUE[code].severity,
        sheet=part.sheet,
        row=row,
        column=None if column is None else column + 1,
        cell=None if column is None else f"{column_letters(column)}{row}",
        field=None if field is None else field.name,
        header=labels[column] if column is not None and column < len(labels) else None,
        spec_version=dataset.version,
    )
