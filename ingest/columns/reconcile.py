"""Sums against the footer: a file whose rows do not add up to its own totals is not loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.cells import Kind, column_letters
from ..errors import rejected
from ..messages import say
from .validate import convert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import FileRejectedError
    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Part, Table


def reconcile(table: Table, values: Mapping[str, pa.Array], dataset: Dataset) -> None:
    """Compare the sum of each column named by `expect.reconcile` with the footer, on each sheet of the table.

    All rows that hold data count, those that are rejected or repeated too: they are in the sheet's own total.

    Raises:
        FileRejectedError: `table.reconcile_mismatch`.

    """
    for field in dataset.fields:
        if field.name in dataset.expect.reconcile:
            for part in table.parts:
                _compare(table, part, field, values[field.name])


def _compare(table: Table, part: Part, field: Field, values: pa.Array) -> None:
    column = table.columns[field.name]
    here = np.zeros(table.rows, np.bool_)
    here[part.start : part.start + part.rows] = True
    totals = np.flatnonzero(here & table.footer & (column.kinds != Kind.EMPTY))
    if not len(totals):
        raise _mismatch(say("no footer has a total of field {name}", name=field.name), part)
    place = f"{column_letters(part.header.columns[field.name])}{int(table.sheet_rows(totals[:1])[0])}"
    live = np.zeros(table.rows, np.bool_)
    live[totals[0]] = True
    total = convert(column, live, field, date1904=table.date1904).values[int(totals[0])].as_py()
    found = pc.sum(values.filter(pa.array(here & table.data))).as_py() or 0
    if total is None:
        raise _mismatch(say("the total in {place} is not a value of type {type}", place=place, type=field.type), part)
    if total != found:
        raise _mismatch(
            say(
                "the rows of field {name} add up to {found}, the footer in {place} says {total}",
                name=field.name,
                found=found,
                place=place,
                total=total,
            ),
            part,
        )


def _mismatch(message: str, part: Part) -> FileRejectedError:
    return rejected("table.reconcile_mismatch", message, sheet=part.sheet)
