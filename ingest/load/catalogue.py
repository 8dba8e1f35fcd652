"""PostgreSQL's catalogue: what it says of a table that is to be loaded. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from .facts import ColumnFacts, ForeignKey, IndexFacts, TableFacts, TableKind, quoted

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEDGER_SCHEMA: Final = "headgate"
"""Where the jobs are kept: never a target, also where a role of that name has it in front of its search path."""

_KINDS: Final[dict[str, TableKind]] = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}
_ON_DELETE: Final = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}

_PLACE: Final = """
SELECT c.oid, n.nspname AS schema
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = CAST(:name AS text) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND CASE WHEN :schema = '' THEN n.nspname = ANY (current_schemas(false)) AND n.nspname <> :ledger
        ELSE n.nspname = CAST(:schema AS text) END
ORDER BY array_position(current_schemas(false), n.nspname) LIMIT 1
"""
"""What is asked for is cast to a text: as a name, which a longer one cannot be, it would fail the statement."""

_RIGHTS: Final = """
    ARRAY(SELECT wanted FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS wanted
        WHERE NOT CASE WHEN wanted = 'DELETE' THEN has_table_privilege(c.oid, wanted)
            ELSE has_any_column_privilege(c.oid, wanted) END)
    || CASE WHEN has_database_privilege(current_database(), 'TEMPORARY') THEN ARRAY[]::text[]
        ELSE ARRAY['TEMPORARY'] END
    || CASE WHEN has_schema_privilege(c.relnamespace, 'USAGE') THEN ARRAY[]::text[] ELSE ARRAY['USAGE'] END
"""
"""Those that this role lacks, some of which it may have had by another role or a schema."""

_FINGERPRINT: Final = f"""
SELECT concat_ws(' ', c.oid, c.relkind, row_security_active(c.oid), c.relhastriggers, current_user, c.relacl, {_RIGHTS},
    (SELECT string_agg(concat_ws(':', a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod),
        l.oid, l.collname, a.attnotnull OR t.typnotnull, a.atthasdef, a.attidentity, a.attgenerated,
        a.attacl,
        CASE t.typtype WHEN 'd' THEN concat_ws(':', format_type(t.typbasetype, t.typtypmod), t.typdefault) END),
        ',' ORDER BY a.attnum)
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT string_agg(concat_ws(':', i.indexrelid, i.indisvalid), ',' ORDER BY i.indexrelid)
     FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique),
    (SELECT string_agg(concat_ws(':', k.oid, k.conname, k.conrelid::regclass,
        CASE k.contype WHEN 'f' THEN pg_get_constraintdef(k.oid) END), ',' ORDER BY k.oid)
     FROM pg_constraint k WHERE k.conrelid = c.oid OR k.confrelid = c.oid),
    (SELECT string_agg(concat_ws(':', g.oid, g.tgenabled), ',' ORDER BY g.oid)
     FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal),
    (SELECT string_agg(concat_ws(':', r.oid, r.xmin, r.ev_enabled), ',' ORDER BY r.oid)
     FROM pg_rewrite r WHERE c.relhasrules AND r.ev_class = c.oid))
FROM ({_PLACE}) place JOIN pg_class c ON c.oid = place.oid
"""
"""By names, too, where a load's statements have them: what they are of may be renamed and stay what it is."""

COUNTS: Final = "^[(]?nextval[(]''([^'']|'''')+''::regclass[)][)]?(::[a-z ]+)?$"
"""A default that is the next value of a sequence and nothing else: a regular expression within a literal of SQL."""

_COLUMNS: Final = f"""
WITH RECURSIVE behind(domain, oid, modifier) AS (
    SELECT t.oid, t.typbasetype, t.typtypmod FROM pg_type t
    WHERE t.typtype = 'd' AND t.oid IN (
        SELECT unnest(ARRAY[a.atttypid, e.typelem]) FROM pg_attribute a JOIN pg_type e ON e.oid = a.atttypid
        WHERE a.attrelid = :oid)
    UNION ALL
    SELECT behind.domain, d.typbasetype, d.typtypmod FROM behind JOIN pg_type d ON d.oid = behind.oid
    WHERE d.typtype = 'd'),
plain AS (SELECT behind.* FROM behind JOIN pg_type p ON p.oid = behind.oid WHERE p.typtype <> 'd')
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS declared, b.typname AS base,
    format_type(b.oid, -1) AS "cast", b.typcategory::text AS category,
    coalesce(element.modifier, base.modifier, a.atttypmod) AS modifier,
    a.attnotnull OR t.typnotnull AS required,
    a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL AS fills_itself,
    CASE WHEN a.attidentity = 'a' THEN 'GENERATED ALWAYS AS IDENTITY'
         WHEN a.attgenerated <> '' THEN 'GENERATED ALWAYS AS an expression' END AS never_written,
    b.typcategory IN ('S', 'E', 'R') OR EXISTS (
        SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
        WHERE m.amname IN ('btree', 'hash') AND o.opcdefault
            AND o.opcintype IN (b.oid, CASE WHEN b.typcategory = 'A' THEN b.typelem END)
    ) AS has_equality,
    b.typname NOT IN ('text', 'varchar') OR NOT coalesce(l.collisdeterministic, true) AS loose,
    CASE WHEN NOT l.collisdeterministic THEN l.collnamespace::regnamespace || '.' || quote_ident(l.collname) END
        AS collation,
    t.typnamespace = 'pg_catalog'::regnamespace AS builtin,
    EXISTS (SELECT FROM pg_depend d JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i'))
        OR coalesce(pg_get_expr(f.adbin, f.adrelid) ~ '{COUNTS}', false) AS has_sequence
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN plain base ON base.domain = t.oid
LEFT JOIN plain element ON element.domain = t.typelem
JOIN pg_type b ON b.oid = coalesce((SELECT e.typarray FROM pg_type e WHERE e.oid = element.oid), base.oid, t.oid)
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
"""An array of a domain counts as one of the type behind it.

