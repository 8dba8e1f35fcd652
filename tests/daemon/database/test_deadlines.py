"""A database that falls silent is given up in time, whatever was going on; a slow one is not. Real servers."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import sqlalchemy as sa
from silent_proxy import SilentProxy, silent_proxy

from daemon.database.connector import Access
from daemon.database.database import Database
from daemon.database.deadlines import UNDO_SECONDS, Patience
from daemon.errors import DatabaseSilentError

if TYPE_CHECKING:
    from postgres_server import Postgres
    from sqlalchemy.ext.asyncio import AsyncConnection

PATIENCE = Patience(statement_seconds=1.0, load_seconds=2.0)
PID = sa.text("SELECT pg_backend_pid()")
LINES = 4000
"""16 MB: more than the buffers of any socket here."""


def database_at(port: int, name: str, *, patience: Patience = PATIENCE, size: int = 2) -> Database:
    return Database(
        url=f"postgresql+asyncpg://headgate@127.0.0.1:{port}/{name}",
        pool_size=size,
        max_overflow=0,
        pool_timeout_seconds=10,
        leak_seconds=60,
        connect_timeout_seconds=5,
        access=Access(patience=patience),
    )


@pytest.fixture
async def proxy(postgres: Postgres) -> AsyncIterator[SilentProxy]:
    async with silent_proxy(postgres.port) as running:
        yield running


@pytest.fixture
async def database(proxy: SilentProxy, postgres_database: str) -> AsyncIterator[Database]:
    async with database_at(proxy.port, postgres_database.rpartition("/")[2]) as opened:
        yield opened


async def lines(*, pause: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(LINES):
        yield b"x" * 4000 + b"\n"
        if pause:
            await asyncio.sleep(pause)


async def copy(connection: AsyncConnection, *, pause: float = 0.0) -> None:
    await connection.execute(sa.text("CREATE TEMPORARY TABLE t (x text)"))
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.copy_to_table("t", source=lines(pause=pause))


async def use(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(PID)).scalar_one())


async def test_idle_connections_that_fell_silent_are_replaced_together(database: Database, proxy: SilentProxy) -> None:
    async with database.read(), database.read():
        pass
    await asyncio.sleep(1.1)  # so long that they are asked whether they live
    assert proxy.silence() >= 2
    started = time.monotonic()
    assert await use(database)
    first = time.monotonic() - started
    async with database.read() as one, database.read() as other:
        assert await one.scalar(PID) != await other.scalar(PID)
    assert first < 8, "one is asked, and that is bounded"
    assert time.monotonic() - started - first < 3, "no other is asked"


async def test_a_statement_without_an_answer_ends_in_its_deadline_and_takes_the_idle_ones_along(
    database: Database, proxy: SilentProxy
) -> None:
    async with database.read(), database.read():
        pass
    started = time.monotonic()

    async def work() -> None:
        async with database.write() as connection:
            await connection.execute(PID)
            proxy.silence()
            await connection.execute(PID)

    with pytest.raises(DatabaseSilentError, match="not answered for 1 s") as caught:
        await work()
    assert time.monotonic() - started < 4
    assert database.classify(caught.value) == "transient"
    assert database.stats().errors["silent"] == 1
    started = time.monotonic()
    assert await use(database)
    assert time.monotonic() - started < 3, "the other idle one was thrown away with it"


async def test_a_commit_without_a_reply_ends_in_its_deadline(database: Database, proxy: SilentProxy) -> None:
    async def work() -> None:
        async with database.write() as connection:
            await connection.execute(PID)
            proxy.silence()

    with pytest.raises(DatabaseSilentError):
        await work()
    assert await use(database)


async def test_a_single_statement_ends_in_its_deadline(database: Database, proxy: SilentProxy) -> None:
    async def work() -> None:
        async with database.single("claim") as connection:
            proxy.silence()
            await connection.execute(PID)

    assert await use(database)
    with pytest.raises(DatabaseSilentError):
        await work()
    assert await use(database)


async def test_a_silent_copy_ends_in_its_deadline(database: Database, proxy: SilentProxy) -> None:
    async def load() -> None:
        async with database.write("load") as connection:
            await copy(connection, pause=0.001)

    loading = asyncio.create_task(load())
    await asyncio.sleep(0.5)
    proxy.silence()
    started = time.monotonic()
    with pytest.raises(DatabaseSilentError):
        await asyncio.wait_for(loading, 15)
    assert time.monotonic() - started < 6
    assert await use(database)


async def test_a_slow_copy_goes_on_as_long_as_bytes_pass(postgres: Postgres, postgres_database: str) -> None:
    name = postgres_database.rpartition("/")[2]
    patience = Patience(load_seconds=3.0)
    async with (
        silent_proxy(postgres.port, bytes_per_second=LINES * 4000 / 8) as proxy,
        database_at(proxy.port, name, patience=patience) as database,
    ):
        started = time.monotonic()
        async with database.write("load") as connection:
            await copy(connection)
            assert await connection.scalar(sa.text("SELECT count(*) FROM t")) == LINES
        assert time.monotonic() - started > 4


async def test_a_connection_that_is_lost_while_copy_may_not_write_is_noticed(
    postgres: Postgres, postgres_database: str
) -> None:
    """The driver waits for ever there: what it waits for never comes once the connection has gone."""
    patience = Patience(load_seconds=60)
    async with database_at(postgres.port, postgres_database.rpartition("/")[2], patience=patience) as database:
        backend: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def load() -> None:
            async with database.write("load") as connection:
                backend.set_result(int(await connection.scalar(PID) or 0))
                await copy(connection)

        loading = asyncio.create_task(load())
        pid = await backend
        await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(0.5)
            postgres.execute(f"SELECT pg_terminate_backend({pid})")
        finally:
            os.kill(pid, signal.SIGCONT)
        started = time.monotonic()
        with pytest.raises((DatabaseSilentError, sa.exc.DBAPIError, asyncpg.PostgresError)) as caught:
            await asyncio.wait_for(loading, 15)
        assert time.monotonic() - started < 5
        assert database.classify(caught.value) == "transient"
        assert await use(database)


async def test_who_is_cancelled_does_not_wait_for_a_silent_server(database: Database, proxy: SilentProxy) -> None:
    async def load() -> None:
        async with database.write("load") as connection:
            await copy(connection, pause=0.001)

    loading = asyncio.create_task(load())
    await asyncio.sleep(0.5)
    proxy.silence()
    loading.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(loading, 20)
    assert time.monotonic() - started < UNDO_SECONDS + 5
    assert await use(database)


async def test_closing_does_not_wait_for_a_silent_server(
    proxy: SilentProxy, postgres_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = database_at(proxy.port, postgres_database.rpartition("/")[2])
    async with database:
        async with database.read(), database.read():
            pass
        proxy.silence(new_ones_too=True)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert any("do not answer" in record.message for record in caplog.records)


async def test_a_server_that_takes_connections_and_says_nothing_is_no_server(
    database: Database, proxy: SilentProxy
) -> None:
    proxy.silence(new_ones_too=True)
    await asyncio.sleep(1.1)
    started = time.monotonic()
    with pytest.raises(Exception, match="no answer within 5 s") as caught:
        await use(database)
    assert time.monotonic() - started < 14
    meaning = database.meaning(caught.value)
    assert (meaning.classification, meaning.waits) == ("transient", True)
    proxy.speak()
    assert await use(database)
