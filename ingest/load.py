"""Spool to target table inside the caller's transaction: owns the load's SQL, knows nothing of jobs or retries."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from sqlalchemy.exc import IntegrityError

from .errors import ErrorRecord
from .fieldspec import bound_value
from .report import accepted_columns
from .spec import LINEAGE_JOB, LINEAGE_ROW
from .target import Target, Targets, column_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .spec import Dataset

STAGE: Final = "headgate_stage"
STAGE_DIGITS: Final = 12
ROW: Final = LINEAGE_ROW
LINEAGE_COLUMNS: Final = (LINEAGE_ROW, LINEAGE_JOB)
CONFLICTS_NAMED: Final = 1000
"""How many rows refused by an existing key are named one by one."""
WORTH_LOOKING: Final = 2_000
"""Rows from which on it pays to ask first whether any staged key is in the table."""
UNIQUE_VIOLATION: Final = "23505"
NOT_THIS_WAY: Final = frozenset({UNIQUE_VIOLATION, "0A000", "42809"})
"""What COPY into the table itself may fail of while INSERT works, as SQLSTATE: a key that somebody else has brought
meanwhile, row security, and a view (https://www.postgresql.org/docs/current/errcodes-appendix.html).
"""


class NotStraightError(Exception):
    """The rows could not be copied into the table itself; nothing of the transaction can be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of the accepted rows. `conflict_rows` are the sheet rows of the first `CONFLICTS_NAMED` conflicts."""

    inserted: int
    updated: int
    unchanged: int
    conflicts: int = 0
    conflict_rows: tuple[int, ...] = ()


async def load(
    connection: AsyncConnection,
    dataset: Dataset,
    accepted: Path,
    *,
    rows: int,
    key_range: tuple[str, str] | None = None,
    targets: Targets | None = None,
    straight: bool = True,
) -> Loaded:
    """Load the accepted rows (COPY text, see `report.ACCEPTED_FILE`) into the dataset's table.

    Nothing is committed here. A row whose key is in the table already is updated or left alone (`upsert`), or, in
    mode `insert`, unchanged if it is the same and a conflict if it differs; mode `replace` empties the table first.
    `rows` is the number of accepted rows and `key_range` the parse report's; `targets` remembers the tables that were
    verified by earlier loads. With `straight`, rows whose keys cannot be in the table are copied into it.

    Raises:
        NotStraightError: they could not; the caller has to begin the transaction anew, without `straight`.
        TargetMismatchError: the table that is there cannot take the rows.
        sqlalchemy.exc.DBAPIError, asyncpg.PostgresError: the database refused or failed.

    """
    target = await connection.run_sync((targets or Targets()).prepare, dataset)
    if dataset.load.mode == "replace":
        await _empty(connection, target)
    if connection.dialect.name == "postgresql":
        if straight and not await _may_hold(connection, dataset, target, key_range):
            await _copy_straight(connection, dataset, target, accepted, rows)
            return Loaded(inserted=rows, updated=0, unchanged=0)
        stage, staged = await _stage_postgresql(connection, dataset, target, accepted)
        if staged >= WORTH_LOOKING and target.key and await _insert_fresh(connection, target, stage):
            return Loaded(inserted=staged, updated=0, unchanged=0)
        return await _merge_postgresql(connection, dataset, target, stage, staged)
    await _stage_sqlite(connection, dataset, target, accepted)
    loaded = await _merge_sqlite(connection, dataset, target)
    await connection.exec_driver_sql(f"DROP TABLE temp.{STAGE}")
    return loaded


async def _empty(connection: AsyncConnection, target: Target) -> None:
    if connection.dialect.name == "postgresql":
        # Two loads at once would each delete what they see, and both would insert.
        await connection.exec_driver_sql(f"LOCK TABLE {target.quoted} IN SHARE ROW EXCLUSIVE MODE")
    await connection.exec_driver_sql(f"DELETE FROM {target.quoted}")


def _insert(target: Target, stage: str) -> str:
    """Return the statement that puts the staged rows into the table, up to what may be behind its FROM."""
    columns = ", ".join((*LINEAGE_COLUMNS, *target.columns) if target.lineage else target.columns)
    return f"INSERT INTO {target.quoted} ({columns}) SELECT {columns} FROM {stage}"


def key_conflict(dataset: Dataset, sheet: str | None, row: int) -> ErrorRecord:
    """Return the record of a row that was refused because its key is in the table with other content."""
    key = ", ".join(dataset.primary_key)
    return ErrorRecord(
        code="row.key_conflict",
        message=f"the key ({key}) is in table {dataset.load.table} already, with other values",
        hint="correct the key, or use load mode upsert if the newer row is to win",
        sheet=sheet,
        row=row,
        spec_version=dataset.version,
    )


def _stage_columns(connection: AsyncConnection, dataset: Dataset, target: Target) -> str:
    compiler = connection.dialect.type_compiler_instance
    types = (compiler.process(column_type(field, connection.dialect.name)) for field in dataset.fields)
    columns = [f"{name} {kind}" for name, kind in zip(target.columns, types, strict=True)]
    lineage = [f"{name} BIGINT" for name in accepted_columns(dataset) if name in LINEAGE_COLUMNS]
    return ", ".join([*lineage, *columns])


# -- PostgreSQL ------------------------------------------------------------------------------------------


async def _stage_postgresql(
    connection: AsyncConnection, dataset: Dataset, target: Target, accepted: Path
) -> tuple[str, int]:
    """Copy the rows into a temporary table; return its name and their number.

    The table stays with the connection, empty, for later loads of the same columns: making one for each load costs more
    than a small load itself, and bloats the catalogue.
    """
    columns = _stage_columns(connection, dataset, target)
    stage = f"{STAGE}_{hashlib.sha256(columns.encode()).hexdigest()[:STAGE_DIGITS]}"
    await _make_stage(connection, stage, columns)
    return stage, await _copy(connection, dataset, accepted, stage)


async def _copy(
    connection: AsyncConnection, dataset: Dataset, accepted: Path, table: str, schema: str | None = None
) -> int:
    """Copy the accepted rows into a table that has their columns; return how many are there."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    columns = accepted_columns(dataset)
    copied = await driver.copy_to_table(table, schema_name=schema, source=accepted, columns=columns, format="text")
    return int(copied.removeprefix("COPY "))


async def _copy_straight(
    connection: AsyncConnection, dataset: Dataset, target: Target, accepted: Path, rows: int
) -> None:
    """Copy the rows into the table itself, which saves a quarter of the time.

    Raises:
        NotStraightError: it could not be done, or a trigger of the table has kept some out: only staged rows can be
            told apart.

    """
    try:
        copied = await _copy(connection, dataset, accepted, target.table, target.schema)
    except asyncpg.PostgresError as error:
        if error.sqlstate not in NOT_THIS_WAY:
            raise
        # Without a savepoint, which would cost every load: this is rare.
        raise NotStraightError from error
    if copied != rows:
        raise NotStraightError


async def _insert_fresh(connection: AsyncConnection, target: Target, stage: str) -> bool:
    """Insert the staged rows if none of their keys is in the table, which takes half the time of ON CONFLICT.

    False, and nothing inserted, if one is, or if another transaction has put one there meanwhile.
    """
    join = f"{stage} s JOIN {target.quoted} t ON {_same('t', 's', target.key)}"
    if (await connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {join})")).scalar_one():
        return False
    try:
        async with connection.begin_nested():
            await connection.exec_driver_sql(_insert(target, stage))
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != UNIQUE_VIOLATION:
            raise
        return False
    return True


async def _may_hold(
    connection: AsyncConnection, dataset: Dataset, target: Target, key_range: tuple[str, str] | None
) -> bool:
    """Say whether the table may have rows of the same keys, or the rows themselves have to be staged.

    It may if it has a key from the range, or any row if there is no range.
    """
    if ROW in accepted_columns(dataset) and not target.lineage:
        return True
    if not target.key:
        return False
    if key_range is None:
        return bool((await connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {target.quoted})")).scalar_one())
    [key] = target.key
    [field] = [field for field in dataset.fields if field.name in dataset.primary_key]
    # The order makes sure that the key's index is used: a sequential scan would look at the whole table.
    found = await connection.exec_driver_sql(
        f"SELECT EXISTS (SELECT FROM (SELECT {key} AS key FROM {target.quoted} WHERE {key} >= $1 "
        f"ORDER BY {key} LIMIT 1) AS next WHERE key <= $2)",
        tuple(bound_value(text, field.type) for text in key_range),
    )
    return bool(found.scalar_one())


async def _make_stage(connection: AsyncConnection, stage: str, columns: str) -> None:
    """Make the staging table unless the connection is known to have it: one that was there before this transaction."""
    known = (await connection.get_raw_connection()).info.setdefault(STAGE, set())
    if stage in known:
        return
    if (await connection.exec_driver_sql(f"SELECT to_regclass('pg_temp.{stage}') IS NOT NULL")).scalar_one():
        known.add(stage)
    else:
        await connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {stage} ({columns}) ON COMMIT DELETE ROWS")


def _order(dataset: Dataset, target: Target) -> str:
    """Order rows by key: two loads that touch the same rows then lock them in one order and cannot deadlock."""
    kinds = {field.name: field.type.kind for field in dataset.fields}
    parts = [
        f'{quoted} COLLATE "C"' if kinds[name] == "string" else quoted
        for name, quoted in zip(dataset.primary_key, target.key, strict=True)
    ]
    return f" ORDER BY {', '.join(parts)}" if parts else ""


async def _merge_postgresql(
    connection: AsyncConnection, dataset: Dataset, target: Target, stage: str, total: int
) -> Loaded:
    insert = f"{_insert(target, stage)}{_order(dataset, target)}"
    if not target.key:
        await connection.exec_driver_sql(insert)
        return Loaded(inserted=total, updated=0, unchanged=0)
    if dataset.load.mode != "insert":
        # A row that the statement inserted has no xmax; one that it updated carries its own transaction there.
        row = await connection.exec_driver_sql(
            f"WITH merged AS ({insert} {_on_conflict(dataset, target)} RETURNING (xmax = 0) AS inserted) "
            "SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM merged"
        )
        inserted, updated = tuple(row.one())
        return Loaded(inserted=inserted, updated=updated, unchanged=total - inserted - updated)
    key = ", ".join(target.key)
    conflict = (
        f"WITH fresh AS ({insert} ON CONFLICT ({key}) DO NOTHING RETURNING {key}), "
        f"refused AS (SELECT s.{ROW} FROM {stage} s LEFT JOIN fresh ON {_same('fresh', 's', target.key)} "
        f"LEFT JOIN {target.quoted} t ON {_same('t', 's', target.key)} "
        f"WHERE fresh.{target.key[0]} IS NULL AND {_differs('t', 's', target)}) "
        f"SELECT (SELECT count(*) FROM fresh), count(*), "
        f"(array_agg({ROW} ORDER BY {ROW}))[1:{CONFLICTS_NAMED}] FROM refused"
    )
    inserted, conflicts, rows = tuple((await connection.exec_driver_sql(conflict)).one())
    return Loaded(
        inserted=inserted,
        updated=0,
        unchanged=total - inserted - conflicts,
        conflicts=conflicts,
        conflict_rows=tuple(rows or ()),
    )


def _on_conflict(dataset: Dataset, target: Target) -> str:
    key = ", ".join(target.key)
    others = _others(target)
    if not others:
        return f"ON CONFLICT ({key}) DO NOTHING"
    written = (*others, *LINEAGE_COLUMNS) if target.lineage else others
    assignments = ", ".join(f"{name} = excluded.{name}" for name in written)
    changed = f" WHERE {_differs(target.quoted, 'excluded', target)}" if dataset.load.unchanged == "skip" else ""
    return f"ON CONFLICT ({key}) DO UPDATE SET {assignments}{changed}"


def _others(target: Target) -> tuple[str, ...]:
    return tuple(name for name in target.columns if name not in target.key)


def _same(left: str, right: str, names: tuple[str, ...]) -> str:
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in names)


def _differs(left: str, right: str, target: Target, operator: str = "IS DISTINCT FROM") -> str:
    return f"({' OR '.join(f'{left}.{name} {operator} {right}.{name}' for name in _others(target)) or 'FALSE'})"


# -- SQLite ----------------------------------------------------------------------------------------------


async def _stage_sqlite(connection: AsyncConnection, dataset: Dataset, target: Target, accepted: Path) -> None:
    await connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {STAGE} ({_stage_columns(connection, dataset, target)})")
    driver: Any = (await connection.get_raw_connection()).driver_connection
    marks = ", ".join("?" for _ in accepted_columns(dataset))
    # The generator is consumed in the driver's own thread: the event loop never sees a row.
    cursor = await driver.executemany(f"INSERT INTO temp.{STAGE} VALUES ({marks})", _rows(dataset, accepted))
    await cursor.close()


async def _merge_sqlite(connection: AsyncConnection, dataset: Dataset, target: Target) -> Loaded:
    # "WHERE true" keeps SQLite's parser from reading ON CONFLICT as a join condition.
    insert = f"{_insert(target, f'temp.{STAGE}')} WHERE true"
    total = await _scalar(connection, f"SELECT count(*) FROM temp.{STAGE}")
    if not target.key:
        await connection.exec_driver_sql(insert)
        return Loaded(inserted=total, updated=0, unchanged=0)
    join = f"temp.{STAGE} s JOIN {target.quoted} t ON {_same('t', 's', target.key)}"
    present = await _scalar(connection, f"SELECT count(*) FROM {join}")
    if dataset.load.mode != "insert":
        conflict = _on_conflict(dataset, target).replace("IS DISTINCT FROM", "IS NOT")
        written = (await connection.exec_driver_sql(f"{insert} {conflict}")).rowcount
        inserted = total - present
        return Loaded(inserted=inserted, updated=written - inserted, unchanged=total - written)
    differs = f"FROM {join} WHERE {_differs('t', 's', target, 'IS NOT')}"
    conflicts = await _scalar(connection, f"SELECT count(*) {differs}")
    named = await connection.exec_driver_sql(f"SELECT s.{ROW} {differs} ORDER BY s.{ROW} LIMIT {CONFLICTS_NAMED}")
    rows = tuple(named.scalars())
    await connection.exec_driver_sql(f"{insert} ON CONFLICT ({', '.join(target.key)}) DO NOTHING")
    return Loaded(
        inserted=total - present,
        updated=0,
        unchanged=present - conflicts,
        conflicts=conflicts,
        conflict_rows=rows,
    )


ESCAPED: Final = re.compile(r"\\(.)")
MEANING: Final = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


def _unescape(text: str) -> str:
    return ESCAPED.sub(lambda match: MEANING[match[1]], text)


def _rows(dataset: Dataset, accepted: Path) -> Iterator[list[object]]:
    r"""Yield the rows of a COPY text file as SQLite stores them: `\N` is null, booleans are 0 and 1."""
    kinds = {field.name: field.type.kind for field in dataset.fields}
    convert = [_from_copy(kinds.get(name, "integer")) for name in accepted_columns(dataset)]
    with accepted.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            values: list[object] = list(line.rstrip("\n").split("\t"))
            for index, function in enumerate(convert):
                text = values[index]
                if text == "\\N":
                    values[index] = None
                elif function is not None:
                    values[index] = function(str(text))
                elif "\\" in str(text):
                    values[index] = _unescape(str(text))
            yield values


def _from_copy(kind: str) -> Callable[[str], object] | None:
    converters: dict[str, Callable[[str], object]] = {
        "integer": int,
        "number": float,
        "boolean": lambda text: text == "t",
    }
    return converters.get(kind)


async def _scalar(connection: AsyncConnection, statement: str) -> int:
    return int((await connection.exec_driver_sql(statement)).scalar_one())
