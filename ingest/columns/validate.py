"""Columns of a table to typed columns and faults: owns the order of the checks and what becomes of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import may_begin_with, truth
from ..cells.batches import alike
from ..cells.cells import Column, Kind, concat_columns
from ..cells.display import displayed
from ..cells.error_values import TOO_NARROW
from ..cells.styles import without_zeros
from ..messages import say
from ..parallel import each
from .constraints import check_constraints
from .converted import Converted, Fault, fault, faulty
from .numeric import convert_decimal, convert_integer, convert_number
from .temporal import convert_date, convert_datetime, convert_duration, convert_time
from .textual import convert_boolean, convert_string, nul_fault, with_nul
from .unbatch import taken_apart
from .unforeseen import Place, failing_row, values_refused

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from numpy.typing import NDArray

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Table

    Mask = NDArray[np.bool_]

BROKEN: Final = (Kind.ERROR, Kind.UNCACHED, Kind.MALFORMED)
"""Kinds of cells that hold no value."""
_WHICH_FIELD: Final = frozenset({"name", "header", "on_error"})
"""Settings of a field that change nothing in how its cells are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The typed values of each field, its faults, and the data rows that must not be loaded because of them."""

    columns: Mapping[str, pa.Array]
    faults: Mapping[str, tuple[Fault, ...]]
    rejected: Mask


def check_columns(table: Table, dataset: Dataset) -> Checked:
    """Type and check every field of a table, whole columns at a time."""
    fields, data = dataset.fields, table.data
    groups = alike((_treatment(field, dataset) for field in fields), table.rows)

    def checked(places: list[int]) -> Iterable[Converted]:
        column = concat_columns([table.columns[fields[place].name] for place in places])
        lines = data if len(places) == 1 else np.tile(data, len(places))

        def check(column: Column, lines: Mask) -> Converted:
            return check_field(column, lines, fields[places[0]], dataset, date1904=table.date1904)

        def blamed() -> Place:
            line = failing_row(len(lines), lambda some: check(column.at(some), lines[some]))
            if line is None:
                return Place(field=fields[places[0]].name if len(places) == 1 else None, sheet=table.sheet)
            place, row = divmod(line, table.rows)
            part = table.part_of(row)
            return Place(field=fields[places[place]].name, sheet=part.sheet, row=part.sheet_row(row))

        with values_refused(blamed):
            found = check(column, lines)
        return (found,) if len(places) == 1 else taken_apart(found, len(places))

    found: dict[int, Converted] = {}
    for places, results in zip(groups, each(checked, groups, table.rows * len(fields)), strict=True):
        found.update(zip(places, results, strict=True))
    bad = np.zeros(table.rows, np.bool_)
    for place, field in enumerate(fields):
        if found[place].faults and not dataset.is_null_value(field):
            bad |= faulty(found[place].faults, table.rows)
    return Checked(
        columns={field.name: found[place].values for place, field in enumerate(fields)},
        faults={field.name: found[place].faults for place, field in enumerate(fields)},
        rejected=bad,
    )


def _treatment(field: Field, dataset: Dataset) -> Hashable:
    """Return what is the same for fields whose cells are treated the same, each cell by itself."""
    if field.constraints.unique or field.name in dataset.primary_key:
        return field.name
    return tuple(setting for name, setting in field if name not in _WHICH_FIELD)


def check_field(column: Column, data: Mask, field: Field, dataset: Dataset, *, date1904: bool) -> Converted:
    """Type and check the cells of one field's column that are `data`; faults are by 0-based row."""
    # The zeros that a format shows in front are digits of an identifier, and of nothing else.
    plain = without_zeros(column)
    missing = absent(plain, dataset)
    broken = _broken_cells(column, data & ~missing, dataset)
    nothing = missing | ~data | column.has(*BROKEN)
    converted = convert(column if field.id else plain, ~nothing, field, date1904=date1904)
    wrong = faulty((*broken, *converted.faults), len(data)) | ~data
    limits = check_constraints(converted.values, wrong, field)
    keyed: tuple[Fault, ...] = ()
    if field.name in dataset.primary_key and not field.constraints.required:
        empty = truth(pc.is_null(converted.values)) & ~wrong
        keyed = fault("row.key_null", empty, say("a field of the key is empty"), str(field.type))
    faults = (*broken, *converted.faults, *limits, *keyed)
    values = converted.values
    if limits:
        fine = pa.array(~faulty(limits, len(data)))
        values = pc.if_else(fine, values, pa.scalar(None, values.type))
    return Converted(values=values, faults=faults)


