"""The table that a dataset is loaded into: owns its column types, its creation and the check of one that is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError

from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from ..spec.dataset import Dataset
    from ..spec.field import Field

SQLITE_EXACT_DIGITS: Final = 15
"""Digits that SQLite's NUMERIC affinity keeps when it turns text into a double (https://sqlite.org/datatype3.html)."""

CREATE_LOCK: Final = 0x68656164_7461626C
"""Key of the advisory lock under which one load at a time creates tables: "headtabl" in ASCII."""

FAMILIES: Final = {
    "string": {"string"},
    "integer": {"integer", "decimal", "number"},
    "number": {"number"},
    "decimal": {"decimal"},
    "boolean": {"boolean"},
    "date": {"date"},
    "datetime": {"datetime"},
    "time": {"time"},
    "duration": {"duration"},
}
"""Which kinds of column take a field of each kind without loss."""


class TargetMismatchError(Exception):
    """The target table cannot take the dataset's rows as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The quoted names that the load's statements are made of; `schema` is None for the default one."""

    schema: str | None
    table: str
    quoted: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    lineage: bool


class Targets:
    """The tables that were verified before: looked at again only when the catalogue says something else of them."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, Target]] = {}

    def prepare(self, connection: Connection, dataset: Dataset) -> Target:
        """Do what `prepare_target` does, or return what it found when nothing has changed since.

        Raises:
            TargetMismatchError: a column or the unique key is missing, or a column's type would lose values.

        """
        key = (dataset.dataset, dataset.digest)
        before = _catalogue(connection, dataset)
        if before is not None and self._known.get(key, ("", None))[0] == before:
            return self._known[key][1]
        target = prepare_target(connection, dataset)
        if before is not None:
            self._known[key] = before, target
        return target


_COLUMNS_AND_KEYS: Final = """
SELECT concat_ws(' ', c.oid,
    (SELECT string_agg(concat_ws(':', a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef, a.attidentity,
        a.attgenerated), ',' ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT string_agg(concat_ws(':', i.indexrelid, i.indisvalid, i.indimmediate), ',' ORDER BY i.indexrelid)
     FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique))
FROM pg_class c WHERE c.oid = to_regclass(:name)
"""


def _catalogue(connection: Connection, dataset: Dataset) -> str | None:
    """Return what the database's catalogue says of the table, as one text; None if there is no such table."""
    if connection.dialect.name == "sqlite":
        # Counts every change of any table (https://sqlite.org/pragma.html#pragma_schema_version).
        return str(connection.exec_driver_sql("PRAGMA main.schema_version").scalar_one())
    quoted = quoted_name(connection, dataset)
    found: str | None = connection.execute(sa.text(_COLUMNS_AND_KEYS), {"name": quoted}).scalar_one_or_none()
    return found


def quoted_name(connection: Connection, dataset: Dataset) -> str:
    """Return the quoted name of the dataset's table, with its schema if it names one."""
    schema, _, name = dataset.load.table.rpartition(".")
    preparer = connection.dialect.identifier_preparer
    quoted = preparer.quote_identifier(name)
    return f"{preparer.quote_identifier(schema)}.{quoted}" if schema else quoted


def column_type(field: Field, dialect: str) -> sa.types.TypeEngine[Any]:
    """Return the column type of a field: exact types throughout, text on SQLite where it has none."""
    kind = field.type.kind
    if kind == "decimal":
        precision, scale = field.type.precision, field.type.scale
        if dialect == "sqlite" and (precision is None or precision > SQLITE_EXACT_DIGITS):
            return sa.Text()
        return sa.Numeric(precision, scale)
    types: dict[str, sa.types.TypeEngine[Any]] = {
        "string": sa.Text(),
        "integer": sa.BigInteger(),
        "number": sa.Double(),
        "boolean": sa.Boolean(),
        "date": sa.Date(),
        "datetime": sa.DateTime(timezone=field.timezone is not None),
        "time": sa.Time(),
        "duration": sa.Interval() if dialect == "postgresql" else sa.Text(),
    }
    return types[kind]


def prepare_target(connection: Connection, dataset: Dataset) -> Target:
    """Create the target table if it is missing, verify it if it is there, and return its quoted names.

    Raises:
        TargetMismatchError: a column or the unique key is missing, or a column is of a type that would lose values.

    """
    schema, _, name = dataset.load.table.rpartition(".")
    target_schema = schema or None
    try:
        found = sa.inspect(connection).get_columns(name, schema=target_schema)
    except NoSuchTableError:
        found = _create(connection, dataset, name, target_schema)
    _verify(connection, dataset, name, target_schema, {column["name"]: column for column in found})
    preparer = connection.dialect.identifier_preparer
    return Target(
        schema=target_schema,
        table=name,
        quoted=quoted_name(connection, dataset),
        columns=tuple(preparer.quote_identifier(field.name) for field in dataset.fields),
        key=tuple(preparer.quote_identifier(field) for field in dataset.primary_key),
        lineage=dataset.load.lineage,
    )


def _create(
    connection: Connection, dataset: Dataset, name: str, schema: str | None
) -> list[sa.engine.interfaces.ReflectedColumn]:
    dialect = connection.dialect.name
    if dialect == "postgresql":
        # CREATE TABLE IF NOT EXISTS still collides when two transactions run it at once.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": CREATE_LOCK})
        if schema:
            connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
    required = {field.name for field in dataset.fields if field.constraints.required}
    table = sa.Table(
        name,
        sa.MetaData(),
        *(
            sa.Column(
                field.name,
                column_type(field, dialect),
                primary_key=field.name in dataset.primary_key,
                autoincrement=False,
                nullable=field.name not in required and field.name not in dataset.primary_key,
            )
            for field in dataset.fields
        ),
        *(sa.Column(name, sa.BigInteger()) for name in _lineage(dataset)),
        schema=schema,
    )
    table.create(connection, checkfirst=True)
    return sa.inspect(connection).get_columns(name, schema=schema)


def _lineage(dataset: Dataset) -> tuple[str, ...]:
    return (LINEAGE_JOB, LINEAGE_ROW) if dataset.load.lineage else ()


def _verify(
    connection: Connection,
    dataset: Dataset,
    name: str,
    schema: str | None,
    found: dict[str, sa.engine.interfaces.ReflectedColumn],
) -> None:
    wanted = [*(field.name for field in dataset.fields), *_lineage(dataset)]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise TargetMismatchError(
            f"table {dataset.load.table} has no column {', '.join(missing)}; add it or take it out of the dataset"
        )
    for field in dataset.fields:
        kind = _kind(found[field.name]["type"])
        if kind is not None and kind not in FAMILIES[field.type.kind] and connection.dialect.name != "sqlite":
            raise TargetMismatchError(
                f"column {field.name} of table {dataset.load.table} is {found[field.name]['type']}, which cannot hold "
                f"{field.type.kind} values without loss; change the column or the field's type"
            )
        zoned = getattr(found[field.name]["type"], "timezone", False)
        if kind == "datetime" and zoned != (field.timezone is not None) and connection.dialect.name != "sqlite":
            remedy = "declare the timezone of" if zoned else "take the timezone off"
            raise TargetMismatchError(
                f"column {field.name} of table {dataset.load.table} is a timestamp with{'' if zoned else 'out'} time "
                f"zone; {remedy} the field, or change the column"
            )
    declared = set(wanted)
    demanded = [
        column
        for column, facts in found.items()
        if column not in declared
        and not facts["nullable"]
        and facts.get("default") is None
        and not facts.get("identity")
        and not facts.get("computed")
        and facts.get("autoincrement") is not True
    ]
    if demanded:
        raise TargetMismatchError(
            f"table {dataset.load.table} demands a value for {', '.join(demanded)}, which the dataset does not have; "
            "declare the field or give the column a default"
        )
    if dataset.primary_key and set(dataset.primary_key) not in _unique_keys(connection, name, schema):
        raise TargetMismatchError(
            f"table {dataset.load.table} has no primary key or unique index on exactly "
            f"({', '.join(dataset.primary_key)}); create one or change the dataset's primaryKey"
        )


def _unique_keys(connection: Connection, name: str, schema: str | None) -> Collection[set[str]]:
    inspector = sa.inspect(connection)
    keys = [set(inspector.get_pk_constraint(name, schema=schema)["constrained_columns"])]
    keys += [set(facts["column_names"]) for facts in inspector.get_unique_constraints(name, schema=schema)]
    keys += [
        {column for column in facts["column_names"] if column}
        for facts in inspector.get_indexes(name, schema=schema)
        if facts["unique"] and not facts.get("dialect_options", {}).get("postgresql_where")
    ]
    return keys


def _kind(column: sa.types.TypeEngine[Any]) -> str | None:
    order: tuple[tuple[type, str], ...] = (
        (sa.Boolean, "boolean"),
        (sa.Integer, "integer"),
        (sa.Double, "number"),
        (sa.Float, "number"),
        (sa.Numeric, "decimal"),
        (sa.String, "string"),
        (sa.DateTime, "datetime"),
        (sa.Date, "date"),
        (sa.Time, "time"),
        (sa.Interval, "duration"),
    )
    return next((kind for known, kind in order if isinstance(column, known)), None)
