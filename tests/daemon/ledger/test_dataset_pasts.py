"""What the ledger knows of a dataset's jobs, on both databases: first handed in, last begun, last in error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from submissions import next_job, submission

from daemon.ledger.dataset_pasts import DAEMONS_LOST, SEEN_OF_A_STATE, DatasetPast
from daemon.ledger.jobs import STATES, Job, Outcome, State
from daemon.ledger.retry_cancel import RetryCancel

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.leases import Ledger
    from daemon.ledger.queries import JobQueries

DATASETS = ("orders", "stock")
ROWS: tuple[dict[str, Any], ...] = ({"code": "cell.type"}, {"code": "cell.required"}, {"code": "cell.required"})


async def begun(ledger: Ledger, content: str, **changes: Any) -> Job:
    await ledger.submit(submission(content, **changes))
    job = await next_job(ledger, datasets=DATASETS)
    assert job is not None
    return job


async def ended(
    ledger: Ledger, content: str, state: State, records: tuple[dict[str, Any], ...] = (), **changes: Any
) -> Job:
    job = await begun(ledger, content, **changes)
    await ledger.finish_alone(job, Outcome(state=state, records=records, errors_total=len(records)))
    return job


async def past(queries: JobQueries, dataset: str = "orders") -> DatasetPast:
    return (await queries.pasts([dataset]))[dataset]


async def test_of_a_dataset_without_jobs_nothing_is_known(ledger: Ledger, queries: JobQueries) -> None:
    await ended(ledger, "a", "rejected", ROWS, dataset="stock")
    assert await past(queries) == DatasetPast()


async def test_what_has_happened_is_known_whatever_became_of_it(ledger: Ledger, queries: JobQueries) -> None:
    first = await ended(ledger, "a", "loaded")
    refused = await ended(ledger, "b", "rejected", ROWS)
    found = await past(queries)
    assert found.first_at == first.created_at
    assert found.begun_at == refused.started_at
    assert found.failure is not None
    shown = await queries.job(refused.id)
    assert shown is not None
    assert (found.failure.job_id, found.failure.at) == (refused.id, shown.finished_at)
    assert await queries.codes_of(found.failure) == {"cell.type": 1, "cell.required": 2}
    last = await ended(ledger, "c", "loaded")
    after = await past(queries)
    assert (after.begun_at, after.failure) == (last.started_at, found.failure)


async def test_one_that_runs_or_waits_to_be_tried_again_was_begun(ledger: Ledger, queries: JobQueries) -> None:
    job = await begun(ledger, "a")
    assert (await past(queries)).begun_at == job.started_at
    await ledger.requeue(job, delay_seconds=60, reason="the database was away")
    for number in range(SEEN_OF_A_STATE + 5):
        await ledger.submit(submission(f"waiting-{number}"))
    assert (await past(queries)).begun_at == job.started_at


async def test_checks_and_files_that_wait_are_no_attempts(ledger: Ledger, queries: JobQueries) -> None:
    job = await begun(ledger, "a", check_only=True)
    await ledger.finish_alone(job, Outcome(state="checked", would_be="rejected", records=ROWS, errors_total=len(ROWS)))
    assert await past(queries) == DatasetPast()
    queued = await ledger.submit(submission("b"))
    assert await past(queries) == DatasetPast(first_at=queued.created_at)


async def test_warnings_alone_are_no_error(ledger: Ledger, queries: JobQueries) -> None:
    await ended(ledger, "a", "loaded", ({"code": "file.format_mismatch"},))
    assert (await past(queries)).failure is None


async def test_one_given_up_with_its_daemons_has_a_code_without_a_record(ledger: Ledger, queries: JobQueries) -> None:
    job = await begun(ledger, "a")
    table = ledger.tables.job
    async with ledger.context.database.write() as connection:
        await connection.execute(table.update().where(table.c.id == job.id).values(lease_daemon="gone"))
    assert [one.id for one in await ledger.reap(max_lost_leases=1)] == [job.id]
    failure = (await past(queries)).failure
    assert failure is not None
    assert failure.job_id == job.id
    assert await queries.codes_of(failure) == DAEMONS_LOST


async def test_one_that_is_tried_again_is_no_error_for_now(ledger: Ledger, queries: JobQueries) -> None:
    job = await ended(ledger, "a", "dead", ({"code": "load.retry_exhausted"},))
    failure = (await past(queries)).failure
    assert failure is not None
    dead = await queries.job(job.id)
    assert dead is not None
    people = RetryCancel(context=ledger.context, wake=lambda: None, kill=lambda _: None, tell=lambda *_: None)
    await people.dismiss(dead, by="somebody")
    assert (await past(queries)).failure == failure, "put to rest, it has failed all the same"
    dismissed = await queries.job(job.id)
    assert dismissed is not None
    await people.retry(dismissed, by="somebody")
    assert (await past(queries)).failure is None
    assert await queries.codes_of(failure) == {}, "its records are gone: nothing is told of them"


async def test_it_costs_the_same_with_many_jobs(ledger: Ledger, queries: JobQueries, database: Database) -> None:
    """Neither the jobs of a frequent end are walked through for a rare one, nor those of other datasets."""
    refused = await ended(ledger, "refused", "rejected", ROWS)
    table = ledger.tables.job
    async with database.write() as connection:
        row = dict((await connection.execute(sa.select(table).where(table.c.id == refused.id))).mappings().one())
        del row["id"]
        many = [
            row | {"sha256": f"{number}", "state": "loaded", "started_at": 1.0, "finished_at": 1.0, "errors_total": 0}
            for number in range(5000)
        ]
        for start in range(0, len(many), 500):
            await connection.execute(sa.insert(table), many[start : start + 500])
    found = await past(queries)
    assert found.failure is not None
    assert (found.failure.job_id, found.begun_at) == (refused.id, refused.started_at)
    if database.dialect == "sqlite":
        asked = queries._past.params(its_dataset="orders", past_until=2e9).compile(
            compile_kwargs={"literal_binds": True}
        )
        async with database.read() as connection:
            steps = [row.detail for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")]
        first, *looks = [step for step in steps if "headgate_job" in step]
        assert "headgate_job_dataset (dataset=?)" in first
        assert len(looks) == len(STATES) - 1
        assert all("headgate_job_dataset_state (dataset=? AND state>? AND state<?)" in step for step in looks), looks
