"""The table that a dataset is loaded into: its names for the load's statements, verified against the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ..messages import say
from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW
from ..spec.field import bound_value
from . import catalogue, sqlite_catalogue
from .creation import create_table
from .fit import Fit, UnfitError, fit
from .given import expression, literal
from .loaded import TargetMismatchError
from .named_table import ledger_is_meant, place_of, read_facts, refuse_unless_meant
from .references import found_parents, problems, referring, table_of, unfit_columns
from .sqlite_fit import fit as sqlite_fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import Connection

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..spec.load import Given
    from .facts import ColumnFacts, TableFacts
    from .references import Parent

NAME_BYTES: Final = 63
"""How long a name may be in PostgreSQL (NAMEDATALEN, less one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A verified table. `fits` says of each field how it is staged.

    `parents` has the tables that fields refer to; `insert_only` and `set` the SQL of columns without a field, `empty`
    that of what is loaded for empty cells of fields. `made` says that this transaction has made the table: nobody else
    sees it yet.
    """

    facts: TableFacts
    fits: Mapping[str, Fit]
    parents: Mapping[str, Parent]
    insert_only: Mapping[str, str]
    set: Mapping[str, str]
    empty: Mapping[str, str]
    made: bool = False

    @property
    def quoted(self) -> str:
        """The whole name, quoted."""
        return self.facts.quoted

    def gives(self, name: str) -> ColumnFacts | None:
        """Return the column of another table whose value is loaded for a field; None if its own is."""
        parent = self.parents.get(name)
        return parent.gives if parent else None

    def read_as(self, name: str) -> ColumnFacts:
        """Return the column whose type a field's values have: the table's, or the one that they are looked up in."""
        return self.parents[name].sought if self.gives(name) else self.facts.columns[name]


class Targets:
    """The tables that were verified before: looked at again only when the catalogue says something else of them."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, Target]] = {}
        self._new: set[str] = set()
        self._tried: dict[tuple[str, str, tuple[str, ...]], Target] = {}

    def prepare(self, connection: Connection, dataset: Dataset) -> Target:
        """Do what `prepare_target` does, or return what it found when nothing has changed since.

        Raises:
            TargetMismatchError: the table cannot take the rows; the message says what to change.

        """
        key = (dataset.dataset, dataset.digest)
        before = _fingerprint(connection, dataset)
        if before is not None and self._known.get(key, ("", None))[0] == before:
            return self._known[key][1]
        self._new.add(dataset.dataset)
        target = prepare_target(connection, dataset)
        # A table that was made just now is gone again when this transaction is undone.
        if before is not None and before == _fingerprint(connection, dataset):
            self._known[key] = before, target
        return target

    def met_another(self, dataset: Dataset) -> bool:
        """Say, once, whether the table that a load met was not the one that had been verified before."""
        met = dataset.dataset in self._new
        self._new.discard(dataset.dataset)
        return met

    def is_tried(self, dataset: Dataset, target: Target, fields: tuple[str, ...]) -> bool:
        """Say whether it was tried, since the catalogue last said something else, if the fields can be written."""
        return self._tried.get((dataset.dataset, dataset.digest, fields)) is target

    def note_tried(self, dataset: Dataset, target: Target, fields: tuple[str, ...]) -> None:
        """Take note that they can."""
        self._tried[dataset.dataset, dataset.digest, fields] = target


def _fingerprint(connection: Connection, dataset: Dataset) -> str | None:
    if connection.dialect.name == "sqlite":
        return sqlite_catalogue.fingerprint(connection)
    places = [place_of(dataset), *(table_of(dataset, reference) for _, reference in referring(dataset))]
    prints = [catalogue.fingerprint(connection, *place) for place in places]
    return None if prints[0] is None else " | ".join(map(str, prints))


def read_parents(connection: Connection, dataset: Dataset) -> dict[str, TableFacts | None]:
    """Return for each field that refers to another table what the database says of that; None if there is none."""
    return {
        field.name: read_facts(connection, *table_of(dataset, reference)) for field, reference in referring(dataset)
    }


def prepare_target(connection: Connection, dataset: Dataset) -> Target:
    """Make the target table if it is missing and may be made, verify it if it is there.

    Raises:
        TargetMismatchError: the table cannot take the rows; the message says what to change.

    """
    schema, name = place_of(dataset)
    if refusal := ledger_is_meant(connection.dialect.name, schema, name):
        raise TargetMismatchError(refusal)
    facts, parents = read_facts(connection, schema, name), read_parents(connection, dataset)
    made = False
    if facts is None:
        _refuse_first(cut_names(dataset, connection.dialect.name))
        refuse_unless_meant(connection, dataset)
        _refuse_first(problems(dataset, parents, connection.dialect.name))
        found = found_parents(dataset, parents, connection.dialect.name)
        given = {field: parent.gives for field, parent in found.items() if parent.gives is not None}
        made = create_table(connection, dataset, schema, name, given)
        facts = read_facts(connection, schema, name)
        assert facts is not None  # noqa: S101  # it was made in this transaction, or by another that is committed
    return replace(verified(dataset, facts, parents, connection.dialect.name), made=made)


def cut_names(dataset: Dataset, dialect: str) -> Iterator[str]:
    """Yield what keeps a table from being made with the names of the dataset: PostgreSQL cuts what is longer."""
    if dialect != "postgresql":
        return
    for part in filter(_is_cut, place_of(dataset)):
        yield say(
            "{name} is longer than the {bytes} bytes that a name has in PostgreSQL; write a shorter one in load.table",
            name=part,
            bytes=NAME_BYTES,
        )
    for field in dataset.fields:
        if _is_cut(field.name):
            yield say(
                "{name} is longer than the {bytes} bytes that a name has in PostgreSQL; give the field a shorter name, "
                "and this one as its header",
                name=field.name,
                bytes=NAME_BYTES,
            )


def _is_cut(name: str | None) -> bool:
    return len((name or "").encode()) > NAME_BYTES


def _refuse_first(found: Iterable[str]) -> None:
    if (first := next(iter(found), None)) is not None:
        raise TargetMismatchError(first)


def verified(dataset: Dataset, facts: TableFacts, parents: Mapping[str, TableFacts | None], dialect: str) -> Target:
    """Return the target that the facts make.

    Raises:
        TargetMismatchError: the table cannot take the rows; the message says what to change.

    """
    _refuse_first(mismatches(dataset, facts, parents, dialect))
    find = sqlite_fit if dialect == "sqlite" else fit
    found = found_parents(dataset, parents, dialect)
    return Target(
        facts=facts,
        fits={
            field.name: _nullable(field, facts, find(field, facts.columns[field.name]))
            if field.lookup is None
            else found[field.name].fit
            for field in dataset.fields
        },
        parents=found,
        insert_only=_given(dataset.load.insert_only, facts, dialect),
        set=_given(dataset.load.set, facts, dialect),
        empty={
            field.name: literal(bound_value(field.empty, field.type), dialect)
            for field in dataset.fields
            if field.empty is not None
        },
    )


def _nullable(field: Field, facts: TableFacts, found: Fit) -> Fit:
    """Return how a field gets into its column: with a value for empty cells not by a domain, which may take no NULL."""
    column = facts.columns[field.name]
    behind = field.empty is not None and found.exact is None and not column.builtin
    return replace(found, stage=column.cast) if behind and found.stage else found


def _given(values: Mapping[str, Given], facts: TableFacts, dialect: str) -> dict[str, str]:
    return {name: expression(name, value, facts.columns[name], dialect) for name, value in values.items()}


def mismatches(
    dataset: Dataset, facts: TableFacts, parents: Mapping[str, TableFacts | None], dialect: str
) -> Iterator[str]:
    """Yield everything that keeps the table from taking the dataset's rows, with what to change."""
    table, load = dataset.load.table, dataset.load
    if facts.kind == "materialized view":
        yield say("{table} is a materialized view, which takes no rows; load into the table behind it", table=table)
        return
    if facts.kind == "foreign table" and load.mode == "replace":
        yield say(
            "{table} is a foreign table, which cannot be kept from other writers while it is replaced; load into the "
            "table behind it, or use load mode insert",
            table=table,
        )
    wanted = [*(field.name for field in dataset.fields), *_lineage(dataset), *load.given]
    missing = [name for name in wanted if name not in facts.columns]
    if missing:
        yield _without_column(dataset, facts, missing)
        return
    find = sqlite_fit if dialect == "sqlite" else fit
    for field in (field for field in dataset.fields if field.lookup is None):
        try:
            find(field, facts.columns[field.name])
        except UnfitError as error:
            yield say("table {table}: {error}", table=table, error=error)
    for name in wanted:
        if reason := facts.columns[name].never_written:
            yield say(
                "column {name} of table {table} is {reason}: it takes no values; take it out of the dataset",
                name=name,
                table=table,
                reason=reason,
            )
    demanded = demanded_columns(dataset, facts)
    if demanded and not facts.fills_new_rows:
        yield without_a_value(dataset, demanded)
    unreferred = tuple(problems(dataset, parents, dialect))
    yield from unreferred or unfit_columns(dataset, facts, found_parents(dataset, parents, dialect), dialect)
    yield from _key_problems(dataset, facts)
    yield from _missing_rights(dataset, facts)


def demanded_columns(dataset: Dataset, facts: TableFacts) -> list[str]:
    """Return the columns that a new row must have and that neither the dataset nor the column itself fills."""
    if facts.kind not in ("table", "partitioned table"):
        return []
    filled = {*(field.name for field in dataset.fields), *_lineage(dataset), *dataset.load.given}
    return [
        name
        for name, column in facts.columns.items()
        if name not in filled and column.required and not column.fills_itself and column.never_written is None
    ]


def without_a_value(dataset: Dataset, demanded: list[str]) -> str:
    """Return why rows cannot be inserted for which nothing fills these columns."""
    return say(
        "table {table} demands a value for {names}, which the dataset does not have; declare the field, give "
        "the column a default, or write {setting}",
        table=dataset.load.table,
        names=", ".join(demanded),
        setting=f"load.insert_only: {{{demanded[0]}: ...}}",
    )


def _lineage(dataset: Dataset) -> tuple[str, ...]:
    return (LINEAGE_JOB, LINEAGE_ROW) if dataset.load.lineage else ()


def _without_column(dataset: Dataset, facts: TableFacts, missing: list[str]) -> str:
    """Return why the table lacks columns, with those that differ in case and punctuation alone."""
    table, names = dataset.load.table, ", ".join(missing)
    known = {_signs(name): name for name in facts.columns}
    near = ", ".join(known[_signs(name)] for name in missing if _signs(name) in known)
    if near:
        return say(
            "table {table} has no column {names}; did you mean {near}? write the names as the table has them",
            table=table,
            names=names,
            near=near,
        )
    return say("table {table} has no column {names}; add it or take it out of the dataset", table=table, names=names)


def _signs(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _key_problems(dataset: Dataset, facts: TableFacts) -> Iterator[str]:
    key, table = dataset.primary_key, dataset.load.table
    if not key:
        return
    names = ", ".join(key)
    if facts.rules:
        yield say(
            "table {table} has the rule {rule}, which rewrites what is written: rows cannot be merged by key; load "
            "into the table behind it, or drop the rule",
            table=table,
            rule=facts.rules[0],
        )
    same = [index for index in facts.unique if None not in index.columns and set(index.columns) == set(key)]
    usable = [index for index in same if index.valid and index.predicate is None]
    partial = [index for index in same if index.valid and index.predicate is not None]
    if usable or (partial and dataset.load.key_where is not None):
        return
    if partial:
        condition = (partial[0].predicate or "").removeprefix("(").removesuffix(")")
        yield say(
            "({names}) is unique in table {table} only where {condition} (index {index}); write load.key_where: "
            '"{condition}"',
            names=names,
            table=table,
            condition=condition,
            index=partial[0].name,
        )
    elif same:
        yield say(
            "the unique index {index} of table {table} is invalid; run REINDEX INDEX {index}",
            index=same[0].name,
            table=table,
        )
    elif expressions := [index for index in facts.unique if None in index.columns]:
        yield say(
            "table {table} has no primary key or unique index on exactly ({names}); {index} is on an expression "
            "({definition}), by which rows cannot be told apart; create one or change the dataset's primaryKey",
            table=table,
            names=names,
            index=expressions[0].name,
            definition=expressions[0].definition,
        )
    else:
        yield say(
            "table {table} has no primary key or unique index on exactly ({names}); create one or change the "
            "dataset's primaryKey",
            table=table,
            names=names,
        )


def _missing_rights(dataset: Dataset, facts: TableFacts) -> Iterator[str]:
    needed = {"INSERT", "USAGE"}
    if dataset.primary_key:
        needed |= {"SELECT", "TEMPORARY"}
    if dataset.load.mode != "insert" and dataset.primary_key:
        needed.add("UPDATE")
    if dataset.load.mode == "replace":
        needed |= {"SELECT", "DELETE"}
    missing = [right for right in facts.missing_rights if right in needed]
    of_table = [right for right in missing if right not in ("TEMPORARY", "USAGE")]
    if of_table:
        yield say(
            "this role may not {rights} in table {table}; run GRANT {rights} ON {quoted} TO the role",
            rights=", ".join(of_table),
            table=dataset.load.table,
            quoted=facts.quoted,
        )
    if "TEMPORARY" in missing:
        yield say(
            "this role may make no temporary tables, which a merge by key needs; run GRANT TEMPORARY ON DATABASE to it"
        )
    if "USAGE" in missing:
        yield say(
            "this role may not use schema {schema}; run GRANT USAGE ON SCHEMA {schema} to it", schema=facts.schema
        )
