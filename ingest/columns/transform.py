"""The dataset's own function between check and load: a pandas DataFrame in, the same rows out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from ..errors import FileRejectedError, is_of_the_machine, rejected, told
from ..messages import say
from .constraints import check_constraints
from .converted import faulty
from .returned import NotHeldError, held
from .unforeseen import failing_row
from .validate import Checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Table

    Function = Callable[[pd.DataFrame], pd.DataFrame]

_THEIRS: Final = (Exception, SystemExit, KeyboardInterrupt)
"""What the application's code may raise; a worker gets no signal that raises the last of them."""


def transformed(table: Table, checked: Checked, dataset: Dataset, name: str) -> Checked:
    """Return the values as the function `name` ("module:function") makes them of the rows that are fine.

    It gets a DataFrame of Arrow-backed columns, one for each field, indexed by sheet row, and returns one with the
    same rows and fields; the values are held to the fields' types and constraints again.

    Raises:
        FileRejectedError: `table.transform_failed`, with the dataset, the function, and the row where it can be told.

    """
    call = _Call(dataset, name, table.sheet)
    fine = np.flatnonzero(table.data & ~checked.rejected)
    if not len(fine):
        # A function that looks at its rows fails of none, and would be blamed for what is wrong with all of them.
        return checked
    arrow = pa.table({field: values.take(pa.array(fine)) for field, values in checked.columns.items()})
    frame = arrow.to_pandas(types_mapper=pd.ArrowDtype)
    frame.index = pd.Index(table.sheet_rows(fine), name="row")
    result = call.run(frame)
    place = np.full(table.rows, -1, np.int64)
    place[fine] = np.arange(len(fine))
    index = pa.array(place, mask=place < 0)
    values = {
        field.name: call.column(result, field, checked.columns[field.name].type).take(index) for field in dataset.fields
    }
    _check_again(call, table, dataset, values, fine)
    return Checked(columns=values, faults=checked.faults, rejected=checked.rejected)


def _check_again(
    call: _Call, table: Table, dataset: Dataset, values: dict[str, pa.Array], fine: NDArray[np.int64]
) -> None:
    other = np.ones(table.rows, np.bool_)
    other[fine] = False
    for field in dataset.fields:
        wrong = faulty(check_constraints(values[field.name], other, field), table.rows)
        if field.name in dataset.primary_key:
            wrong |= values[field.name].is_null().to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(wrong & ~other)
        if len(rows):
            row = int(table.sheet_rows(rows[:1])[0])
            raise call.failed(
                say("it made a value of field {name} that the dataset does not allow", name=field.name), row
            )


class _Call:
    """One function of one dataset, and how its failures are told."""

    def __init__(self, dataset: Dataset, name: str, sheet: str | None) -> None:
        self._dataset, self._name, self._sheet = dataset, name, sheet
        module, _, function = name.partition(":")
        try:
            self._function: Function = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise self.failed(
                say("it cannot be imported: {error}; put its module on PYTHONPATH", error=told(error))
            ) from error
        except _THEIRS as error:
            if is_of_the_machine(error):
                raise
            raise self._raised(error) from error

    def run(self, frame: pd.DataFrame) -> pd.DataFrame:
        try:
            result = self._function(frame.copy())
        except _THEIRS as error:
            if is_of_the_machine(error):
                raise
            row = failing_row(len(frame), lambda some: self._function(frame.iloc[some].copy()))
            raise self._raised(error, None if row is None else int(frame.index[row])) from error
        if not isinstance(result, pd.DataFrame):
            raise self.failed(say("it returned a {kind}, not a DataFrame", kind=type(result).__name__))
        if not result.index.equals(frame.index):
            raise self.failed(
                say(
                    "it returned {returned} rows with another index than the {given} rows it got",
                    returned=len(result),
                    given=len(frame),
                )
            )
        if twice := result.columns[result.columns.duplicated()].intersection(frame.columns).tolist():
            raise self.failed(say("it returned two columns {names}", names=", ".join(twice)))
        if missing := [name for name in frame.columns if name not in result.columns]:
            raise self.failed(say("it returned no column {names}", names=", ".join(missing)))
        return result

    def _raised(self, error: BaseException, row: int | None = None) -> FileRejectedError:
        return self.failed(say("it raised {kind}: {error}", kind=type(error).__name__, error=told(error)), row)

    def column(self, frame: pd.DataFrame, field: Field, kind: pa.DataType) -> pa.Array:
        series: Any = frame[field.name]
        try:
            return held(series, field, kind)
        except NotHeldError as error:
            index = error.index
            if index is None:
                index = failing_row(len(series), lambda some: held(series.iloc[some], field, kind))
            raise self.failed(
                say("its values of field {field} are not of the field's type: {error}", field=field.name, error=error),
                None if index is None else int(frame.index[index]),
            ) from error

    def failed(self, reason: str, row: int | None = None) -> FileRejectedError:
        name, dataset = self._name, self._dataset.dataset
        message = (
            say("transform {name} of dataset {dataset}: {reason}", name=name, dataset=dataset, reason=reason)
            if row is None
            else say(
                "transform {name} of dataset {dataset}, row {row}: {reason}",
                name=name,
                dataset=dataset,
                row=row,
                reason=reason,
            )
        )
        return rejected("table.transform_failed", message, sheet=self._sheet)
