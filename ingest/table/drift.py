"""Columns of the sheet that the dataset does not know, and fields that the sheet does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cells.cells import column_letters
from ..errors import CATALOGUE, ErrorRecord, FileRejectedError
from ..messages import either, in_a_row, say

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
        message=say(
            "no column is titled {titles}: field {name} is null in every row",
            titles=either(field.labels),
            name=field.name,
        ),
        hint=say("add the column, or take the field out of the dataset"),
        sheet=part.sheet,
        row=part.header.row + 1,
        field=field.name,
        expected=", ".join(field.labels),
        spec_version=dataset.version,
    )


def _extra(part: Part, dataset: Dataset, column: int) -> ErrorRecord:
    label = part.header.labels[column]
    frozen = dataset.contract.columns == "freeze"
    message = (
        say("no field is titled {title}, and the dataset freezes its columns", title=repr(label))
        if frozen
        else say("no field is titled {title}: the column is left out", title=repr(label))
    )
    return ErrorRecord(
        code="header.extra_column",
        severity="error" if frozen else CATALOGUE["header.extra_column"].severity,
        message=message,
        hint=CATALOGUE["header.extra_column"].hint,
        sheet=part.sheet,
        row=part.header.row + 1,
        column=column + 1,
        cell=f"{column_letters(column)}{part.header.row + 1}",
        header=label,
        spec_version=dataset.version,
    )


def _mapped(part: Part, mapping: ColumnMapping, dataset: Dataset) -> ErrorRecord:
    columns = [
        say("{title} as {name}", title=repr(title), name=name) if name else say("without {title}", title=repr(title))
        for title, name in mapping.columns.items()
    ]
    values = [
        say("{text} in {name} as {value}", text=repr(text), name=name, value=repr(value))
        for name, words in mapping.values.items()
        for text, value in words.items()
    ]
    entry = CATALOGUE["header.mapped"]
    return ErrorRecord(
        code="header.mapped",
        severity=entry.severity,
        message=say("read by a mapping for these titles: {what}", what=in_a_row((*columns, *values)))
        if columns or values
        else say("read by a mapping for these titles"),
        hint=entry.hint,
        sheet=part.sheet,
        row=part.header.row + 1,
        spec_version=dataset.version,
    )
