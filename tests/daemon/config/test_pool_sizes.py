"""The sizes that environment and cores come to are really to be had from a server, and not one connection more."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from daemon.config.load import load_settings
from daemon.config.sizing import pool_sizes
from daemon.database.database import Database

OURS = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headgate' AND datname = current_database()"
)


@pytest.mark.parametrize(
    ("environ", "cores", "size", "overflow"),
    [
        ({}, 8.0, 10, 10),
        ({"ENVIRONMENT": "development"}, 1.0, 10, 10),
        ({"ENVIRONMENT": "production"}, 0.5, 10, 5),
        ({"ENVIRONMENT": "production"}, 1.0, 10, 5),
        ({"ENVIRONMENT": "production"}, 2.5, 20, 10),
        ({"ENVIRONMENT": "production"}, 3.0, 30, 15),
        ({"ENVIRONMENT": "production"}, 64.0, 30, 20),
        ({"ENVIRONMENT": "production", "DB_POOL_SIZE": "3", "DB_MAX_OVERFLOW": "2"}, 64.0, 3, 2),
        ({"ENVIRONMENT": "production", "DB_POOL_SIZE": "0"}, 2.0, 20, 10),
        ({"HEADGATE_DATABASE__POOL_SIZE": "4"}, 2.0, 4, 10),
    ],
)
async def test_so_many_connections_can_be_taken_and_the_next_one_waits(
    postgres_database: str, environ: dict[str, str], cores: float, size: int, overflow: int
) -> None:
    sizes = pool_sizes(load_settings(None, environ), cores)
    assert (sizes.size, sizes.overflow) == (size, overflow)
    async with (
        Database(
            url=postgres_database,
            pool_size=sizes.size,
            max_overflow=sizes.overflow,
            pool_timeout_seconds=0.5,
            leak_seconds=60,
            connect_timeout_seconds=30,
        ) as database,
    ):
        async with AsyncExitStack() as stack:
            taken = [await stack.enter_async_context(database.read()) for _ in range(size + overflow)]
            assert (await taken[-1].execute(OURS)).scalar_one() == size + overflow
            full = database.stats()
            assert (full.size, full.max, full.used, full.idle) == (size, size + overflow, size + overflow, 0)
            assert full.overflow == overflow
            next_one = asyncio.create_task(stack.enter_async_context(database.read()))
            await asyncio.sleep(0.1)
            assert database.stats().pending == 1
            with pytest.raises(PoolTimeoutError):
                await next_one
            late = database.stats()
            assert (late.timeouts_total, late.pending, late.errors["pool_timeout"]) == (1, 0, 1)
        after = database.stats()
        assert (after.used, after.idle, after.overflow) == (0, size, 0)
        async with database.read() as connection:
            assert (await connection.execute(OURS)).scalar_one() == size, "the overflow is closed when it comes back"


async def test_a_waiter_gets_the_connection_that_comes_back(postgres_database: str) -> None:
    async with Database(
        url=postgres_database,
        pool_size=1,
        max_overflow=0,
        pool_timeout_seconds=30,
        leak_seconds=60,
        connect_timeout_seconds=30,
    ) as database:
        before = database.stats()

        async def wait() -> None:
            async with database.read():
                pass

        async with asyncio.TaskGroup() as tasks, database.read():
            tasks.create_task(wait())
            await asyncio.sleep(0.3)
        after = database.stats()
        assert after.wait["ok"].counts[-1] == before.wait["ok"].counts[-1] + 2
        assert after.wait["ok"].sum - before.wait["ok"].sum >= 0.25
        assert after.opened_total == before.opened_total
