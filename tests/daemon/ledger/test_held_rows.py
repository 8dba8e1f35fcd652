"""Rows of jobs that somebody holds for long, as a load does: nobody waits for them, and nothing of them is lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from submissions import next_job, submission

from daemon.ledger.jobs import CHECKED, Job, Outcome
from daemon.ledger.leases import Ledger
from daemon.ledger.pruner import Pruner
from daemon.ledger.retry_cancel import NotPossibleError, RetryCancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from daemon.database.database import Database
    from daemon.ledger.queries import JobQueries

AT_ONCE_SECONDS = 5
"""Less than a lock is waited for."""


@pytest.fixture
def database_url(postgres_database: str) -> str:
    """Of a database that holds rows; in SQLite a writer holds all of it."""
    return postgres_database


@asynccontextmanager
async def loading(ledger: Ledger, job: Job) -> AsyncIterator[None]:
    """Hold a job's row as its load does."""
    async with ledger.context.database.write("load") as connection:
        await ledger.lock(connection, job)
        yield


async def claimed(ledger: Ledger, content: str) -> Job:
    await ledger.submit(submission(content))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    return job


async def states(queries: JobQueries, *jobs: Job) -> list[str]:
    return [shown.state for job in jobs if (shown := await queries.job(job.id)) is not None]


async def test_a_frozen_daemons_load_keeps_no_other_job_from_being_given_back(
    database: Database, ledger: Ledger, queries: JobQueries
) -> None:
    held, other = await claimed(ledger, "a"), await claimed(ledger, "b")
    survivor, daemon = Ledger(database, lease_seconds=30), ledger.tables.daemon
    await survivor.open()
    await survivor.register("spool-1")
    daemons = sa.select(daemon.c.id).where(daemon.c.id == ledger.daemon_id)
    async with survivor:
        async with loading(ledger, held), asyncio.timeout(AT_ONCE_SECONDS):
            assert await survivor.reap(known_dead=[ledger.daemon_id], max_lost_leases=3) == []
            assert await states(queries, held, other) == ["running", "queued"]
            async with database.read() as connection:
                assert (await connection.execute(daemons)).scalars().all() == [ledger.daemon_id]
        [dead] = await survivor.reap(known_dead=[ledger.daemon_id], max_lost_leases=1)
        assert (dead.id, dead.state) == (held.id, "dead")
        async with database.read() as connection:
            assert (await connection.execute(daemons)).scalars().all() == []


async def test_a_frozen_daemons_own_row_is_removed_later(database: Database, ledger: Ledger) -> None:
    survivor, daemon = Ledger(database, lease_seconds=30), ledger.tables.daemon
    await survivor.open()
    async with database.write() as connection:
        await connection.execute(sa.select(daemon.c.id).where(daemon.c.id == ledger.daemon_id).with_for_update())
        async with asyncio.timeout(AT_ONCE_SECONDS):
            assert await survivor.reap(known_dead=[ledger.daemon_id], max_lost_leases=3) == []


@pytest.mark.parametrize("by", ["age", "size"])
async def test_a_file_that_becomes_another_jobs_stays(
    database: Database, ledger: Ledger, queries: JobQueries, by: str
) -> None:
    await ledger.submit(submission(check_only=True))
    claim = await next_job(ledger, datasets=["orders"])
    assert claim is not None
    await ledger.finish_alone(claim, Outcome(state="checked", would_be="loaded"))
    await asyncio.sleep(0.05)
    checked, pruner = await queries.job(claim.id), Pruner(ledger.context)
    assert checked is not None
    async with asyncio.TaskGroup() as tasks, database.write() as connection:
        # The load of the kept file waits, with its transaction open, where it notes what it did.
        await connection.exec_driver_sql("LOCK TABLE headgate.event IN SHARE MODE")
        again = submission(spool_key=checked.spool_key, spool_id="spool-1")
        load = tasks.create_task(ledger.load_kept(checked, again, states=CHECKED))
        await asyncio.sleep(0.5)
        prune = tasks.create_task(
            pruner.forget_old_files(rejects_seconds=60, files_seconds=0.01)
            if by == "age"
            else pruner.forget_files_beyond(0)
        )
        await asyncio.sleep(0.5)
    assert (load.result().state, load.result().spool_key) == ("queued", "key-a")
    assert prune.result() == ()
    assert await queries.spool_keys("spool-1") == {"key-a"}


