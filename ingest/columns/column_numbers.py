"""The numbers that a field's column holds in some rows, as doubles; knows no totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.styles import without_zeros
from ..spec.field import FieldType
from .validate import absent, convert

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Table

SUMMED: Final = ("integer", "number", "decimal", "duration")
"""The kinds of fields that have numbers which can be added up."""
ROUNDING: Final = 1e-9
"""What a sum may be off, as a share of what was added up: a spreadsheet adds doubles."""
_NUMBER: Final = FieldType.model_construct(kind="number")


def numbers_of(
    field: Field, table: Table, dataset: Dataset, here: slice
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the values of a field in some rows as doubles, NaN for none, and which cells are filled but have none.

    Hours and kinds of numbers are alike.
    """
    column = without_zeros(table.columns[field.name].part(here))
    live = ~absent(column, dataset)
    spans = field.type.kind == "duration"
    asked = field if spans else field.model_copy(update={"type": _NUMBER})
    values = convert(column, live, asked, date1904=table.date1904).values
    numbers = values.cast(pa.int64()).cast(pa.float64()) if spans else values
    doubles: NDArray[np.float64] = pc.fill_null(numbers, np.nan).to_numpy(zero_copy_only=False)
    return doubles, live & np.isnan(doubles)
