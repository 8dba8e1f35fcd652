"""Rows into PostgreSQL: copied straight into the table, or staged and merged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from sqlalchemy.exc import IntegrityError

from ..output.report import accepted_columns
from ..spec.field import bound_value
from .statements import (
    CONFLICTS_NAMED,
    ROW,
    STAGE,
    Loaded,
    NotStraightError,
    differs,
    insert_statement,
    on_conflict,
    same_key,
    stage_columns,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .target import Target

STAGE_DIGITS: Final = 12


WORTH_LOOKING: Final = 2_000
"""Rows from which on it pays to ask first whether any staged key is in the table."""


UNIQUE_VIOLATION: Final = "23505"


NOT_THIS_WAY: Final = frozenset({UNIQUE_VIOLATION, "0A000", "42809"})
"""What COPY into the table itself may fail of while INSERT works, as SQLSTATE: a key that somebody else has brought
meanwhile, row security, and a view (https://www.postgresql.org/docs/current/errcodes-appendix.html).
"""


async def _stage(connection: AsyncConnection, dataset: Dataset, target: Target, accepted: Path) -> tuple[str, int]:
    """Copy the rows into a temporary table; return its name and their number.

    The table stays with the connection, empty, for later loads of the same columns: making one for each load costs more
    than a small load itself, and bloats the catalogue.
    """
    columns = stage_columns(connection, dataset, target)
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


async def copy_straight(
    connection: AsyncConnection, dataset: Dataset, target: Target, accepted: Path, rows: int
) -> Loaded:
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
    return Loaded(inserted=rows, updated=0, unchanged=0)


async def stage_and_merge(connection: AsyncConnection, dataset: Dataset, target: Target, accepted: Path) -> Loaded:
    """Copy the rows into a staging table, and from there into the table by key."""
    staging, staged = await _stage(connection, dataset, target, accepted)
    if staged >= WORTH_LOOKING and target.key and await _insert_fresh(connection, target, staging):
        return Loaded(inserted=staged, updated=0, unchanged=0)
    return await _merge(connection, dataset, target, staging, staged)


async def _insert_fresh(connection: AsyncConnection, target: Target, stage: str) -> bool:
    """Insert the staged rows if none of their keys is in the table, which takes half the time of ON CONFLICT.

    False, and nothing inserted, if one is, or if another transaction has put one there meanwhile.
    """
    join = f"{stage} s JOIN {target.quoted} t ON {same_key('t', 's', target.key)}"
    if (await connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {join})")).scalar_one():
        return False
    try:
        async with connection.begin_nested():
            await connection.exec_driver_sql(insert_statement(target, stage))
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) != UNIQUE_VIOLATION:
            raise
        return False
    return True


async def may_hold(
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


async def _merge(connection: AsyncConnection, dataset: Dataset, target: Target, stage: str, total: int) -> Loaded:
    insert = f"{insert_statement(target, stage)}{_order(dataset, target)}"
    if not target.key:
        await connection.exec_driver_sql(insert)
        return Loaded(inserted=total, updated=0, unchanged=0)
    if dataset.load.mode != "insert":
        # A row that the statement inserted has no xmax; one that it updated carries its own transaction there.
        row = await connection.exec_driver_sql(
            f"WITH merged AS ({insert} {on_conflict(dataset, target)} RETURNING (xmax = 0) AS inserted) "
            "SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM merged"
        )
        inserted, updated = tuple(row.one())
        return Loaded(inserted=inserted, updated=updated, unchanged=total - inserted - updated)
    key = ", ".join(target.key)
    conflict = (
        f"WITH fresh AS ({insert} ON CONFLICT ({key}) DO NOTHING RETURNING {key}), "
        f"refused AS (SELECT s.{ROW} FROM {stage} s LEFT JOIN fresh ON {same_key('fresh', 's', target.key)} "
        f"LEFT JOIN {target.quoted} t ON {same_key('t', 's', target.key)} "
        f"WHERE fresh.{target.key[0]} IS NULL AND {differs('t', 's', target)}) "
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
