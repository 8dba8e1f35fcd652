"""A connection that ends before anything was asked of it was none: what is loaded did not bring that about."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from pgbouncer import running_pgbouncer
from postgres_server import psql_program

from daemon.database.database import Database
from daemon.database.errors import reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_server import Postgres

ENDED_BY_ITS_ROWS = (
    "CREATE TABLE goods (name text)",
    """CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$""",
    "CREATE TRIGGER ends AFTER INSERT ON goods EXECUTE FUNCTION ends()",
)


def _database(url: str) -> Database:
    return Database(
        url=url,
        pool_size=1,
        max_overflow=0,
        pool_timeout_seconds=5,
        leak_seconds=60,
        connect_timeout_seconds=10,
    )


async def _load(database: Database, statement: str = "SELECT 1") -> None:
    async with database.write("load") as connection:
        await connection.exec_driver_sql(statement)


async def test_a_pooler_without_a_free_connection_is_waited_for(
    pgbouncer_binary: Path,  # noqa: ARG001
    postgres: Any,
    postgres_database: str,
) -> None:
    with running_pgbouncer(postgres.port, "transaction", connections=1, waits_seconds=2) as pooler:
        url = pooler.url(postgres_database.rpartition("/")[2])
        async with _database(url) as database:
            await _load(database)
            held = ("-c", "BEGIN", "-c", "SELECT 'in'", "-c", "SELECT pg_sleep(60)")
            holding = subprocess.Popen(  # noqa: ASYNC220  # read by a thread
                [psql_program(), url.replace("+asyncpg", ""), "-XqAt", *held], stdout=subprocess.PIPE
            )
            try:
                assert holding.stdout is not None
                assert await asyncio.to_thread(holding.stdout.readline) == b"in\n"
                with pytest.raises(Exception, match="query_wait_timeout") as raised:
                    await _load(database)
            finally:
                holding.kill()
                holding.communicate(timeout=10)
            meaning = database.meaning(raised.value)
            assert (meaning.classification, meaning.counted_as, meaning.waits) == ("transient", "connection", True)
            await _load(database)


@pytest.mark.parametrize(
    ("statement", "waits"), [(None, True), ("SELECT pg_terminate_backend(pg_backend_pid())", False)]
)
async def test_only_what_ends_before_the_first_statement_is_waited_for(
    postgres: Postgres, postgres_database: str, statement: str | None, *, waits: bool
) -> None:
    async with _database(postgres_database) as database:
        async with database.read() as connection:
            process = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
        if statement is None:
            # Before the pool asks whether it lives, and before the loop has heard that it does not.
            postgres.execute(f"SELECT pg_terminate_backend({process}, 5000)")
        with pytest.raises(Exception, match="connection") as raised:
            await _load(database, statement or "SELECT 1")
        meaning = database.meaning(raised.value)
        assert (meaning.classification, meaning.counted_as, meaning.waits) == ("transient", "connection", waits)


async def test_what_ended_a_connection_in_a_copy_is_told(postgres_database: str, tmp_path: Path) -> None:
    """Undoing fails then, too: that its connection is closed is no reason that helps anybody."""
    rows = tmp_path / "rows"
    rows.write_bytes(b"a\n")

    async def copy() -> None:
        async with database.write("load") as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.copy_to_table("goods", source=rows)

    async with _database(postgres_database) as database:
        async with database.write() as connection:
            for statement in ENDED_BY_ITS_ROWS:
                await connection.exec_driver_sql(statement)
        with pytest.raises(Exception, match="administrator command") as raised:
            await copy()
        assert "administrator command" in reason_of(raised.value)
        meaning = database.meaning(raised.value)
        assert (meaning.classification, meaning.waits) == ("transient", False)