def too_narrow(column: Column) -> Mask:
    """Say which cells that are broken show only the signs for a value that did not fit into its column."""
    signs: Mask = (column.kinds == Kind.MALFORMED) & truth(pc.match_substring_regex(column.texts, TOO_NARROW))
    return signs


def _broken_cells(column: Column, data: Mask, dataset: Dataset) -> tuple[Fault, ...]:
    if not column.has(*BROKEN).any():
        return ()
    uncached = data & (column.kinds == Kind.UNCACHED)
    malformed = data & (column.kinds == Kind.MALFORMED)
    narrow = data & too_narrow(column)
    faults = (
        *fault("cell.formula_no_cache", uncached, say("the formula has no stored result"), say("a value")),
        *fault(
            "cell.type",
            malformed & ~narrow,
            say("the file calls it a number, a boolean or a date, but it is none"),
            say("a value"),
        ),
        *fault(
            "cell.type",
            narrow,
            say("a spreadsheet wrote # for a value too wide for its column: widen the column, and save the file again"),
            say("a value"),
        ),
    )
    if dataset.error_cells == "null":
        return faults
    errors = data & (column.kinds == Kind.ERROR)
    return (*faults, *fault("cell.excel_error", errors, say("the cell shows an error"), say("a value")))


def absent(column: Column, dataset: Dataset) -> Mask:
    """Say which cells hold nothing, or one of the texts that mean nothing."""
    known = tuple(text.strip() for text in dataset.missing_values)
    texts = column.texts
    if any(text[-1:].isdecimal() for text in dataset.missing_values):
        # A number that means nothing does so however many zeros the file has behind its point.
        texts = displayed(column, date1904=False)
    meant = column.has(Kind.TEXT, Kind.NUMBER, Kind.MALFORMED, Kind.ERROR)
    perhaps = np.flatnonzero(meant & may_begin_with(texts, known))
    nothing: Mask = column.kinds == Kind.EMPTY
    if len(perhaps):
        shown = pc.utf8_trim_whitespace(texts.take(pa.array(perhaps)))
        nothing[perhaps] = truth(pc.is_in(shown, value_set=pa.array(known, pa.large_string())))
    return nothing


def convert(column: Column, live: Mask, field: Field, *, date1904: bool) -> Converted:
    """Convert the cells at `live` to the field's type, without looking at its constraints."""
    nul = live & with_nul(column.texts) if field.type.kind != "string" else np.zeros(len(live), np.bool_)
    if not nul.any():
        return _converted(column, live, field, date1904=date1904)
    # Nobody sees what else would be wrong with a number or a date that has one.
    found = _converted(column, live & ~nul, field, date1904=date1904)
    return Converted(values=found.values, faults=(*found.faults, *nul_fault(nul, str(field.type))))


def _converted(column: Column, live: Mask, field: Field, *, date1904: bool) -> Converted:
    match field.type.kind:
        case "string":
            return convert_string(column, live, field, date1904=date1904)
        case "integer":
            return convert_integer(column, live, field)
        case "number":
            return convert_number(column, live, field)
        case "decimal":
            return convert_decimal(column, live, field)
        case "boolean":
            return convert_boolean(column, live, field, date1904=date1904)
        case "date":
            return convert_date(column, live, field, date1904=date1904)
        case "datetime":
            return convert_datetime(column, live, field, date1904=date1904)
        case "time":
            return convert_time(column, live, field)
        case "duration":
            return convert_duration(column, live, field)
