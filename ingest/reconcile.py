"""Sums against the footer: a file whose rows do not add up to its own totals is not loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import Kind, column_letters
from .errors import rejected
from .validate import convert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .spec import Dataset
    from .table import Table


def reconcile(table: Table, values: Mapping[str, pa.Array], dataset: Dataset) -> None:
    """Compare the sum of each column named by `expect.reconcile` with the footer.

    All rows that hold data count, those that are rejected or repeated too: they are in the sheet's own total.

    Raises:
        FileRejectedError: `table.reconcile_mismatch`.

    """
    for name in dataset.expect.reconcile:
        _compare(table, name, values[name], dataset)


def _compare(table: Table, name: str, values: pa.Array, dataset: Dataset) -> None:
    column = table.columns[name]
    totals = np.flatnonzero(table.footer & (column.kinds != Kind.EMPTY))
    if not len(totals):
        raise rejected("table.reconcile_mismatch", f"no footer has a total of field {name}", sheet=table.sheet)
    row = int(totals[0])
    part = table.part_of(row)
    place = f"{column_letters(part.header.columns[name])}{int(table.sheet_rows(totals[:1])[0])}"
    field = next(field for field in dataset.fields if field.name == name)
    live = np.zeros(table.rows, np.bool_)
    live[row] = True
    total = convert(column, live, field, date1904=table.date1904).values[row].as_py()
    found = pc.sum(values.filter(pa.array(table.data))).as_py() or 0
    if total is None:
        message = f"the total in {place} is not a value of type {field.type}"
        raise rejected("table.reconcile_mismatch", message, sheet=part.sheet)
    if total != found:
        message = f"the rows of field {name} add up to {found}, the footer in {place} says {total}"
        raise rejected("table.reconcile_mismatch", message, sheet=part.sheet)
