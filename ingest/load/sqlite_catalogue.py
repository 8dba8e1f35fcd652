"""SQLite's catalogue: what its pragmas say of a table that is to be loaded. Changes nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from .facts import ColumnFacts, ForeignKey, IndexFacts, TableFacts, quoted

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEDGER_PREFIX: Final = "headgate_"
"""What the ledger's tables begin with; they are never a target."""

_DEFERRED: Final = re.compile(r"\bINITIALLY\s+DEFERRED\b", re.IGNORECASE)
"""No pragma tells which foreign key of a table it is said of: all are taken for such."""
_GIVES_WAY: Final = re.compile(r"(?<!\bNULL) ON CONFLICT REPLACE\b")
"""In the text of a table, in upper case and with single blanks: of a column that is NOT NULL it means its default."""
_WHERE: Final = re.compile(r"\bWHERE\b(.*)$", re.IGNORECASE | re.DOTALL)


def affinity(declared: str) -> str:
    """Return what a column of this declared type does to values (https://sqlite.org/datatype3.html, 3.1)."""
    text = declared.upper()
    if "INT" in text:
        return "INTEGER"
    if any(word in text for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in text or not text:
        return "BLOB"
    if any(word in text for word in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def fingerprint(connection: Connection) -> str:
    """Return what changes with any table (https://sqlite.org/pragma.html#pragma_schema_version).

    What names a table of the database has this connection read all tables anew if another one has changed any: what it
    prepares for tables that are no more may be refused for what they were.
    """
    statement = "SELECT schema_version, (SELECT 1 FROM main.sqlite_master LIMIT 0) FROM pragma_schema_version"
    return str(connection.exec_driver_sql(statement).one().schema_version)


def table_names(connection: Connection) -> list[str]:
    """Return the tables that a dataset could mean."""
    found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").scalars()
    return [name for name in found if not name.startswith((LEDGER_PREFIX, "sqlite_"))]


def _pragma(connection: Connection, pragma: str, name: str) -> list[Any]:
    return list(connection.exec_driver_sql(f"PRAGMA main.{pragma}({quoted(name)})").mappings())


def read_facts(connection: Connection, name: str) -> TableFacts | None:
    """Return what the pragmas say of a table; None if there is none of that name."""
    found = connection.exec_driver_sql(
        "SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE", (name,)
    ).one_or_none()
    if found is None:
        return None
    rows = _pragma(connection, "table_xinfo", name)
    # There is none such before SQLite 3.37, which first had STRICT tables.
    strict = any(row["strict"] for row in _pragma(connection, "table_list", name))
    key = [row["name"] for row in sorted(rows, key=lambda row: row["pk"]) if row["pk"]]
    alone = key[0] if len(key) == 1 else None
    keyed = tuple(row["name"] for row in sorted(rows, key=lambda row: row["pk"]) if row["pk"])
    collations = dict[str, str]()
    unique = [IndexFacts(name="PRIMARY KEY", columns=keyed)] if keyed else []
    for index in _pragma(connection, "index_list", name):
        if not index["unique"]:
            continue
        parts = [part for part in _pragma(connection, "index_xinfo", index["name"]) if part["key"]]
        collations |= {part["name"]: part["coll"] for part in parts if part["name"] is not None}
        unique.append(_index(connection, index, [part["name"] for part in parts]))
    statement = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE"
    triggers = tuple(connection.exec_driver_sql(statement, (name,)).scalars())
    return TableFacts(
        schema=None,
        name=name,
        quoted=f"main.{quoted(name)}",
        kind="view" if found.type == "view" else "table",
        columns={
            row["name"]: _column(row, alone, collations.get(row["name"], "BINARY"), strict=strict) for row in rows
        },
        unique=tuple(unique),
        foreign_keys=_foreign_keys(connection, name, name, deferred=_DEFERRED.search(found.sql) is not None),
        referrers=_referrers(connection, name),
        triggers=triggers,
        may_keep_rows=bool(triggers),
        # What a statement says of conflicts holds for those of its triggers, too, which may mean their own.
        gives_way=not triggers and _GIVES_WAY.search(" ".join(found.sql.upper().split())) is not None,
    )


def _column(row: Any, alone: str | None, collation: str, *, strict: bool) -> ColumnFacts:
    declared = row["type"] or ""
    # ANY turns texts of digits into numbers; in a STRICT table it keeps them (https://sqlite.org/stricttables.html).
    kept = "" if strict and declared.upper() == "ANY" else declared
    counted = row["name"] == alone and declared.upper() == "INTEGER"
    return ColumnFacts(
        name=row["name"],
        declared=declared or "untyped",
        base=declared.lower(),
        cast=kept,
        category=affinity(kept),
        required=bool(row["notnull"] or row["pk"]) and not counted,
        fills_itself=row["dflt_value"] is not None or counted,
        loose=collation != "BINARY",
        never_written="GENERATED ALWAYS AS an expression" if row["hidden"] in (2, 3) else None,
    )


def _index(connection: Connection, index: Any, columns: list[str | None]) -> IndexFacts:
    definition = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?", (index["name"],)
    ).scalar_one_or_none()
    condition = _WHERE.search(definition or "") if index["partial"] else None
    return IndexFacts(
        name=index["name"],
        columns=tuple(columns),
        predicate=condition[1].strip() if condition else None,
        definition=definition or "",
    )


def _foreign_keys(
    connection: Connection, child: str, parent: str | None, *, deferred: bool = False
) -> tuple[ForeignKey, ...]:
    """Return the foreign keys of a table."""
    found: dict[int, list[Any]] = {}
    for row in _pragma(connection, "foreign_key_list", child):
        found.setdefault(row["id"], []).append(row)
    keys = []
    for number, rows in found.items():
        other = rows[0]["table"]
        others = tuple(quoted(row["to"]) for row in rows if row["to"] is not None)
        keys.append(
            ForeignKey(
                name=f"foreign key {number}",
                other=f"main.{quoted(other)}",
                columns=tuple(quoted(row["from"]) for row in rows),
                other_columns=others or _primary_key(connection, other),
                on_delete=rows[0]["on_delete"],
                own=other.lower() == (parent or "").lower(),
                deferred=deferred,
            )
        )
    return tuple(keys)


def _primary_key(connection: Connection, name: str) -> tuple[str, ...]:
    rows = sorted(_pragma(connection, "table_xinfo", name), key=lambda row: row["pk"])
    return tuple(quoted(row["name"]) for row in rows if row["pk"])


def _referrers(connection: Connection, name: str) -> tuple[ForeignKey, ...]:
    keys = []
    for child in table_names(connection):
        keys += [
            ForeignKey(
                name=key.name,
                other=f"main.{quoted(child)}",
                columns=key.other_columns,
                other_columns=key.columns,
                on_delete=key.on_delete,
                own=key.own,
            )
            for key in _foreign_keys(connection, child, name)
            # One that names no columns of a table without a primary key refers to nothing.
            if key.own and len(key.columns) == len(key.other_columns)
        ]
    return tuple(keys)
