"""The server's connections by state and application, as it says itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest
import sqlalchemy as sa

from daemon.database.database import Database
from daemon.database.server_stats import OTHER, ServerNotSeenError, ServerStatsWatch

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_server import Postgres


def database(url: str) -> Database:
    return Database(
        url=url,
        pool_size=2,
        max_overflow=0,
        pool_timeout_seconds=5,
        leak_seconds=60,
        connect_timeout_seconds=5,
    )


def watch(opened: Database) -> ServerStatsWatch:
    found = opened.server_watch(("erp",), 0.1)
    assert found is not None
    return found


async def test_connections_by_state_and_application(own_postgres: Postgres) -> None:
    place = {"host": "127.0.0.1", "port": own_postgres.port, "user": "headgate", "database": "postgres"}
    erp = await asyncpg.connect(**place, server_settings={"application_name": "erp"})
    stranger = await asyncpg.connect(**place, server_settings={"application_name": "psql"})
    await stranger.execute("BEGIN")
    async with database(own_postgres.url()) as opened, watch(opened) as watching:
        stats = watching.stats()
        assert stats.connections["idle", "erp"] == 1
        assert stats.connections["idle_in_transaction", OTHER] == 1
        assert stats.connections["active", "headgate"] == 1, "the one that asks"
        assert stats.connections["idle", "headgate"] == 1
        assert sum(stats.connections.values()) == 4
        assert stats.max == 200
    await erp.close()
    await stranger.close()


async def test_connections_of_other_users_count_for_an_ordinary_one(own_postgres: Postgres) -> None:
    for name in ("loader", "clerk"):
        own_postgres.execute(f"CREATE ROLE {name} LOGIN")
    place = {"host": "127.0.0.1", "port": own_postgres.port, "database": "postgres"}
    settings = {"application_name": "erp"}
    clerks = [await asyncpg.connect(**place, user="clerk", server_settings=settings) for _ in range(3)]
    async with database(own_postgres.url().replace("headgate@", "loader@")) as opened, watch(opened) as watching:
        stats = watching.stats()
        assert stats.connections["other", "erp"] == 3, "that they are there is no secret, what they do is"
        own_postgres.execute("GRANT pg_read_all_stats TO loader")
        await watching._ask()
        stats = watching.stats()
        assert stats.connections["idle", "erp"] == 3
        assert stats.connections["other", "erp"] == 0
    for clerk in clerks:
        await clerk.close()


async def test_it_sees_the_server_when_the_pool_is_empty(postgres_database: str) -> None:
    async with database(postgres_database) as opened, watch(opened) as watching:
        beating = asyncio.create_task(watching.run())
        async with opened.read() as one, opened.read() as two:
            for connection in (one, two):
                await connection.execute(sa.text("SELECT 1"))
            assert opened.stats().idle == 0
            for _ in range(100):
                await asyncio.sleep(0.1)
                if watching.stats().connections["idle_in_transaction", "headgate"] == 2:
                    break
            assert watching.stats().connections["idle_in_transaction", "headgate"] == 2
        beating.cancel()


async def test_a_server_that_does_not_answer_has_no_numbers_until_it_does(
    own_postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    async with database(own_postgres.url()) as opened, watch(opened) as watching:
        beating = asyncio.create_task(watching.run())
        own_postgres.stop("immediate")
        for _ in range(100):
            await asyncio.sleep(0.1)
            try:
                watching.stats()
            except ServerNotSeenError:
                break
        with pytest.raises(ServerNotSeenError, match="not seen"):
            watching.stats()
        await asyncio.sleep(0.5)
        assert len([one for one in caplog.records if one.message == "database server not seen"]) == 1
        own_postgres.start()
        for _ in range(100):
            await asyncio.sleep(0.1)
            try:
                assert watching.stats().max == 200
            except ServerNotSeenError:
                continue
            break
        assert watching.stats().connections["active", "headgate"] >= 1
        beating.cancel()


def test_sqlite_has_no_server(tmp_path: Path) -> None:
    assert database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}").server_watch((), 60) is None
