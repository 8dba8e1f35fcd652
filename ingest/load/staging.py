"""Staging tables on PostgreSQL: rows beside the table, in its columns' own types or as texts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW
from .merge import LINE, found_names, stage_names

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .loaded import Spooled
    from .target import Target

STAGE: Final = "headgate_stage"
STAGE_DIGITS: Final = 12
TEXTS: Final = "headgate_texts"
CHECKED: Final = "headgate_checked"
KEPT: Final = "headgate_kept"

READ_AT_ONCE_BYTES: Final = 256 * 1024
"""A file up to so large is read by the loop itself: it was written a moment ago, and is in memory."""
PLAN_FROM: Final = 2_000
"""Rows from which on a plan of the merge is worth statistics of the staged rows, and settings of its own."""
PAGE_COST: Final = 0.5
"""What a page found by key costs the merge, in times of one that is read in order: it looks for the rows of a key three
times, to compare, to lock and to write, and two times of these they have just been read. By the server's own measure
(4 unless it is set) the merge would read the whole table from about a hundredth of its rows on, at five times the cost.
"""


def typed_columns(spooled: Spooled, target: Target) -> dict[str, str]:
    """Return the staged columns that are filled from a file, and their types."""
    names = stage_names(spooled)
    lineage = {name: "bigint" for name in spooled.columns if name in (LINEAGE_ROW, LINEAGE_JOB)}
    return lineage | {names[name]: target.fits[name].stage for name in spooled.fields}


def found_columns(spooled: Spooled, target: Target) -> dict[str, str]:
    """Return the staged columns that are filled by what other tables give, and their types.

    No domain is among them, which may demand a value: there is none before it is looked up, nor for what is not found.
    """
    found = found_names(spooled, target)
    return {staged: column.cast for name, staged in found.items() if (column := target.gives(name))}


async def copy(
    connection: AsyncConnection, source: Path, table: str, columns: tuple[str, ...], schema: str | None = None
) -> int:
    """Copy a file in COPY text form into a table; return how many rows are there then."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    copied = await driver.copy_to_table(
        table, schema_name=schema, source=_readable(source), columns=columns, format="text"
    )
    return int(copied.removeprefix("COPY "))


def _readable(source: Path) -> Path | memoryview:
    """Return what the driver is given: of a large file its path, of a small one what stands in it.

    For each step with a path it asks a thread, four times at least, and each has to wait for the interpreter.
    """
    if source.stat().st_size > READ_AT_ONCE_BYTES:
        return source
    return memoryview(source.read_bytes())  # bytes themselves would be taken for a path


async def stage(connection: AsyncConnection, spooled: Spooled, target: Target, key: tuple[str, ...]) -> str:
    """Copy the rows into a temporary table of the target's own types; return its name.

    Statistics of the other columns would cost as much as the whole merge, and change no plan.
    """
    name = await make_stage(connection, spooled, target)
    await copy(connection, spooled.accepted, name, tuple(typed_columns(spooled, target)))
    if spooled.rows >= PLAN_FROM:
        names = stage_names(spooled)
        joined = [names[field] for field in spooled.fields if field in key or field in target.parents]
        await connection.exec_driver_sql(f"ANALYZE {name} ({', '.join(joined or [LINE])})")
        await _cost_as_it_is(connection)
    return name


async def _cost_as_it_is(connection: AsyncConnection) -> None:
    """Tell the planner, until the transaction ends, what it cannot know of the merge.

    Compiling its long conditions costs more than it saves, also where they are asked of many rows.
    """
    await connection.exec_driver_sql(
        "SELECT set_config('jit', 'off', true), "
        f"set_config('random_page_cost', least(current_setting('random_page_cost')::float8, {PAGE_COST})::text, true)"
    )


async def make_stage(connection: AsyncConnection, spooled: Spooled, target: Target) -> str:
    """Return the name of an empty staging table of the target's types; there is one after a first call.

    The table stays with the connection, empty, for later loads of the same columns: making one for each load costs more
    than a small load itself, and bloats the catalogue. One with types of the application's own goes with the
    transaction: it would keep the application from changing them. So does one on a connection that is not kept.
    """
    columns = typed_columns(spooled, target) | found_columns(spooled, target)
    builtin = all(target.read_as(name).builtin for name in spooled.fields) and all(
        column.builtin for name in spooled.fields if (column := target.gives(name))
    )
    lasting = builtin and spooled.keeps_session
    return await (_lasting_stage if lasting else _passing_stage)(connection, columns)


def _body(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


async def _passing_stage(connection: AsyncConnection, columns: dict[str, str]) -> str:
    number = f"{LINE} bigint GENERATED BY DEFAULT AS IDENTITY"
    await connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {STAGE} ({number}, {_body(columns)}) ON COMMIT DROP"
    )
    return STAGE


async def _lasting_stage(connection: AsyncConnection, columns: dict[str, str]) -> str:
    """Make the staging table unless the connection is known to have it: one that was there before this transaction."""
    body = _body(columns)
    name = f"{STAGE}_{hashlib.sha256(body.encode()).hexdigest()[:STAGE_DIGITS]}"
    known = (await connection.get_raw_connection()).info.setdefault(STAGE, set())
    if name in known:
        return name
    # Made by this very transaction, it goes with it if that is undone.
    new = (
        await connection.exec_driver_sql(
            "SELECT coalesce(xmin = pg_current_xact_id_if_assigned()::xid, false) FROM pg_class "
            f"WHERE oid = to_regclass('pg_temp.{name}')"
        )
    ).scalar_one_or_none()
    if new is None:
        number = f"{LINE} bigint GENERATED BY DEFAULT AS IDENTITY"
        await connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {name} ({number}, {body}) ON COMMIT DELETE ROWS")
    elif not new:
        known.add(name)
    return name


async def make_texts(connection: AsyncConnection, spooled: Spooled, target: Target) -> None:
    """Make the table of the rows as texts, and beside it an empty one of the target's types."""
    columns = typed_columns(spooled, target)
    texts = _body(dict.fromkeys(columns, "text"))
    number = f"{LINE} bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    await connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {TEXTS} ({number}, {texts}) ON COMMIT DROP")
    await connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {CHECKED} ({LINE} bigint PRIMARY KEY, "
        f"{_body(columns | found_columns(spooled, target))}) ON COMMIT DROP"
    )


async def stage_kept_keys(
    connection: AsyncConnection, source: Path | None, spooled: Spooled, target: Target, key: tuple[str, ...]
) -> str | None:
    """Copy the keys of rows that the parse rejected; return the name of their table, None if there are none."""
    if source is None:
        return None
    names = stage_names(spooled)
    columns = {names[name]: target.fits[name].stage for name in key} | found_columns(spooled, target)
    await connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {KEPT} ({_body(columns)}) ON COMMIT DROP")
    await copy(connection, source, KEPT, tuple(names[name] for name in key))
    return KEPT
