"""Columns and keys as applications have them, and what becomes of loads there: the matrix of docs/tables.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dialect = Literal["postgresql", "sqlite"]
LOADS = "loads"


@dataclass(frozen=True, kw_only=True)
class ColumnKind:
    """A column of a type, and the field whose values it gets; `first` and `second` are two of them in COPY's form.

    `what` is "loads", or what the refusal of the whole dataset says.
    """

    dialect: Dialect
    column: str
    field: str
    first: str
    second: str
    before: str = ""
    what: str = LOADS
    remark: str = ""


def _postgresql(column: str, field: str, first: str, second: str, **more: str) -> ColumnKind:
    return ColumnKind(dialect="postgresql", column=column, field=field, first=first, second=second, **more)


def _sqlite(column: str, field: str, first: str, second: str, **more: str) -> ColumnKind:
    return ColumnKind(dialect="sqlite", column=column, field=field, first=first, second=second, **more)


LOSS = "without loss"

COLUMNS: tuple[ColumnKind, ...] = (
    _postgresql("text", "string", "x", "y"),
    _postgresql("varchar(5)", "string", "x", "y", remark="a longer text is `row.db_length`"),
    _postgresql("char(3)", "string", "abc", "abd"),
    _postgresql("citext", "string", "x", "y", before="CREATE EXTENSION citext"),
    _postgresql("mood", "string", "ok", "bad", before="CREATE TYPE mood AS ENUM ('ok', 'bad')"),
    _postgresql("uuid", "string", "6b1d2a3e-1111-4222-8333-444455556666", "6b1d2a3e-1111-4222-8333-444455556667"),
    _postgresql("json", "string", '{"x": 1}', '{"x": 2}', remark="compared as text: `json` has no equality"),
    _postgresql("jsonb", "string", '{"x": 1}', '{"x": 2}'),
    _postgresql("xml", "string", "<a/>", "<b/>", remark="compared as text"),
    _postgresql("text[]", "string", "{x,y}", "{z}"),
    _postgresql("int4[]", "string", "{1,2}", "{3}"),
    _postgresql("inet", "string", "10.0.0.1", "10.0.0.2"),
    _postgresql("bytea", "string", "\\\\x01", "\\\\x02"),
    _postgresql("hstore", "string", '"a"=>"1"', '"a"=>"2"', before="CREATE EXTENSION hstore"),
    _postgresql("int4range", "string", "[1,5)", "[2,6)"),
    _postgresql("point", "string", "(1,2)", "(2,3)", remark="compared as text"),
    _postgresql("bit(4)", "string", "0101", "0110"),
    _postgresql(
        "positive",
        "integer",
        "1",
        "2",
        before="CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
        remark="what the domain refuses is `row.db_check`",
    ),
    _postgresql("smallint", "integer", "1", "2", remark="a larger number is `row.db_range`"),
    _postgresql("bigint", "integer", "1", "9007199254740993"),
    _postgresql("numeric(12,2)", "integer", "1", "2"),
    _postgresql("text", "integer", "1", "2"),
    _postgresql("real", "integer", "1", "16777216", remark="beyond 2^24 `row.db_precision`"),
    _postgresql("double precision", "integer", "1", "2", remark="beyond 2^53 `row.db_precision`"),
    _postgresql("money", "integer", "1", "2"),
    _postgresql("numeric(12,2)", "decimal(12,2)", "1.25", "2.50"),
    _postgresql("numeric", "decimal(12,2)", "1.25", "2.50"),
    _postgresql("numeric(12,1)", "decimal(12,2)", "1.2", "2.5", what=LOSS),
    _postgresql("double precision", "decimal(12,2)", "1.25", "2.5", what=LOSS),
    _postgresql("money", "decimal(12,2)", "1.25", "2.5", what=LOSS),
    _postgresql("integer", "decimal(12,2)", "1", "2", what=LOSS),
    _postgresql("double precision", "number", "0.1", "0.2"),
    _postgresql("real", "number", "0.1", "0.2", remark="more digits than the column shows are `row.db_precision`"),
    _postgresql("numeric", "number", "0.1", "0.2"),
    _postgresql("numeric(12,2)", "number", "0.1", "0.2", what=LOSS),
    _postgresql("integer", "number", "1", "2", what=LOSS),
    _postgresql("integer", "string", "1", "2", what=LOSS),
    _postgresql("name", "string", "x", "y", what=LOSS),
    _postgresql("boolean", "boolean", "t", "f"),
    _postgresql("date", "date", "2026-01-31", "2026-02-01"),
    _postgresql("timestamp", "date", "2026-01-31", "2026-02-01"),
    _postgresql("timestamptz", "date", "2026-01-31", "2026-02-01", what=LOSS),
    _postgresql("timestamp", "datetime", "2026-01-31 10:00:00.5", "2026-02-01 10:00:00"),
    _postgresql(
        "timestamp(0)",
        "datetime",
        "2026-01-31 10:00:00",
        "2026-02-01 10:00:00",
        remark="a fraction of a second is `row.db_precision`",
    ),
    _postgresql("timestamptz", "datetime", "2026-01-31 10:00:00", "2026-02-01 10:00:00", what=LOSS),
    _postgresql("date", "datetime", "2026-01-31 10:00:00", "2026-02-01 10:00:00", what=LOSS),
    _postgresql("time", "time", "10:15:00", "10:15:30.5"),
    _postgresql("time(0)", "time", "10:15:00", "10:15:30", remark="a fraction of a second is `row.db_precision`"),
    _postgresql("interval", "duration", "90 seconds", "1.5 seconds"),
    _postgresql(
        "interval day to minute",
        "duration",
        "60 seconds",
        "120 seconds",
        remark="what is no whole minute is `row.db_precision`",
    ),
    _sqlite("TEXT", "string", "007", "x"),
    _sqlite("VARCHAR(5)", "string", "007", "x", remark="SQLite knows no lengths"),
    _sqlite("INTEGER", "string", "7", "8", what=LOSS),
    _sqlite("DECIMAL(10,2)", "string", "7", "8", what=LOSS),
    _sqlite("STRING", "string", "a7", "x", remark="digits with a leading zero are `row.db_precision`"),
    _sqlite("JSON", "string", '{"x": 1}', "[1]"),
    _sqlite("UUID", "string", "6b1d2a3e-1111", "6b1d2a3e-1112"),
    _sqlite("INTEGER", "integer", "1", "9007199254740993"),
    _sqlite("REAL", "integer", "1", "2", remark="beyond 2^53 `row.db_precision`"),
    _sqlite("TEXT", "integer", "1", "2"),
    _sqlite("DECIMAL", "decimal(18,2)", "1.25", "2.5", remark="more than 15 digits are `row.db_precision`"),
    _sqlite("REAL", "number", "0.1", "0.2"),
    _sqlite("BOOLEAN", "boolean", "t", "f"),
    _sqlite("DATE", "date", "2026-01-31", "2026-02-01"),
    _sqlite("DATETIME", "datetime", "2026-01-31 10:00:00", "2026-02-01 10:00:00.5"),
    _sqlite("TIME", "time", "10:15:00", "10:15:30.5"),
)


@dataclass(frozen=True, kw_only=True)
class KeyKind:
    """A table by its key: what it is called, its DDL (`{}` is its name), and further keys of the dataset's `load`."""

    dialect: Dialect
    name: str
    ddl: str
    load: str = ""
    what: str = LOADS