A sequence is found as pg_get_serial_sequence does, which takes a name and fails without a right to the table's schema.
"""

_UNIQUE: Final = """
SELECT n.relname AS name, i.indisvalid AND i.indisready AS valid, pg_get_expr(i.indpred, i.indrelid) AS predicate,
    pg_get_indexdef(i.indexrelid) AS definition,
    (SELECT array_agg(a.attname::text ORDER BY k.place)
     FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
     LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0
     WHERE k.place <= i.indnkeyatts) AS columns
FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid
WHERE i.indrelid = :oid AND i.indisunique
ORDER BY i.indisprimary DESC, n.relname
"""

_FOREIGN_KEYS: Final = """
SELECT k.conname AS name, k.conrelid = :oid AS outgoing, k.conrelid = k.confrelid AS own, k.confdeltype::text AS action,
    k.conrelid::regclass::text AS child, k.confrelid::regclass::text AS parent,
    (SELECT array_agg(a.attname::text ORDER BY c.place) FROM unnest(k.conkey) WITH ORDINALITY AS c(number, place)
     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.number) AS child_columns,
    (SELECT array_agg(a.attname::text ORDER BY c.place)
     FROM unnest(k.confkey) WITH ORDINALITY AS c(number, place)
     JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.number) AS parent_columns
FROM pg_constraint k
WHERE k.contype = 'f' AND (k.conrelid = :oid OR (k.confrelid = :oid AND k.conparentid = 0))
ORDER BY k.conname
"""

_CONSTRAINTS: Final = """
WITH this AS (SELECT CAST(:oid AS oid) AS oid),
tables AS (SELECT oid FROM this UNION SELECT part.relid FROM this, pg_partition_tree(this.oid) part)
SELECT k.conname AS name, k.contype = 'c' AND k.conrelid = this.oid AS checks,
    pg_get_constraintdef(k.oid) AS definition,
    ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
        ORDER BY array_position(k.conkey, a.attnum)) AS columns, k.conrelid = this.oid AS own
FROM this, pg_constraint k WHERE k.conrelid IN (SELECT oid FROM tables)
UNION ALL
SELECT c.relname, false, '',
    ARRAY(SELECT a.attname::text FROM pg_attribute a JOIN pg_depend d ON d.refobjid = a.attrelid
        WHERE a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
            AND d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass
        ORDER BY array_position(i.indkey::int2[], a.attnum),
            strpos(pg_get_expr(i.indexprs, i.indrelid), quote_ident(a.attname)) = 0, a.attnum), i.indrelid = this.oid
FROM this, pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indisunique AND i.indrelid IN (SELECT oid FROM tables)
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid)
ORDER BY own
"""
"""Those of its partitions, too, whose names are in errors; a unique index is one by its name, with the columns of its
expressions before those of its condition. Of two of the same name the table's own comes last.
"""

_TABLE: Final = f"""
SELECT c.relkind::text AS kind, row_security_active(c.oid) AS row_security,
    (SELECT count(*) FROM pg_inherits h WHERE h.inhparent = c.oid) AS partitions,
    (SELECT array_agg(g.tgname::text ORDER BY g.tgname) FROM pg_trigger g
     WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D'
        AND g.tgtype & 1 = 1 AND g.tgtype & 66 > 0 AND g.tgtype & 20 > 0) AS triggers,
    (SELECT array_agg(r.rulename::text ORDER BY r.rulename) FROM pg_rewrite r
     WHERE r.ev_class = c.oid AND r.ev_type IN ('2', '3', '4') AND r.ev_enabled <> 'D') AS rules,
    row_security_active(c.oid) OR EXISTS (
        SELECT FROM pg_trigger g WHERE g.tgrelid IN (SELECT relid FROM pg_partition_tree(c.oid) UNION SELECT c.oid)
            AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 1 = 1 AND g.tgtype & 66 > 0
            AND g.tgtype & 8 > 0)
        OR EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type = '4' AND r.ev_enabled <> 'D')
        AS may_keep_rows,
    EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid IN (SELECT relid FROM pg_partition_tree(c.oid) UNION SELECT c.oid)
        AND NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') AND g.tgtype & 7 = 7) AS fills_new_rows,
    {_RIGHTS} AS rights
