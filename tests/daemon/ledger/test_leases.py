"""The ledger on both databases: one holder of a lease, one terminal state, one first job of a content."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from submissions import next_job, submission

from daemon.errors import LeaseLostError
from daemon.ledger.jobs import DELAY_MAX_SECONDS, Job, Outcome, RowCounts
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobFilter, JobQueries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from daemon.database.database import Database

LEASE_SECONDS = 30.0


async def opened(database: Database, spool_id: str = "spool-1", lease_seconds: float = LEASE_SECONDS) -> Ledger:
    ledger = Ledger(database, lease_seconds=lease_seconds)
    await ledger.open()
    await ledger.register(spool_id)
    return ledger


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    async with await opened(database) as made:
        yield made


async def claimed(ledger: Ledger, content: str = "a") -> Job:
    await ledger.submit(submission(content))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    return job


async def test_a_claim_takes_a_lease_and_counts_an_attempt(ledger: Ledger, queries: JobQueries) -> None:
    queued = await ledger.submit(submission())
    assert (queued.state, queued.attempt) == ("queued", 0)
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    assert (job.id, job.state, job.attempt) == (queued.id, "running", 1)
    assert job.lease_token
    assert await next_job(ledger, datasets=["orders"]) is None
    assert [event["event"] for event in await queries.events(job.id)] == ["queued", "running"]


async def test_the_same_content_is_a_duplicate_that_names_the_first_job(ledger: Ledger) -> None:
    first = await ledger.submit(submission())
    again = await ledger.submit(submission(file="renamed.xlsx", spool_key="other"))
    assert (again.state, again.first_job) == ("duplicate", first.id)
    assert (await ledger.submit(submission(spec_version=2))).state == "queued"
    assert (await ledger.submit(submission(dataset="stock"))).state == "queued"


async def test_a_crash_charges_the_content_in_whatever_submission(ledger: Ledger, queries: JobQueries) -> None:
    first = await ledger.charge_crash(await claimed(ledger))
    await ledger.requeue(first, delay_seconds=0, reason="crash")
    again = await next_job(ledger, datasets=["orders"])
    assert again is not None
    first = await ledger.charge_crash(again)
    assert first.crashes == 2
    await ledger.finish_alone(first, Outcome(state="dead"))
    other = await ledger.submit(submission(file="renamed.xlsx"))
    assert other.state == "queued"
    claim = await next_job(ledger, datasets=["orders"])
    assert claim is not None
    assert (await ledger.charge_crash(claim)).crashes == 3
    shown = await queries.job(other.id)
    assert shown is not None
    assert shown.crashes == 3
    with pytest.raises(LeaseLostError):
        await ledger.charge_crash(claim.evolve(lease_token="another's"))  # noqa: S106  # no secret


async def test_a_charge_that_is_repeated_is_one_charge(ledger: Ledger) -> None:
    claim = await claimed(ledger)
    charges = [await ledger.charge_crash(claim) for _ in range(2)]  # as when the reply to the first COMMIT is lost
    assert [job.crashes for job in charges] == [1, 1]


async def test_what_was_loaded_in_the_end_is_not_held_against_the_content(ledger: Ledger) -> None:
    crashed = await ledger.charge_crash(await claimed(ledger))
    await ledger.finish_alone(crashed, Outcome(state="loaded"))
    await ledger.submit(submission(spec_version=2))
    again = await next_job(ledger, datasets=["orders"])
    assert again is not None
    assert (await ledger.charge_crash(again)).crashes == 1


async def test_concurrent_submissions_of_one_content_queue_once(ledger: Ledger) -> None:
    jobs = await asyncio.gather(*(ledger.submit(submission(spool_key=f"k{n}")) for n in range(8)))
    assert sorted(job.state for job in jobs) == ["duplicate"] * 7 + ["queued"]
    first = next(job.id for job in jobs if job.state == "queued")
    assert {job.first_job for job in jobs if job.state == "duplicate"} == {first}


async def test_a_dead_job_lets_its_content_in_again(ledger: Ledger) -> None:
    job = await claimed(ledger)
    await ledger.finish_alone(job, Outcome(state="dead", reason="x"))
    assert (await ledger.submit(submission(spool_key="again"))).state == "queued"


async def test_a_claim_is_for_known_datasets_own_spool_and_named_jobs_only(database: Database, ledger: Ledger) -> None:
    job = await ledger.submit(submission())
    assert await next_job(ledger, datasets=["stock"]) is None
    assert await next_job(ledger, datasets=["orders"], only=[job.id + 1]) is None
    other = await opened(database, "spool-2")
    assert await next_job(other, datasets=["orders"]) is None
    taken = await next_job(ledger, datasets=["orders"], only=[job.id])
    assert taken is not None
    assert taken.id == job.id


async def test_concurrent_claims_never_share_a_job(database: Database, ledger: Ledger) -> None:
    for number in range(20):
        await ledger.submit(submission(f"{number:02}"))
    other = await opened(database)
    claims = await asyncio.gather(*(next_job(who, datasets=["orders"]) for _ in range(12) for who in (ledger, other)))
    ids = [job.id for job in claims if job is not None]
    assert len(ids) == len(set(ids)) == 20


async def test_a_requeued_job_waits_for_its_time(ledger: Ledger) -> None:
    job = await claimed(ledger)
    await ledger.requeue(job, delay_seconds=60, reason="database restarted")
    assert await next_job(ledger, datasets=["orders"]) is None
    with pytest.raises(LeaseLostError):
        await ledger.requeue(job, delay_seconds=0, reason="twice")


async def test_no_job_is_put_off_for_longer_than_the_longest_wait(ledger: Ledger, database: Database) -> None:
    await ledger.submit(submission("a"))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    await ledger.requeue(job, delay_seconds=10 * DELAY_MAX_SECONDS, reason="later")
    assert await next_job(ledger, datasets=["orders"]) is None
    table = ledger.tables.job
    async with database.read() as connection:
        wait = (await connection.execute(sa.select(table.c.run_at - ledger.now))).scalar_one()
    assert 0 < wait <= DELAY_MAX_SECONDS


async def test_an_attempt_given_back_does_not_count(ledger: Ledger, queries: JobQueries) -> None:
    job = await claimed(ledger)
    await ledger.requeue(job, delay_seconds=0, reason="drain", give_back=True)
    again = await next_job(ledger, datasets=["orders"])
    assert again is not None
    assert again.attempt == 1
    again = await ledger.charge_crash(again)
    await ledger.requeue(again, delay_seconds=0, reason="crash")
    shown = await queries.job(job.id)
    assert shown is not None
    assert (shown.crashes, shown.attempt, shown.state) == (1, 1, "queued")


async def test_a_finished_job_keeps_counts_and_records(ledger: Ledger, queries: JobQueries) -> None:
    job = await claimed(ledger)
    rows = RowCounts(read=5, inserted=3, rejected=1, blank=1)
    records = tuple({"code": "cell.type", "cell": f"B{number}"} for number in range(1, 1201))
    await ledger.finish_alone(
        job, Outcome(state="partial", rows=rows, records=records, errors_total=1200, seconds={"read": 0.5})
    )
    shown = await queries.job(job.id)
    assert shown is not None
    assert (shown.state, shown.rows, shown.errors_total, shown.seconds) == ("partial", rows, 1200, {"read": 0.5})
    assert len(shown.errors) == 100
    assert shown.errors[0]["cell"] == "B1"
    assert shown.finished_at is not None
    assert shown.finished_at >= shown.created_at
    assert await queries.last_successes(["orders", "stock"]) == {"orders": shown.finished_at}


async def test_completion_is_fenced_by_the_lease_token(database: Database, ledger: Ledger) -> None:
    job = await claimed(ledger)
    stale = job.evolve(lease_token="somebody-else")  # noqa: S106  # a lease, not a secret
    with pytest.raises(LeaseLostError):
        await ledger.finish_alone(stale, Outcome(state="loaded"))
    with pytest.raises(LeaseLostError):
        async with database.write() as connection:
            await ledger.lock(connection, stale)
    await ledger.finish_alone(job, Outcome(state="loaded"))
    with pytest.raises(LeaseLostError):
        await ledger.finish_alone(job, Outcome(state="dead"))


async def test_a_lost_commit_reply_is_settled_by_reading_back(ledger: Ledger) -> None:
    job = await claimed(ledger)
    assert await ledger.settle(job) is None
    await ledger.finish_alone(job, Outcome(state="loaded"))
    assert await ledger.settle(job) == "loaded"
    assert await ledger.settle(job.evolve(lease_token="other")) is None  # noqa: S106  # a lease, not a secret


async def test_a_dead_daemons_jobs_are_given_back_and_its_completion_is_fenced(
    database: Database, ledger: Ledger, queries: JobQueries
) -> None:
    job = await claimed(ledger)
    survivor = await opened(database)
    assert await survivor.reap(known_dead=[ledger.daemon_id], max_lost_leases=3) == []
    shown = await queries.job(job.id)
    assert shown is not None
    assert (shown.state, shown.attempt, shown.lost_leases) == ("queued", 0, 1)
    with pytest.raises(LeaseLostError):
        await ledger.finish_alone(job, Outcome(state="loaded"))
    again = await next_job(survivor, datasets=["orders"])
    assert again is not None
    assert again.lease_token != job.lease_token


async def test_a_living_daemon_is_not_reaped_and_a_silent_one_is(postgres_database: str) -> None:
    from daemon.database.database import Database  # noqa: PLC0415  # only here without the parametrised fixture

    async with Database(
        url=postgres_database,
        pool_size=3,
        max_overflow=0,
        pool_timeout_seconds=10,
        leak_seconds=60,
        connect_timeout_seconds=10,
    ) as database:
        silent, watcher = await opened(database), await opened(database, lease_seconds=3)
        job = await claimed(silent)
        await watcher.reap(max_lost_leases=3)
        shown = await JobQueries(database).job(job.id)
        assert shown is not None
        assert shown.state == "running"
        await asyncio.sleep(3.2)
        await watcher.beat()
        await watcher.reap(max_lost_leases=3)
        shown = await JobQueries(database).job(job.id)
        assert shown is not None
        assert shown.state == "queued"
        await silent.beat()  # it wakes up: a new row, the old lease stays lost
        with pytest.raises(LeaseLostError):
            await silent.finish_alone(job, Outcome(state="loaded"))


async def test_a_file_that_takes_daemons_down_is_given_up(database: Database, ledger: Ledger) -> None:
    job = await claimed(ledger)
    survivor = await opened(database)
    given_up = await survivor.reap(known_dead=[ledger.daemon_id], max_lost_leases=1)
    assert [(dead.id, dead.state) for dead in given_up] == [(job.id, "dead")]


async def test_closing_gives_leases_back(database: Database, queries: JobQueries) -> None:
    ledger = await opened(database)
    job = await claimed(ledger)
    await ledger.close()
    shown = await queries.job(job.id)
    assert shown is not None
    assert (shown.state, shown.attempt, shown.lost_leases) == ("queued", 0, 0)


async def test_a_queued_job_whose_file_is_gone_is_adopted_by_the_same_content(database: Database) -> None:
    gone = await opened(database, "spool-gone")
    job = await gone.submit(submission())
    await gone.close()
    async with await opened(database, "spool-here") as ledger:
        adopted = await ledger.submit(submission(spool_key="fresh"))
        assert (adopted.id, adopted.state, adopted.spool_key) == (job.id, "queued", "fresh")
        taken = await next_job(ledger, datasets=["orders"])
        assert taken is not None
        assert (taken.id, taken.spool_key) == (job.id, "fresh")


async def test_refused_files_are_in_the_ledger_with_their_record(ledger: Ledger, queries: JobQueries) -> None:
    record = {"code": "file.no_spec", "message": "no dataset takes it", "hint": "name one"}
    refused = await ledger.refuse(submission(dataset="_unmatched", spec_version=0), record)
    shown = await queries.job(refused.id)
    assert shown is not None
    assert (shown.state, shown.errors, shown.errors_total) == ("rejected", (record,), 1)
    again = await ledger.refuse(submission(dataset="_unmatched", spec_version=0), record)
    assert (again.state, again.id > refused.id) == ("rejected", True)


async def test_pages_and_filters(ledger: Ledger, queries: JobQueries) -> None:
    ids = [(await ledger.submit(submission(f"{number}"))).id for number in range(5)]
    everything = JobFilter()
    first = await queries.page(everything, limit=2)
    assert ([job.id for job in first.jobs], first.next_before) == (ids[:2:-1], ids[3])
    second = await queries.page(everything, limit=9, before=ids[2])
    assert ([job.id for job in second.jobs], second.next_before) == (ids[1::-1], None)
    assert (await queries.page(JobFilter(state="dead"), limit=9)).jobs == ()
    await queries.refresh_backlog()
    backlog = queries.backlog()
    assert (backlog.jobs, backlog.bytes, backlog.dead_jobs) == (5, 50, 0)
    assert backlog.oldest_at is not None


async def test_two_daemons_may_open_a_new_ledger_at_once(database: Database) -> None:
    ids = await asyncio.gather(*(Ledger(database, lease_seconds=30).open() for _ in range(4)))
    assert len(set(ids)) == 1


async def test_several_are_claimed_at_once_each_under_a_lease_of_its_own(
    database: Database, ledger: Ledger, queries: JobQueries
) -> None:
    jobs = [await ledger.submit(submission(f"{number}")) for number in range(5)]
    first = [claim.job for claim in await ledger.claim(datasets=["orders"], most=3)]
    assert [job.id for job in first] == [job.id for job in jobs[:3]]
    assert len({job.lease_token for job in first}) == 3
    other = await opened(database)
    rest = [claim.job for claim in await other.claim(datasets=["orders"], most=3)]
    assert [job.id for job in rest] == [job.id for job in jobs[3:]]
    assert await ledger.held() == {job.lease_token for job in first}
    for job in (*first, *rest):
        assert [event["event"] for event in await queries.events(job.id)] == ["queued", "running"]


async def test_of_several_none_is_claimed_before_the_one_that_it_comes_after(ledger: Ledger) -> None:
    for content in ("a", "b", "a"):
        await ledger.submit(submission(content, repeats="last"))
    claims = await ledger.claim(datasets=["orders"], most=3)
    assert [claim.job.sha256 for claim in claims] == ["a", "b"]
    assert await ledger.claim(datasets=["orders"], most=3) == []
    for claim in claims:
        await ledger.finish_alone(claim.job, Outcome(state="loaded"))
    [last] = await ledger.claim(datasets=["orders"], most=3)
    assert last.job.sha256 == "a"
