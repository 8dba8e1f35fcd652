"""The pool's numbers stay true whatever happens to its connections; a real server, cut off, ended, slow, restarted."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from daemon.database.database import Database
from daemon.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postgres_server import Postgres

    from daemon.database.pool_stats import DatabasePoolStats

ONE = sa.text("SELECT 1")
PID = sa.text("SELECT pg_backend_pid()")
OURS = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headgate' AND datname = current_database()"
)


def pool(url: str, *, size: int = 2, overflow: int = 0, timeout: float = 5.0, leak: float = 60.0) -> Database:
    return Database(
        url=url,
        pool_size=size,
        max_overflow=overflow,
        pool_timeout_seconds=timeout,
        leak_seconds=leak,
        connect_timeout_seconds=10,
    )


@pytest.fixture
async def database(postgres_database: str) -> AsyncIterator[Database]:
    async with pool(postgres_database) as opened:
        yield opened


@pytest.fixture
async def either(database_url: str) -> AsyncIterator[Database]:
    """A pool on each kind of database."""
    async with pool(database_url) as opened:
        yield opened


@contextlib.asynccontextmanager
async def slow_way(port: int, delay_seconds: float) -> AsyncIterator[int]:
    """Give a port that leads to the server, and on which each connection is silent for a while at first."""
    copies: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_seconds)
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        copies.update(
            {asyncio.create_task(copy(reader, inner_writer)), asyncio.create_task(copy(inner_reader, writer))}
        )

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in copies:
            task.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


async def use(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(PID)).scalar_one())


def at_rest(stats: DatabasePoolStats) -> bool:
    """Say whether nobody has or wants a connection, and every one that is open lies in the pool."""
    return (stats.used, stats.pending) == (0, 0) and stats.opened_total - stats.closed_total == stats.idle


async def settled(database: Database) -> DatabasePoolStats:
    for _ in range(200):
        if at_rest(database.stats()):
            break
        await asyncio.sleep(0.02)
    return database.stats()


# -- creation --------------------------------------------------------------------------------------------


async def test_creation_is_timed_and_is_no_wait(postgres: Postgres, postgres_database: str) -> None:
    name = postgres_database.rpartition("/")[2]
    async with (
        slow_way(postgres.port, 0.5) as port,
        pool(f"postgresql+asyncpg://headgate@127.0.0.1:{port}/{name}") as database,
    ):
        before = database.stats()
        assert before.create.sum >= 0.5
        assert before.wait["ok"].sum < before.create.sum
        async with database.read(), database.read():
            after = database.stats()
        assert after.opened_total == 2
        assert after.create.counts[-1] == before.create.counts[-1] + 1
        assert after.create.sum - before.create.sum >= 0.5
        assert after.wait["ok"].sum - before.wait["ok"].sum < after.create.sum - before.create.sum


async def test_a_creation_that_fails_is_timed_counted_and_is_no_wait(own_postgres: Postgres) -> None:
    async with pool(own_postgres.url()) as database:
        before = database.stats()
        own_postgres.stop("immediate")
        await asyncio.sleep(0.2)  # lets the loop hear that the pool's connection is closed
        with pytest.raises(Exception, match=r"(?i)connect|refused|closed") as caught:
            await use(database)
        assert database.classify(caught.value) == "transient"
        after = database.stats()
        assert after.create.counts[-1] > before.create.counts[-1]
        assert after.opened_total == before.opened_total
        assert after.wait["ok"].counts[-1] == before.wait["ok"].counts[-1]
        assert after.errors["connection"] == before.errors["connection"] + 1
        assert at_rest(after)
        own_postgres.start()
        assert await use(database)
        assert at_rest(database.stats())


async def test_a_database_that_is_not_there_is_an_error_of_access(postgres: Postgres) -> None:
    database = pool(postgres.url("no_such_database"))
    with pytest.raises(DatabaseUnavailableError, match="no_such_database"):
        await database.__aenter__()  # there is nothing to leave
    assert database.stats().errors["access"] == 1


# -- connections that end --------------------------------------------------------------------------------


async def test_a_connection_ended_while_in_use_is_thrown_away(database: Database, postgres: Postgres) -> None:
    before = database.stats()
    pid = 0

    async def work() -> None:
        nonlocal pid
        async with database.write() as connection:
            pid = (await connection.execute(PID)).scalar_one()
            postgres.execute(f"SELECT pg_terminate_backend({pid})")
            await connection.execute(PID)

    with pytest.raises(sa.exc.DBAPIError) as caught:
        await work()
    assert database.classify(caught.value) == "transient"
    after = database.stats()
    assert after.errors["stopped"] + after.errors["connection"] == 1
    assert after.invalidations_total > before.invalidations_total
    assert at_rest(after)
    assert await use(database) != pid
    assert at_rest(database.stats())


async def test_all_connections_are_replaced_after_a_restart_of_the_server(own_postgres: Postgres) -> None:
    async with pool(own_postgres.url(), size=3) as database:
        async with database.read(), database.read(), database.read():
            pass
        assert database.stats().idle == 3
        own_postgres.restart_immediate()
        await asyncio.sleep(0.2)  # lets the loop hear that the connections are closed
        async with database.read(), database.read(), database.read():
            during = database.stats()
            assert (during.used, during.idle, during.overflow) == (3, 0, 0)
        after = database.stats()
        assert (after.opened_total, after.closed_total, after.idle) == (6, 3, 3)
        assert after.invalidations_total >= 1


async def test_a_connection_that_its_user_invalidates_is_closed_and_counted_once(either: Database) -> None:
    database = either
    before = database.stats()

    async def work() -> None:
        async with database.read() as connection:
            await connection.invalidate()
            assert database.stats().used == 1

    with pytest.raises(sa.exc.PendingRollbackError):  # there is nothing left to commit
        await work()
    after = database.stats()
    assert after.invalidations_total == before.invalidations_total + 1
    assert after.closed_total == before.closed_total + 1
    assert at_rest(after)


async def test_a_pool_disposed_of_while_it_is_used_leaves_no_connection_behind(database: Database) -> None:
    async with database.read() as connection:
        old = (await connection.execute(PID)).scalar_one()
        await database.engine.dispose()
        async with database.read() as other:
            assert (await other.execute(PID)).scalar_one() != old
            during = database.stats()
            assert (during.used, during.overflow) == (2, 0)
        assert (await connection.execute(PID)).scalar_one() == old, "whoever has a connection may go on"
    after = database.stats()
    assert at_rest(after)
    assert (after.opened_total, after.closed_total, after.idle) == (2, 1, 1)
    async with database.read() as connection:
        assert (await connection.execute(OURS)).scalar_one() == 1


# -- cancellation ----------------------------------------------------------------------------------------


async def test_a_wait_that_is_cancelled_is_no_wait_that_succeeded(database: Database) -> None:
    async with database.read(), database.read():
        before = database.stats()
        waiting = asyncio.create_task(use(database))
        await asyncio.sleep(0.05)
        assert database.stats().pending == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        after = database.stats()
        assert after.pending == 0
        assert after.wait == before.wait


async def test_no_moment_of_cancellation_loses_a_connection(either: Database) -> None:
    """Users are cancelled while they wait, connect, work and give back; a third of them throws its connection away."""
    database = either
    chance = random.Random(7)  # the same moments each time, as far as the loop allows

    async def work() -> None:
        async with database.write() as connection:
            await connection.execute(ONE)
            if chance.random() < 0.3:
                await connection.invalidate()
            else:
                await asyncio.sleep(chance.random() * 0.01)

    for _ in range(40):
        tasks = [asyncio.create_task(work()) for _ in range(6)]
        await asyncio.sleep(chance.random() * 0.02)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    after = await settled(database)
    assert at_rest(after), after
    assert after.timeouts_total == 0
    async with database.read() as connection, database.read():
        during = database.stats()
        assert during.used == during.opened_total - during.closed_total == 2
        if database.dialect == "postgresql":
            assert (await connection.execute(OURS)).scalar_one() == 2


async def test_whoever_is_cancelled_while_giving_back_has_given_back(either: Database) -> None:
    database = either
    began = asyncio.Event()

    async def work() -> None:
        async with database.read() as connection:
            began.set()
            await connection.execute(ONE)

    for _ in range(30):
        began.clear()
        task = asyncio.create_task(work())
        await began.wait()
        for _ in range(random.randrange(8)):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert at_rest(await settled(database))


async def test_a_writer_that_is_cancelled_leaves_no_lock_behind(either: Database) -> None:
    async with either.write() as connection:
        await connection.execute(sa.text("CREATE TABLE target (n integer)"))
    kept: list[BaseException] = []  # and with them the frames, the cursors and the connections
    for moment in range(25):

        async def write() -> None:
            async with either.write() as connection:
                for _ in range(3):
                    await connection.execute(sa.text("INSERT INTO target VALUES (1)"))

        task = asyncio.create_task(write())
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        kept += [error for error in await asyncio.gather(task, return_exceptions=True) if error is not None]
        async with asyncio.timeout(20), either.write() as connection:
            await connection.execute(sa.text("INSERT INTO target VALUES (2)"))
    assert kept
    async with either.read() as connection:
        rows = (await connection.execute(sa.text("SELECT n, count(*) FROM target GROUP BY n"))).all()
    counts: dict[int, int] = dict(map(tuple, rows))
    assert counts[2] == 25
    assert counts.get(1, 0) % 3 == 0, "a transaction is loaded whole or not at all"


# -- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "counted_as", "classification"),
    [
        ("SELECT 1/0", "data", "data"),
        ("SELEKT 1", "statement", "configuration"),
        ("DO $$ BEGIN RAISE SQLSTATE '53100'; END $$", "resources", "transient"),
        ("SET TRANSACTION READ ONLY; CREATE TABLE denied (n integer)", "read_only", "transient"),
        # What a trigger raises by itself is a row's fault, whatever code it takes for that.
        ("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", "conflict", "data"),
        ("DO $$ BEGIN RAISE SQLSTATE '28000'; END $$", "data", "data"),
        ("DO $$ BEGIN RAISE SQLSTATE '25006'; END $$", "data", "data"),
        ("DO $$ BEGIN RAISE SQLSTATE 'P0001'; END $$", "data", "data"),
        ("SET LOCAL statement_timeout = 20; SELECT pg_sleep(5)", "stopped", "transient"),
    ],
)
async def test_errors_are_counted_by_what_the_server_said(
    database: Database, statement: str, counted_as: str, classification: str
) -> None:
    async def work() -> None:
        async with database.write() as connection:
            for part in [statement] if statement.startswith("DO") else statement.split(";"):
                await connection.execute(sa.text(part))

    with pytest.raises(sa.exc.DBAPIError) as caught:
        await work()
    assert database.classify(caught.value) == classification
    assert {name: count for name, count in database.stats().errors.items() if count} == {counted_as: 1}


async def test_a_lock_that_is_not_given_is_counted(database: Database) -> None:
    async with database.write() as holder:
        await holder.execute(sa.text("CREATE TABLE held (n integer)"))
    async with database.write() as holder:
        await holder.execute(sa.text("LOCK TABLE held"))
        with pytest.raises(sa.exc.DBAPIError):
            async with database.write() as other:
                await other.execute(sa.text("LOCK TABLE held NOWAIT"))
    assert database.stats().errors["locked"] == 1


async def test_what_its_user_does_wrong_is_no_error_of_the_database(database: Database) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with database.write():
            raise ValueError("mine")
    assert not any(database.stats().errors.values())


# -- time ------------------------------------------------------------------------------------------------


async def test_occupancy_adds_up_over_all_connections(database: Database) -> None:
    before = database.stats()
    async with database.read(), database.read():
        await asyncio.sleep(0.3)
        during = database.stats()
    assert during.used_seconds_total - before.used_seconds_total >= 0.6
    await asyncio.sleep(0.2)
    after = database.stats()
    rest = database.stats()
    assert after.used_seconds_total >= during.used_seconds_total
    assert rest.used_seconds_total == after.used_seconds_total, "an idle pool occupies nothing"
    assert after.use.sum - before.use.sum == pytest.approx(after.used_seconds_total - before.used_seconds_total)


async def test_a_leak_is_logged_once_with_the_place_that_took_the_connection(
    postgres_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with pool(postgres_database, leak=0.1) as database:

        async def forgetful() -> None:
            async with database.read("claim"):
                await asyncio.sleep(0.5)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forgetful())
            await asyncio.sleep(0.3)
            assert database.stats().leaked == 1
        assert database.stats().leaked == 0
    [record] = [record for record in caplog.records if "held too long" in record.message]
    assert record.operation == "claim"  # type: ignore[attr-defined]
    [place, line] = record.taken_at.strip().splitlines()  # type: ignore[attr-defined]
    assert place.endswith("in forgetful")
    assert line.strip() == 'async with database.read("claim"):'