async def test_a_key_that_another_job_has_is_not_let_go_of(ledger: Ledger, queries: JobQueries) -> None:
    await ledger.submit(submission(check_only=True))
    claim = await next_job(ledger, datasets=["orders"])
    assert claim is not None
    await ledger.finish_alone(claim, Outcome(state="checked", would_be="loaded"))
    await ledger.submit(submission())
    assert await Pruner(ledger.context).forget_files_beyond(0) == ()
    assert await queries.spool_keys("spool-1") == {"key-a"}


async def test_a_job_is_cancelled_while_its_load_waits(ledger: Ledger, queries: JobQueries) -> None:
    killed: list[int] = []
    people = RetryCancel(
        context=ledger.context, wake=lambda: None, kill=killed.append, tell=lambda *_: pytest.fail("nothing has ended")
    )
    job, other = await claimed(ledger, "a"), await claimed(ledger, "b")
    async with loading(ledger, job), asyncio.timeout(AT_ONCE_SECONDS):
        asked = await people.cancel(job, by="me")
        assert (asked.id, asked.state, killed) == (job.id, "running", [job.id])
        assert await ledger.cancellations() == ([job.id], []), "any daemon may have been asked: the one that runs it"
    assert await states(queries, job, other) == ["running", "running"]
    await ledger.finish_alone(job, Outcome(state="cancelled"))
    assert [event["event"] for event in await queries.events(job.id)][-2:] == ["cancel_requested", "cancelled"]


async def test_a_wish_that_comes_too_late_changes_nothing(ledger: Ledger, people: RetryCancel) -> None:
    job = await claimed(ledger, "a")
    async with ledger.context.database.write("load") as connection:
        await ledger.lock(connection, job)
        await people.cancel(job, by="me")
        await ledger.finish(connection, job, Outcome(state="loaded"))
    assert await ledger.cancellations() == ([], [])
    with pytest.raises(NotPossibleError, match="has ended"):
        await people.cancel(job, by="me")


async def test_a_job_that_is_just_being_put_back_is_cancelled(ledger: Ledger, people: RetryCancel) -> None:
    """It sees no wish that comes after its statement, and nobody looks for one in the queue."""
    job, table = await claimed(ledger, "a"), ledger.tables.job
    back = {"state": "queued", "lease_token": None, "lease_daemon": None}
    async with ledger.context.database.write() as connection:
        await connection.execute(table.update().where(table.c.id == job.id).values(back))
        cancelling = asyncio.create_task(people.cancel(job, by="me"))
        await asyncio.sleep(0.1)
    assert (await cancelling).state == "cancelled"


@pytest.mark.parametrize("by", ["its daemon", "another one"])
async def test_a_wish_holds_for_a_job_that_is_put_back_until_it_is_retried(
    database: Database, ledger: Ledger, queries: JobQueries, people: RetryCancel, by: str
) -> None:
    job = await claimed(ledger, "a")
    async with loading(ledger, job):
        await people.cancel(job, by="me")
    if by == "its daemon":
        await ledger.requeue(job, delay_seconds=0, reason="the lock is held")
    else:
        await Ledger(database, lease_seconds=30).reap(known_dead=[ledger.daemon_id], max_lost_leases=3)
    assert await next_job(ledger, datasets=["orders"]) is None
    _, [ended] = await ledger.cancellations()
    assert (ended.id, ended.state, ended.reason) == (job.id, "cancelled", "cancelled by me")
    await ledger.register("spool-1") if by == "another one" else None
    shown = await queries.job(job.id)
    assert shown is not None
    await people.retry(shown, by="me")
    again = await next_job(ledger, datasets=["orders"])
    assert again is not None
    assert await ledger.cancellations() == ([], []), "the wish was over with the retry"
