"""The pool's numbers, on both databases: what waits, what is used, what leaks, whatever happens to a connection."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from daemon.database.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Protocol

    class Postgres(Protocol):
        def execute(self, statement: str) -> None: ...


@pytest.fixture
async def small(database_url: str) -> AsyncIterator[Database]:
    """A pool of one connection and one more."""
    async with Database(
        url=database_url,
        pool_size=1,
        max_overflow=1,
        pool_timeout_seconds=0.3,
        leak_seconds=0.2,
        connect_timeout_seconds=10,
    ) as opened:
        yield opened


async def test_connections_are_counted_as_they_are_used(small: Database) -> None:
    before = small.stats()
    assert (before.size, before.max, before.used, before.pending) == (1, 2, 0, 0)
    async with small.read(), small.read():
        during = small.stats()
        assert (during.used, during.idle, during.overflow) == (2, 0, 1)
    after = small.stats()
    assert (after.used, after.overflow) == (0, 0)
    assert after.use.counts[-1] == before.use.counts[-1] + 2
    assert after.used_seconds_total > during.used_seconds_total >= before.used_seconds_total
    assert after.operations["read"].counts[-1] == before.operations["read"].counts[-1] + 2
    assert after.closed_total == before.closed_total + 1, "the overflow connection is closed when it comes back"


async def test_who_waits_in_vain_is_told_and_counted(small: Database) -> None:
    async with small.read(), small.read():
        waiting = asyncio.create_task(_use(small))
        await asyncio.sleep(0.1)
        assert small.stats().pending == 1
        with pytest.raises(Exception, match=r"(?i)timeout|limit") as caught:
            await waiting
    assert isinstance(caught.value, PoolTimeoutError) or isinstance(caught.value.__cause__, PoolTimeoutError)
    stats = small.stats()
    assert (stats.timeouts_total, stats.pending) == (1, 0)
    assert stats.wait["timeout"].counts[-1] == 1
    assert stats.wait["timeout"].sum >= 0.3
    assert stats.timeout_seconds in stats.wait["timeout"].bounds


async def test_a_waiter_that_is_cancelled_leaves_nothing_behind(small: Database) -> None:
    async with small.read(), small.read():
        waiting = asyncio.create_task(_use(small))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert small.stats().pending == 0
    await _use(small)
    assert small.stats().used == 0


async def test_a_connection_held_too_long_is_a_leak_until_it_comes_back(
    small: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with small.read():
        await asyncio.sleep(0.4)
        assert small.stats().leaked == 1
    assert small.stats().leaked == 0
    [record] = [record for record in caplog.records if "held too long" in record.message]
    assert "test_pool_stats" in record.taken_at  # type: ignore[attr-defined]


async def test_numbers_survive_a_disposed_pool(small: Database) -> None:
    await _use(small)
    opened = small.stats().opened_total
    await small.engine.dispose()
    assert small.stats().idle == 0
    await _use(small)
    stats = small.stats()
    assert stats.opened_total == opened + 1
    assert stats.opened_total - stats.closed_total == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_idle_connection_that_the_server_ended_is_not_given_out(small: Database, postgres: Postgres) -> None:
    async with small.read() as connection:
        pid = (await connection.execute(sa.text("SELECT pg_backend_pid()"))).scalar_one()
    before = small.stats()
    postgres.execute(f"SELECT pg_terminate_backend({pid}, 20000)")
    await asyncio.sleep(0.2)  # lets the loop hear that the server has closed it
    async with small.read() as connection:
        assert (await connection.execute(sa.text("SELECT pg_backend_pid()"))).scalar_one() != pid
    after = small.stats()
    assert after.invalidations_total == before.invalidations_total + 1
    assert after.opened_total == before.opened_total + 1
    assert (after.used, after.idle) == (0, 1)


async def test_creating_a_connection_is_not_waiting_for_one(database_url: str) -> None:
    async with Database(
        url=database_url,
        pool_size=2,
        max_overflow=0,
        pool_timeout_seconds=5,
        leak_seconds=60,
        connect_timeout_seconds=10,
    ) as database:
        await database.engine.dispose()
        before = database.stats()
        await _use(database)
        after = database.stats()
    assert after.create.counts[-1] == before.create.counts[-1] + 1
    created = after.create.sum - before.create.sum
    waited = after.wait["ok"].sum - before.wait["ok"].sum
    assert created > 0
    assert waited < created + 1


async def _use(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(sa.text("SELECT 1"))