FROM pg_class c WHERE c.oid = :oid
"""

_NAMES: Final = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'f') AND NOT c.relispartition AND n.nspname <> :ledger
    AND CASE WHEN :schema = '' THEN n.nspname = ANY (current_schemas(false)) ELSE n.nspname = CAST(:schema AS text) END
"""

_ELSEWHERE: Final = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = CAST(:name AS text) AND c.relkind IN ('r', 'p', 'v', 'f')
    AND NOT n.nspname = ANY (current_schemas(true))
    AND n.nspname NOT IN (:ledger, 'information_schema') AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!'
    AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'INSERT')
ORDER BY 1
"""


def _place(schema: str | None, name: str) -> dict[str, Any]:
    return {"schema": schema or "", "name": name, "ledger": LEDGER_SCHEMA}


def fingerprint(connection: Connection, schema: str | None, name: str) -> str | None:
    """Return what changes when anything does that a load must know of the table; None if there is no such table."""
    found: str | None = connection.execute(sa.text(_FINGERPRINT), _place(schema, name)).scalar_one_or_none()
    return found


def new_place(connection: Connection, schema: str | None) -> str | None:
    """Return the schema where a new table lies: the named one, or the first of the search path, if there is any."""
    if schema is not None:
        return schema
    statement = sa.text("SELECT name FROM unnest(current_schemas(false)) AS name WHERE name <> :ledger LIMIT 1")
    found: str | None = connection.execute(statement, {"ledger": LEDGER_SCHEMA}).scalar_one_or_none()
    return found


def table_names(connection: Connection, schema: str | None) -> list[str]:
    """Return the tables that a dataset could mean."""
    asked = {"schema": schema or "", "ledger": LEDGER_SCHEMA}
    return [str(row.relname) for row in connection.execute(sa.text(_NAMES), asked)]


def places_elsewhere(connection: Connection, name: str) -> list[str]:
    """Return the tables of a name, with their schemas, that this role may load, and sees with the schema only."""
    asked = {"name": name, "ledger": LEDGER_SCHEMA}
    return [str(place) for place in connection.execute(sa.text(_ELSEWHERE), asked).scalars()]


def read_facts(connection: Connection, schema: str | None, name: str) -> TableFacts | None:
    """Return what the catalogue says of a table; None if there is none of that name."""
    place = connection.execute(sa.text(_PLACE), _place(schema, name)).one_or_none()
    if place is None:
        return None
    asked = {"oid": place.oid}

    def rows(statement: str) -> list[Any]:
        return list(connection.execute(sa.text(statement), asked).mappings())

    [table] = rows(_TABLE)
    constraints, references = rows(_CONSTRAINTS), rows(_FOREIGN_KEYS)
    return TableFacts(
        schema=place.schema,
        name=name,
        quoted=f"{quoted(place.schema)}.{quoted(name)}",
        kind=_KINDS[table["kind"]],
        columns={row["name"]: ColumnFacts(**row) for row in rows(_COLUMNS)},
        unique=tuple(
            IndexFacts(
                name=row["name"],
                columns=tuple(row["columns"]),
                predicate=row["predicate"],
                valid=row["valid"],
                definition=row["definition"],
            )
            for row in rows(_UNIQUE)
        ),
        foreign_keys=tuple(_foreign_key(row, outgoing=True) for row in references if row["outgoing"]),
        referrers=tuple(_foreign_key(row, outgoing=False) for row in references if not row["outgoing"] or row["own"]),
        constraints={row["name"]: tuple(row["columns"]) for row in constraints},
        checks={row["name"]: (tuple(row["columns"]), row["definition"]) for row in constraints if row["checks"]},
        triggers=tuple(table["triggers"] or ()),
        rules=tuple(table["rules"] or ()),
        row_security=table["row_security"],
        may_keep_rows=table["may_keep_rows"],
        fills_new_rows=table["fills_new_rows"],
        missing_rights=tuple(table["rights"]),
        partitions=table["partitions"],
    )


def _foreign_key(row: Any, *, outgoing: bool) -> ForeignKey:
    mine, others = ("child", "parent") if outgoing else ("parent", "child")
    return ForeignKey(
        name=row["name"],
        other=row[others],
        columns=tuple(map(quoted, row[f"{mine}_columns"])),
        other_columns=tuple(map(quoted, row[f"{others}_columns"])),
        on_delete=_ON_DELETE[row["action"]],
        own=row["own"],
    )
