"""A plan of SQLite is one for the tables as they are: never one that was kept from before somebody changed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goods import opened, run
from shop_rows import sqlite_in

from ingest.load.sqlite_explain import explain

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

WRITE = "INSERT INTO t (k) SELECT NULL"


async def fires_a_trigger(connection: AsyncConnection) -> bool:
    return any(step.opcode == "Program" for step in await explain(connection, WRITE))


async def test_what_another_connection_has_changed_is_in_the_plan(tmp_path: Path) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(database, "CREATE TABLE t (k)")
        async with database.engine.connect() as kept:
            assert not await fires_a_trigger(kept)
            await run(
                database,
                "CREATE TRIGGER g BEFORE INSERT ON t BEGIN SELECT 1; END",
                *(f"CREATE TABLE other{number} (a UNIQUE, b)" for number in range(50)),
            )
            # What the old tables were in is given to others now.
            for number in range(50):
                await kept.exec_driver_sql(f"SELECT a FROM other{number}")
            assert await fires_a_trigger(kept)


async def test_what_changed_a_moment_ago_is_in_the_plan(tmp_path: Path) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(database, "CREATE TABLE t (k)")
        async with database.engine.connect() as kept:
            assert not await fires_a_trigger(kept)
            await run(database, "CREATE TRIGGER g BEFORE INSERT ON t BEGIN SELECT 1; END")
            assert await fires_a_trigger(kept)
