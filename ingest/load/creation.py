"""A target table that is made: its column types on both databases; knows nothing of tables that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW
from .catalogue import new_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from .facts import ColumnFacts

SQLITE_EXACT_DIGITS: Final = 15
"""Digits that SQLite's NUMERIC affinity keeps when it turns text into a double (https://sqlite.org/datatype3.html)."""

CREATE_LOCK: Final = 0x68656164_7461626C
"""Key of the advisory lock under which one load at a time creates tables: "headtabl" in ASCII."""


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


def _like(column: ColumnFacts, dialect: str) -> sa.types.TypeEngine[Any]:
    return _AsDeclared(column.cast if dialect == "sqlite" else column.declared)


class _AsDeclared(sa.types.UserDefinedType[Any]):
    """The type of a column that is there, as its database writes it."""

    cache_ok = True

    def __init__(self, declared: str) -> None:
        self.declared = declared

    def get_col_spec(self, **_: Any) -> str:
        return self.declared


def create_table(
    connection: Connection, dataset: Dataset, schema: str | None, name: str, given: Mapping[str, ColumnFacts]
) -> bool:
    """Make the table, with the key as its primary key; False if another load has made it a moment ago.

    `given` has the columns of other tables whose values are loaded for fields.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":
        # CREATE TABLE IF NOT EXISTS still collides when two transactions run it at once.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": CREATE_LOCK})
        if schema is not None and not sa.inspect(connection).has_schema(schema):
            connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
        schema = new_place(connection, schema)
    place = schema if dialect == "postgresql" else None
    if sa.inspect(connection).has_table(name, schema=place):
        return False
    required = {field.name for field in dataset.fields if field.constraints.required}
    lineage = (LINEAGE_JOB, LINEAGE_ROW) if dataset.load.lineage else ()
    table = sa.Table(
        name,
        sa.MetaData(),
        *(
            sa.Column(
                field.name,
                column_type(field, dialect) if field.name not in given else _like(given[field.name], dialect),
                primary_key=field.name in dataset.primary_key,
                autoincrement=False,
                nullable=field.name not in required and field.name not in dataset.primary_key,
            )
            for field in dataset.fields
        ),
        *(sa.Column(name, sa.BigInteger()) for name in lineage),
        schema=place,
    )
    table.create(connection, checkfirst=False)
    return True
