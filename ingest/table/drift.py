"""Columns of the sheet that the dataset does not know, and fields that the sheet does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cells.cells import column_letters
from ..errors import CATALOGUE, ErrorRecord, FileRejectedError
from ..messages import either, in_a_row, say
from .header import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..spec.mapping import ColumnMapping
    from .table import Part, Table


def find_drift(table: Table, dataset: Dataset) -> tuple[ErrorRecord, ...]:
    """Return a warning for each optional field without a column, and for each column left out by the contract.

    Without titles, which say what a column is, each that is left out is told of. Where a mapping was followed, a note
    says so.

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
    # What it is that nobody declared, no title says.
    told = ("discard_value",) if part.header.row >= 0 else ("discard_value", None)
    for record in (_extra(part, dataset, column) for column in part.header.extra):
        if frozen:
            raise FileRejectedError(record)
        if dataset.contract.columns in told:
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
        hint=_hint(part),
        sheet=part.sheet,
        row=part.header.row + 1,
        field=field.name,
        expected=", ".join(field.labels),
        spec_version=dataset.version,
    )


def _hint(part: Part) -> str:
    unknown = [part.header.labels[column] or "" for column in part.header.extra]
    if not unknown:
        return say("add the column, or take the field out of the dataset")
    return say(
        "if its column is one that no field has ({titles}), add that title to the field's header list; if not, add the "
        "column, or take the field out of the dataset",
        titles=listed(unknown),
    )


def _extra(part: Part, dataset: Dataset, column: int) -> ErrorRecord:
    letters, frozen = column_letters(column), dataset.contract.columns == "freeze"
    untitled = part.header.row < 0
    row = None if untitled else part.header.row + 1
    label = None if untitled else part.header.labels[column]
    entry = CATALOGUE["header.extra_column"]
    return ErrorRecord(
        code="header.extra_column",
        severity="error" if frozen else entry.severity,
        message=_untitled(letters, frozen=frozen) if untitled else _titled(label, frozen=frozen),
        hint=entry.hint,
        sheet=part.sheet,
        row=row,
        column=column + 1,
        cell=None if untitled else f"{letters}{row}",
        header=label,
        spec_version=dataset.version,
    )


def _titled(label: str | None, *, frozen: bool) -> str:
    if frozen:
        return say("no field is titled {title}, and the dataset freezes its columns", title=repr(label))
    return say("no field is titled {title}: the column is left out", title=repr(label))


def _untitled(letters: str, *, frozen: bool) -> str:
    if frozen:
        return say("column {column} is behind all fields, and the dataset freezes its columns", column=letters)
    return say("column {column} is behind all fields: it is left out", column=letters)


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
