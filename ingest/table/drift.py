"""Columns of the sheet that the dataset does not know, and fields that the sheet does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cells.cells import column_letters
from ..errors import CATALOGUE, ErrorRecord, FileRejectedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..spec.mapping import ColumnMapping
    from .table import Part, Table


def find_drift(table: Table, dataset: Dataset) -> tuple[ErrorRecord, ...]:
    """Return a warning for each optional field without a column, and for each column left out by the contract.

    Where a mapping was followed, a note says so.

    Raises:
        FileRejectedError: the dataset freezes its columns, and some are missing or unknown ones are there.

    """
    return tuple(record for part in table.parts for record in _of_part(part, dataset))


def _of_part(part: Part, dataset: Dataset) -> Iterator[ErrorRecord]:
    missing = [field for field in dataset.cell_fields if field.name not in part.header.columns]
    frozen = dataset.contract.columns == "freeze"
    for record in (_missing(part, dataset, field) for field in missing):
        if frozen:
            raise FileRejectedError(record)
        yield record
    for record in (_extra(part, dataset, column) for column in part.header.extra):
        if frozen:
            raise FileRejectedError(record)
        if dataset.contract.columns == "discard_value":
            yield record
    if part.header.mapping is not None:
        yield _mapped(part, part.header.mapping, dataset)


def _missing(part: Part, dataset: Dataset, field: Field) -> ErrorRecord:
    return ErrorRecord(
        code="header.drift",
        severity=CATALOGUE["header.drift"].severity,
        message=f"no column is titled {' or '.join(field.labels)}: field {field.name} is null in every row",
        hint="add the column, or take the field out of the dataset",
        sheet=part.sheet,
        row=part.header.row + 1,
        field=field.name,
        expected=", ".join(field.labels),
        spec_version=dataset.version,
    )


def _extra(part: Part, dataset: Dataset, column: int) -> ErrorRecord:
    label = part.header.labels[column]
    frozen = dataset.contract.columns == "freeze"
    end = ", and the dataset freezes its columns" if frozen else ": the column is left out"
    return ErrorRecord(
        code="header.extra_column",
        severity="error" if frozen else CATALOGUE["header.extra_column"].severity,
        message=f"no field is titled {label!r}{end}",
        hint=CATALOGUE["header.extra_column"].hint,
        sheet=part.sheet,
        row=part.header.row + 1,
        column=column + 1,
        cell=f"{column_letters(column)}{part.header.row + 1}",
        header=label,
        spec_version=dataset.version,
    )


def _mapped(part: Part, mapping: ColumnMapping, dataset: Dataset) -> ErrorRecord:
    columns = [f"{title!r} as {name}" if name else f"not {title!r}" for title, name in mapping.columns.items()]
    values = [
        f"{text!r} in {name} as {value!r}" for name, words in mapping.values.items() for text, value in words.items()
    ]
    entry = CATALOGUE["header.mapped"]
    return ErrorRecord(
        code="header.mapped",
        severity=entry.severity,
        message=f"read by a mapping for these titles: {', '.join((*columns, *values)) or 'as the dataset says'}",
        hint=entry.hint,
        sheet=part.sheet,
        row=part.header.row + 1,
        spec_version=dataset.version,
    )
