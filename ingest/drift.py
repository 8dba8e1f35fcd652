"""Columns of the sheet that the dataset does not know, and fields that the sheet does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cells import column_letters
from .errors import CATALOGUE, ErrorRecord, FileRejectedError

if TYPE_CHECKING:
    from .spec import Dataset
    from .table import Table


def find_drift(table: Table, dataset: Dataset) -> tuple[ErrorRecord, ...]:
    """Return a warning for each optional field without a column: it is loaded as null.

    Raises:
        FileRejectedError: the dataset freezes its columns, and some are missing or unknown ones are there.

    """
    missing = tuple(
        _missing(table, dataset, field.name) for field in dataset.fields if field.name not in table.header.columns
    )
    if dataset.contract.columns == "freeze":
        extra = tuple(_extra(table, dataset, column) for column in table.header.extra)
        for record in (*missing, *extra):
            raise FileRejectedError(record)
    return missing


def _missing(table: Table, dataset: Dataset, name: str) -> ErrorRecord:
    field = next(field for field in dataset.fields if field.name == name)
    return ErrorRecord(
        code="header.drift",
        severity=CATALOGUE["header.drift"].severity,
        message=f"no column is titled {' or '.join(field.labels)}: field {name} is null in every row",
        hint="add the column, or take the field out of the dataset",
        sheet=table.sheet,
        row=table.header.row + 1,
        field=name,
        expected=", ".join(field.labels),
        spec_version=dataset.version,
    )


def _extra(table: Table, dataset: Dataset, column: int) -> ErrorRecord:
    label = table.header.labels[column]
    return ErrorRecord(
        code="header.extra_column",
        message=f"no field is titled {label!r}, and the dataset freezes its columns",
        hint=CATALOGUE["header.extra_column"].hint,
        sheet=table.sheet,
        row=table.header.row + 1,
        column=column + 1,
        cell=f"{column_letters(column)}{table.header.row + 1}",
        header=label,
        spec_version=dataset.version,
    )
