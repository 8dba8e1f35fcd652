"""Jobs that only check: no duplicates, nobody's duplicates, and their file is loaded once by whoever wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from submissions import next_job, submission

from daemon.errors import KeyUsedError
from daemon.ledger.jobs import CHECKED, Outcome, Preview, RowCounts
from daemon.ledger.pruner import Pruner
from daemon.ledger.queries import JobQueries
from daemon.ledger.retry_cancel import NotPossibleError

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.jobs import Job
    from daemon.ledger.leases import Ledger

SEEN = Preview(columns=("order_no", "price"), rows=(("1", "9.99"), ("2", None)))


async def checked(ledger: Ledger) -> Job:
    """Hand a content in to be checked, and let that end."""
    await ledger.submit(submission("monday", check_only=True))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    assert job.check_only
    outcome = Outcome(state="checked", would_be="loaded", rows=RowCounts(read=2, inserted=2), preview=SEEN)
    await ledger.finish_alone(job, outcome)
    found = await JobQueries(ledger.context.database).job(job.id)
    assert found is not None
    return found


async def load(ledger: Ledger, job: Job) -> Job:
    asked = submission(job.sha256, spool_key=job.spool_key or "", spool_id=job.spool_id, submitter="ann")
    return await ledger.load_kept(job, asked, states=CHECKED)


async def test_a_check_stands_beside_a_load_of_the_same_content(ledger: Ledger) -> None:
    jobs = [await ledger.submit(submission("monday", check_only=kind)) for kind in (True, False, True)]
    assert [job.state for job in jobs] == ["queued"] * 3
    again = await ledger.submit(submission("monday"))
    assert (again.state, again.first_job) == ("duplicate", jobs[1].id)


async def test_what_was_only_checked_was_not_loaded(ledger: Ledger, database: Database) -> None:
    job = await checked(ledger)
    assert (job.state, job.would_be, job.spool_key, job.finished) == ("checked", "loaded", "key-monday", True)
    assert await JobQueries(database).preview(job.id) == {
        "columns": ["order_no", "price"],
        "rows": [["1", "9.99"], ["2", None]],
    }
    assert (await ledger.submit(submission("monday"))).state == "queued"


async def test_a_replacement_does_not_wait_for_a_check(ledger: Ledger) -> None:
    await ledger.submit(submission("monday", check_only=True))
    after = await ledger.submit(submission("tuesday", in_turn=True, repeats="last"))
    assert (after.state, after.after_job) == ("queued", None)


async def test_the_checked_file_is_loaded_once(ledger: Ledger, database: Database) -> None:
    job = await checked(ledger)
    made = await load(ledger, job)
    assert (made.state, made.spool_key, made.check_only, made.submitter) == ("queued", "key-monday", False, "ann")
    queries = JobQueries(database)
    before = await queries.job(job.id)
    assert before is not None
    assert (before.state, before.loaded_as, before.spool_key) == ("checked", made.id, None)
    with pytest.raises(NotPossibleError, match=f"was loaded as job {made.id} already"):
        await load(ledger, before)
    with pytest.raises(NotPossibleError, match="not kept any more"):
        await load(ledger, job)  # as it was known before: two asked in the same moment
    assert [event["event"] for event in await queries.events(job.id)][-2:] == ["checked", "load_requested"]
    claimed = await next_job(ledger, datasets=["orders"])
    assert claimed is not None
    assert claimed.id == made.id
    assert await queries.spool_keys(ledger.spool_id) == {"key-monday"}


async def test_what_was_loaded_meanwhile_is_a_duplicate(ledger: Ledger) -> None:
    job = await checked(ledger)
    first = await ledger.submit(submission("monday"))
    made = await load(ledger, job)
    assert (made.state, made.first_job) == ("duplicate", first.id)


async def test_only_a_checked_job_is_loaded(ledger: Ledger) -> None:
    job = await ledger.submit(submission("monday", check_only=True))
    with pytest.raises(NotPossibleError, match="only checked jobs are loaded"):
        await load(ledger, job)


async def test_a_spool_that_nobody_serves_is_not_loaded_from(ledger: Ledger, database: Database) -> None:
    job = await checked(ledger)
    async with database.write() as connection:
        table = ledger.tables.job
        await connection.execute(table.update().where(table.c.id == job.id).values(spool_id="gone"))
    with pytest.raises(NotPossibleError, match="not kept any more"):
        await load(ledger, job.evolve(spool_id="gone"))
    found = await JobQueries(database).job(job.id)
    assert found is not None
    assert found.spool_key == "key-monday", "nothing of it is done"


async def test_a_check_has_its_idempotency_key(ledger: Ledger) -> None:
    given = submission("monday", check_only=True, submitter="ann", idempotency_key="k")
    await ledger.submit(given)
    with pytest.raises(KeyUsedError):
        await ledger.submit(given)


async def test_a_check_whose_daemons_die_is_checked_and_no_dead_job(ledger: Ledger, database: Database) -> None:
    await ledger.submit(submission("monday", check_only=True))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    async with database.write() as connection:
        await connection.execute(
            ledger.tables.job.update().values(lease_daemon="another").where(ledger.tables.job.c.id == job.id)
        )
    (ended,) = await ledger.reap(known_dead=["another"], max_lost_leases=1)
    assert (ended.state, ended.would_be) == ("checked", "dead")


async def test_its_file_is_kept_as_long_as_those_of_a_retry(ledger: Ledger, database: Database) -> None:
    job = await checked(ledger)
    pruner = Pruner(ledger.context)
    assert await pruner.forget_old_files(rejects_seconds=0, files_seconds=60) == ()
    async with database.write() as connection:
        table = ledger.tables.job
        await connection.execute(table.update().values(finished_at=table.c.finished_at - 120))
    assert await pruner.forget_old_files(rejects_seconds=1000, files_seconds=60) == ("key-monday",)
    assert await pruner.forget_jobs(60) == 1
    async with database.read() as connection:
        left = await connection.execute(sa.select(sa.func.count()).select_from(ledger.tables.preview))
        assert left.scalar_one() == 0
    assert await JobQueries(database).job(job.id) is None
