"""Faults of columns to error records: owns the place, the raw value and the hint that each of them names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from ..cells.cells import column_letters
from ..cells.display import displayed
from ..errors import CATALOGUE, ErrorRecord
from ..messages import say
from .wording import example, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..columns.converted import Fault
    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Table


COMMON_HINT: Final = say(
    "if the cells are as they should be, correct the field in the dataset; else the column in the file"
)
_COMMON_ROWS: Final = 2
"""One row is no pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyField:
    """A fault and the field whose column has it, with an example of what is wanted there."""

    field: Field
    fault: Fault
    wanted: str

    @classmethod
    def of(cls, field: Field, fault: Fault) -> Self:
        """Return a fault of a field."""
        return cls(field=field, fault=fault, wanted=example(field))


def cell_records(
    table: Table, dataset: Dataset, faults: Mapping[str, tuple[Fault, ...]], limit: int | None
) -> Iterator[ErrorRecord]:
    """Yield a record for every faulty cell, by row and then by column; at most `limit`."""
    found = [FaultyField.of(field, fault) for field in dataset.fields for fault in faults.get(field.name, ())]
    places = _places(table, found)[:limit]
    rows: dict[int, list[int]] = {}
    for row, _, number in places:
        rows.setdefault(number, []).append(row)
    # Shown many at once: one by one that would be most of the time that a record takes.
    raw = {number: iter(_raw(table, found[number].field, some)) for number, some in rows.items()}
    yield from (_record(table, dataset, found[number], row, next(raw[number])) for row, _, number in places)


def common_fault(table: Table, dataset: Dataset, faults: Mapping[str, tuple[Fault, ...]]) -> str | None:
    """Return what is wrong with a column in every row of data: that is about the dataset or the file, not the cells."""
    rows = int(table.data.sum())
    for field in dataset.fields:
        for fault in faults.get(field.name, ()):
            if rows >= _COMMON_ROWS and len(fault.index) == rows and not dataset.is_null_value(field):
                row = int(fault.index[0])
                [raw] = _raw(table, field, [row])
                first = _record(table, dataset, FaultyField.of(field, fault), row, raw)
                name = (
                    say("{name} ({title})", name=field.name, title=repr(first.header)) if first.header else field.name
                )
                if not first.cell:
                    return say("every row fails alike in field {name}: {reason}", name=name, reason=first.message)
                return say(
                    "every row fails alike in field {name}, as {cell}: {reason}",
                    name=name,
                    cell=first.cell,
                    reason=first.message,
                )
    return None


def _places(table: Table, found: Iterable[FaultyField]) -> list[tuple[int, int, int]]:
    """Return 0-based data row, column and number of each fault's cells, in the order of the sheet."""
    places: list[tuple[int, int, int]] = []
    for part in table.parts:
        stop = part.start + part.rows
        for number, item in enumerate(found):
            column = part.header.columns.get(item.field.name, -1)
            rows = item.fault.index[(item.fault.index >= part.start) & (item.fault.index < stop)]
            places.extend((row, column, number) for row in rows.tolist())
    return sorted(places)


def _record(table: Table, dataset: Dataset, item: FaultyField, row: int, raw: str | None) -> ErrorRecord:
    part = table.part_of(row)
    column = part.header.columns.get(item.field.name)
    labels = part.header.labels
    sheet_row = part.sheet_row(row)
    entry = CATALOGUE[item.fault.code]
    message, hint = told(item.fault, item.field, raw, item.wanted)
    return ErrorRecord(
        code=item.fault.code,
        message=message,
        hint=hint,
        severity="warning" if dataset.is_null_value(item.field) and entry.severity == "error" else entry.severity,
        sheet=part.sheet,
        row=sheet_row,
        column=None if column is None else column + 1,
        cell=None if column is None else f"{column_letters(column)}{sheet_row}",
        field=item.field.name,
        header=labels[column] if column is not None and column < len(labels) else None,
        raw=raw,
        expected=item.fault.expected,
        spec_version=dataset.version,
    )


def _raw(table: Table, field: Field, rows: Sequence[int]) -> list[str | None]:
    """Return what the cells of a field show in 0-based rows of the table."""
    cells = table.columns[field.name].at(np.array(rows, np.int64))
    texts: list[str | None] = displayed(cells, date1904=table.date1904).to_pylist()
    return texts


def row_record(table: Table, dataset: Dataset, code: str, row: int, message: str, raw: str | None) -> ErrorRecord:
    """Return the record of a whole row; `row` is the 0-based data row."""
    entry = CATALOGUE[code]
    part = table.part_of(row)
    return ErrorRecord(
        code=code,
        message=message,
        hint=entry.hint,
        severity=entry.severity,
        sheet=part.sheet,
        row=part.sheet_row(row),
        raw=raw,
        spec_version=dataset.version,
    )