def _of_both(name: str, ddl: str, load: str = "", what: str = LOADS) -> tuple[KeyKind, ...]:
    dialects: tuple[Dialect, ...] = ("postgresql", "sqlite")
    return tuple(KeyKind(dialect=dialect, name=name, ddl=ddl, load=load, what=what) for dialect in dialects)


KEYS: tuple[KeyKind, ...] = (
    *_of_both("primary key", "CREATE TABLE t (k text PRIMARY KEY, v text)"),
    *_of_both("inline UNIQUE", "CREATE TABLE t (k text NOT NULL UNIQUE, v text)"),
    *_of_both("unique index", "CREATE TABLE t (k text, v text); CREATE UNIQUE INDEX u ON t (k)"),
    *_of_both(
        "partial unique index with load.key_where",
        "CREATE TABLE t (k text, v text, gone text); CREATE UNIQUE INDEX u ON t (k) WHERE gone IS NULL",
        'key_where: "gone IS NULL"',
    ),
    *_of_both(
        "partial unique index without it",
        "CREATE TABLE t (k text, v text, gone text); CREATE UNIQUE INDEX u ON t (k) WHERE gone IS NULL",
        what="load.key_where",
    ),
    *_of_both(
        "unique index on an expression",
        "CREATE TABLE t (k text, v text); CREATE UNIQUE INDEX u ON t (lower(k))",
        what="expression",
    ),
    *_of_both("no key", "CREATE TABLE t (k text, v text)", what="no primary key or unique index"),
    KeyKind(
        dialect="postgresql",
        name="identity beside a business key",
        ddl="CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, k text UNIQUE, v text)",
    ),
    KeyKind(
        dialect="sqlite",
        name="INTEGER PRIMARY KEY beside a business key",
        ddl="CREATE TABLE t (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, k text NOT NULL UNIQUE, v text)",
    ),
    KeyKind(
        dialect="postgresql",
        name="deferrable unique constraint",
        ddl="CREATE TABLE t (k text, v text, UNIQUE (k) DEFERRABLE INITIALLY DEFERRED)",
    ),
    KeyKind(
        dialect="postgresql",
        name="UNIQUE NULLS NOT DISTINCT",
        ddl="CREATE TABLE t (k text, v text, UNIQUE NULLS NOT DISTINCT (k))",
    ),
    KeyKind(
        dialect="postgresql",
        name="partitioned table",
        ddl="CREATE TABLE t (k text PRIMARY KEY, v text) PARTITION BY HASH (k); "
        "CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0); "
        "CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    ),
    KeyKind(
        dialect="postgresql",
        name="citext key",
        ddl="CREATE EXTENSION citext; CREATE TABLE t (k citext PRIMARY KEY, v text)",
    ),
    KeyKind(dialect="sqlite", name="NOCASE key", ddl="CREATE TABLE t (k text COLLATE NOCASE PRIMARY KEY, v text)"),
    KeyKind(dialect="sqlite", name="WITHOUT ROWID", ddl="CREATE TABLE t (k text PRIMARY KEY, v text) WITHOUT ROWID"),
    KeyKind(
        dialect="postgresql",
        name="view",
        ddl="CREATE TABLE b (k text PRIMARY KEY, v text); CREATE VIEW t AS SELECT * FROM b",
        what="no primary key or unique index",
    ),
    KeyKind(
        dialect="postgresql",
        name="table with a rule",
        ddl="CREATE TABLE t (k text PRIMARY KEY, v text); "
        "CREATE RULE r AS ON INSERT TO t WHERE NEW.v = 'no' DO INSTEAD NOTHING",
        what="has the rule",
    ),
)
"""Tables of a key `k` and a value `v`."""


def rendered() -> str:
    """Return the matrix as docs/tables.md has it."""
    titles = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
    lines = ["| database | column | field | what happens |", "|---|---|---|---|"]
    for kind in COLUMNS:
        loads = "loads" if kind.what == LOADS else "refused: the column would change values"
        remark = f"; {kind.remark}" if kind.remark else ""
        ddl = {"mood": "an enum", "positive": "a domain"}.get(kind.column, f"`{kind.column}`")
        lines.append(f"| {titles[kind.dialect]} | {ddl} | `{kind.field}` | {loads}{remark} |")
    lines += ["", "| database | key of the table | what happens |", "|---|---|---|"]
    for key in KEYS:
        loads = "loads" if key.what == LOADS else f"refused by name ({key.what})"
        lines.append(f"| {titles[key.dialect]} | {key.name} | {loads} |")
    return "\n".join(lines) + "\n"
