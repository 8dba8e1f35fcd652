"""Other tables that fields refer to, as the dataset declares them: verified by the catalogue; knows no statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..messages import say
from .facts import split_name
from .fit import MICROSECONDS, Fit, UnfitError, fit, numeric_size
from .sqlite_fit import fit as sqlite_fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..spec.reference import Reference
    from .facts import ColumnFacts, TableFacts

_INTEGERS: Final = ("int2", "int4", "int8")
_TEXTS: Final = frozenset({"text", "varchar", "bpchar", "citext"})
_SQLITE_NUMBERS: Final = frozenset({"INTEGER", "NUMERIC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A verified table that a field refers to: `sought` has the field's values, `gives` is what is loaded for them."""

    quoted: str
    sought: ColumnFacts
    gives: ColumnFacts | None
    fit: Fit


def table_of(dataset: Dataset, reference: Reference) -> tuple[str | None, str]:
    """Return schema and name of the other table; without a schema it lies in that of the dataset's table, if named."""
    schema, name = split_name(reference.table)
    return schema or split_name(dataset.load.table)[0], name


def referring(dataset: Dataset) -> Iterator[tuple[Field, Reference]]:
    """Yield the fields that refer to another table."""
    for field in dataset.fields:
        if field.parent is not None:
            yield field, field.parent


def found_parents(dataset: Dataset, parents: Mapping[str, TableFacts | None], dialect: str) -> dict[str, Parent]:
    """Return the tables that fields refer to, by field, where the references have no problems."""
    return {
        field.name: _parent_of(field, reference, facts, dialect)
        for field, reference in referring(dataset)
        if (facts := parents[field.name]) is not None
    }


def _parent_of(field: Field, reference: Reference, facts: TableFacts, dialect: str) -> Parent:
    """Return what the other table's catalogue says of a reference that has no problems."""
    sought = facts.columns[reference.field]
    found = sqlite_fit(field, sought) if dialect == "sqlite" else fit(field, sought)
    # Looked up without the column's length and scale: what is longer is not there, and is never cut to what is.
    stage = found.stage if found.exact is not None or dialect == "sqlite" else sought.cast
    gives = None if reference.gives is None else facts.columns[reference.gives]
    return Parent(quoted=facts.quoted, sought=sought, gives=gives, fit=Fit(stage=stage))


# -- what keeps a reference from being looked up ---------------------------------------------------------


def problems(dataset: Dataset, parents: Mapping[str, TableFacts | None], dialect: str) -> Iterator[str]:
    """Yield what keeps the declared references from being looked up, with what to change."""
    for field, reference in referring(dataset):
        facts = parents[field.name]
        if facts is None:
            yield say(
                "field {name} refers to table {table}, which is not there; correct its name",
                name=field.name,
                table=reference.table,
            )
            continue
        wanted = [reference.field, *([reference.gives] if reference.gives is not None else [])]
        if missing := [name for name in wanted if name not in facts.columns]:
            yield say(
                "field {name} refers to {columns} of table {table}, which has no such column; name one of {known}",
                name=field.name,
                columns=", ".join(missing),
                table=reference.table,
                known=", ".join(facts.columns),
            )
            continue
        yield from _of_columns(field, reference, facts, dialect)


def _of_columns(field: Field, reference: Reference, facts: TableFacts, dialect: str) -> Iterator[str]:
    sought = facts.columns[reference.field]
    try:
        (sqlite_fit if dialect == "sqlite" else fit)(field, sought)
    except UnfitError as error:
        yield say("field {name} refers to table {table}: {error}", name=field.name, table=reference.table, error=error)
    if not sought.has_equality:
        yield say(
            "field {name} refers to {column} of table {table}, which is {declared}: its values cannot be compared; "
            "refer to another column",
            name=field.name,
            column=reference.field,
            table=reference.table,
            declared=sought.declared,
        )
    alone = [
        index for index in facts.unique if index.columns == (reference.field,) and index.valid and not index.predicate
    ]
    if reference.gives is not None and not alone:
        yield say(
            "{column} is not unique in table {table}, so that one value may give several {gives}; create a unique "
            "index on it, or look up another column",
            column=reference.field,
            table=reference.table,
            gives=reference.gives,
        )
    if "SELECT" in facts.missing_rights:
        yield say(
            "this role may not SELECT in table {table}, to which field {name} refers; run GRANT SELECT ON {quoted} "
            "TO the role",
            table=reference.table,
            name=field.name,
            quoted=facts.quoted,
        )


def unfit_columns(dataset: Dataset, facts: TableFacts, parents: Mapping[str, Parent], dialect: str) -> Iterator[str]:
    """Yield what keeps columns of the dataset's table from the values that are looked up, or compared."""
    for field, reference in referring(dataset):
        column, parent = facts.columns.get(field.name), parents[field.name]
        if column is None:
            continue
        if parent.gives is not None and not _carries(parent.gives, column, dialect):
            yield say(
                "column {name} is {declared}, which cannot hold {gives} of table {table}, {type}, without loss; "
                "give it that type, or look up another column",
                name=field.name,
                declared=column.declared,
                gives=reference.gives,
                table=reference.table,
                type=parent.gives.declared,
            )
        if parent.gives is None and not _compares(column, parent.sought, dialect):
            yield say(
                "column {name} is {declared}, and {column} of table {table} is {type}: they cannot be compared; "
                "refer to a column of that type",
                name=field.name,
                declared=column.declared,
                column=reference.field,
                table=reference.table,
                type=parent.sought.declared,
            )


def _carries(source: ColumnFacts, column: ColumnFacts, dialect: str) -> bool:
    """Say whether a column keeps every value of another one; one that is too long or too large is refused by itself."""
    if dialect == "sqlite":
        return column.category in (source.category, "BLOB") or {source.category, column.category} <= _SQLITE_NUMBERS
    if source.declared == column.declared:
        return True
    if source.base in _INTEGERS:
        whole = column.base == "numeric" and (column.modifier < 0 or numeric_size(column.modifier)[1] >= 0)
        return whole or column.base in _INTEGERS
    if source.base in _TEXTS:
        return column.base in _TEXTS
    return source.base == column.base and source.builtin and column.modifier in (-1, MICROSECONDS)


def _compares(column: ColumnFacts, sought: ColumnFacts, dialect: str) -> bool:
    if dialect == "sqlite":
        return True
    alike = column.category in ("N", "S") and column.category == sought.category
    return alike or (column.base == sought.base and (column.builtin or column.cast == sought.cast))
