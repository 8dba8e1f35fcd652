"""Whose events are still to be seen, and before which number they may be: what the feed of events goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from goods import opened
from pgbouncer import running_pgbouncer
from submissions import submission

from daemon.ledger.queries import JobQueries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres_server import Postgres

    from daemon.database.database import Database
    from daemon.ledger.leases import Ledger


@pytest.fixture
def plain_role(postgres: Postgres) -> Iterator[str]:
    """A role that may do nothing but what everybody may."""
    name = f"plain_{uuid4().hex[:12]}"
    postgres.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    postgres.execute(f"DROP ROLE {name}")


async def test_whoever_has_written_an_event_is_there_until_it_is_seen(
    ledger: Ledger, database: Database, queries: JobQueries
) -> None:
    job = await ledger.submit(submission("monday"))
    last = await queries.last_event_id()
    assert await queries.event_writers() == frozenset()
    async with database.write() as late:
        await ledger.event(late, job.id, "late", 0, None)
        # SQLite's next writer waits for this one, and with it the next number.
        assert len(await queries.event_writers()) == (0 if database.dialect == "sqlite" else 1)
    assert await queries.event_writers() == frozenset()
    assert [event.id for event in await queries.events_after(last, limit=9)] == [last + 1]


async def test_whoever_only_reads_them_or_writes_elsewhere_is_not_there(
    ledger: Ledger, database: Database, queries: JobQueries
) -> None:
    job = await ledger.submit(submission("monday"))
    async with database.read() as reading, database.write() as locking:
        await reading.execute(ledger.tables.event.select())
        await locking.execute(ledger.tables.job.select().where(ledger.tables.job.c.id == job.id).with_for_update())
        assert await queries.event_writers() == frozenset()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_ordinary_role_sees_the_transactions_of_others(
    ledger: Ledger, database: Database, plain_role: str, database_url: str
) -> None:
    job = await ledger.submit(submission("monday"))
    async with database.write() as granting:
        await granting.exec_driver_sql(f"GRANT USAGE ON SCHEMA headgate TO {plain_role}")
    async with opened(database_url.replace("headgate@", f"{plain_role}@")) as other, database.write() as late:
        assert await JobQueries(other).event_writers() == frozenset()
        await ledger.event(late, job.id, "late", 0, None)
        assert len(await JobQueries(other).event_writers()) == 1
    async with database.write() as revoking:
        await revoking.exec_driver_sql(f"REVOKE USAGE ON SCHEMA headgate FROM {plain_role}")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_pooler_hides_nobody(
    ledger: Ledger,
    database_url: str,
    postgres: Postgres,
    pgbouncer_binary: Path,  # noqa: ARG001
) -> None:
    job = await ledger.submit(submission("monday"))
    with running_pgbouncer(postgres.port, "transaction") as pooler:
        async with opened(pooler.url(database_url.rpartition("/")[2])) as pooled:
            queries = JobQueries(pooled)
            async with pooled.write() as late:
                await ledger.event(late, job.id, "late", 0, None)
                (writer,) = await queries.event_writers()
                await ledger.submit(submission("tuesday"))
                assert await queries.event_writers() == {writer}
            assert await queries.event_writers() == frozenset()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_is_missing_is_looked_for_among_the_latest(
    ledger: Ledger, database: Database, queries: JobQueries
) -> None:
    job = await ledger.submit(submission("monday"))
    for _ in range(9):
        async with database.write() as connection:
            await ledger.event(connection, job.id, "loading", 0, None)
    event = ledger.tables.event
    assert await queries.before_missing_events(10, numbers=500, seconds=60) == 10
    async with database.write() as connection:
        await connection.execute(event.delete().where(event.c.id.in_((1, 4, 8))))
    assert await queries.before_missing_events(10, numbers=500, seconds=60) == 0
    assert await queries.before_missing_events(10, numbers=8, seconds=60) == 3
    assert await queries.before_missing_events(10, numbers=6, seconds=60) == 7, "the number below was not looked at"
    assert await queries.before_missing_events(10, numbers=2, seconds=60) == 10
    async with database.write() as connection:
        await connection.execute(event.update().where(event.c.id < 6).values(at=event.c.at - 3600))
    assert await queries.before_missing_events(10, numbers=500, seconds=60) == 7, "what is older was let go"
