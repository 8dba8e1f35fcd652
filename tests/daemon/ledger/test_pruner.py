"""What the ledger lets go of, on both databases: files by age and size, jobs by age, and never what is needed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest
from submissions import next_job, submission

from daemon.ledger.jobs import Job, Outcome, RowCounts, State
from daemon.ledger.pruner import Pruner
from daemon.ledger.retry_cancel import NotPossibleError, RetryCancel

if TYPE_CHECKING:
    from daemon.ledger.leases import Ledger
    from daemon.ledger.queries import JobQueries

sized = partial(submission, size_bytes=100)
BAD = RowCounts(read=2, inserted=1, rejected=1)


@pytest.fixture
def pruner(ledger: Ledger) -> Pruner:
    return Pruner(ledger.context)


async def ended(ledger: Ledger, content: str, state: State, rows: RowCounts | None = None) -> Job:
    """Take a job to its end."""
    await ledger.submit(sized(content))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    await ledger.finish_alone(job, Outcome(state=state, rows=rows or RowCounts(), records=({"code": "cell.type"},)))
    return job


async def test_a_loaded_job_keeps_no_file(ledger: Ledger, queries: JobQueries) -> None:
    await ended(ledger, "a", "loaded")
    await ended(ledger, "b", "partial", BAD)
    await ended(ledger, "c", "dead")
    await ended(ledger, "d", "rejected")
    assert await queries.spool_keys("spool-1") == {"key-b", "key-c"}


async def test_files_go_by_age(ledger: Ledger, queries: JobQueries, pruner: Pruner) -> None:
    await ended(ledger, "b", "partial", BAD)
    await ended(ledger, "c", "dead")
    await ledger.submit(sized("w"))
    assert await pruner.forget_old_files(rejects_seconds=60, files_seconds=60) == ()
    await asyncio.sleep(0.05)
    assert await pruner.forget_old_files(rejects_seconds=0.01, files_seconds=60) == ("key-b",)
    assert await pruner.forget_old_files(rejects_seconds=0.01, files_seconds=0.01) == ("key-c",)
    assert await queries.spool_keys("spool-1") == {"key-w"}, "a job that waits needs its file"


async def test_a_job_whose_file_was_let_go_of_since_it_was_read_is_not_retried(
    ledger: Ledger, queries: JobQueries, pruner: Pruner, people: RetryCancel
) -> None:
    dead = await queries.job((await ended(ledger, "c", "dead")).id)
    assert dead is not None
    await asyncio.sleep(0.05)
    assert await pruner.forget_old_files(rejects_seconds=60, files_seconds=0.01) == ("key-c",)
    with pytest.raises(NotPossibleError, match="the file of job 1 is not kept any more"):
        await people.retry(dead, by="me")
    shown = await queries.job(dead.id)
    assert shown is not None
    assert shown.state == "dead"


async def test_files_go_by_size_the_oldest_first(ledger: Ledger, queries: JobQueries, pruner: Pruner) -> None:
    for content in "abcd":
        await ended(ledger, content, "dead")
        await asyncio.sleep(0.01)
    await ledger.submit(sized("w", size_bytes=10**9))
    assert await pruner.forget_files_beyond(400) == ()
    assert set(await pruner.forget_files_beyond(250)) == {"key-a", "key-b"}
    assert await queries.spool_keys("spool-1") == {"key-c", "key-d", "key-w"}


async def test_jobs_go_and_what_was_loaded_is_remembered(ledger: Ledger, queries: JobQueries, pruner: Pruner) -> None:
    loaded = await ended(ledger, "a", "loaded")
    rejected = await ended(ledger, "r", "rejected")
    kept = await ended(ledger, "k", "dead")
    await ledger.submit(sized("w"))
    await asyncio.sleep(0.05)
    assert await pruner.forget_jobs(60) == 0
    assert await pruner.forget_jobs(0.01) == 2
    assert await queries.job(loaded.id) is None
    assert await queries.job(rejected.id) is None
    assert await queries.events(loaded.id) == []
    assert await queries.records(loaded.id, limit=5) == []
    assert await queries.job(kept.id) is not None

    again = await ledger.submit(sized("a", spool_key="key-again"))
    assert (again.state, again.first_job, again.spool_key) == ("duplicate", loaded.id, None)
    assert await next_job(ledger, datasets=["orders"]) is not None, "w waits"
    assert await next_job(ledger, datasets=["orders"]) is None, "the duplicate does not"
    assert (await ledger.submit(sized("r"))).state == "queued", "nothing of it was loaded"
    assert (await ledger.submit(sized("a", spec_version=2))).state == "queued"
    shown = await queries.job(again.id)
    assert shown is not None
    assert (shown.state, shown.finished_at is not None) == ("duplicate", True)


async def test_jobs_that_others_name_stay(ledger: Ledger, queries: JobQueries, pruner: Pruner) -> None:
    first = await ended(ledger, "a", "loaded")
    duplicate = await ledger.submit(sized("a"))
    fixed = await ended(ledger, "f", "rejected")
    fixing = await ledger.submit(sized("g", fixes_job=fixed.id))
    await asyncio.sleep(0.05)
    assert await pruner.forget_jobs(0.01) == 1
    assert await queries.job(duplicate.id) is None
    assert await pruner.forget_jobs(0.01) == 1, "now nothing names the first one"
    assert await queries.job(first.id) is None
    assert await queries.job(fixed.id) is not None, "a job that waits corrects it"
    assert await queries.job(fixing.id) is not None


async def test_a_dead_job_whose_content_was_loaded_meanwhile_is_not_retried(
    ledger: Ledger, queries: JobQueries, pruner: Pruner
) -> None:
    dead = await ended(ledger, "a", "dead")
    await ended(ledger, "a", "loaded")
    await asyncio.sleep(0.05)
    tools = RetryCancel(context=ledger.context, wake=lambda: None, kill=lambda _: None, tell=lambda *_: None)
    shown = await queries.job(dead.id)
    assert shown is not None
    with pytest.raises(NotPossibleError, match="loaded by another job"):
        await tools.retry(shown, by="me")
    assert await pruner.forget_jobs(0.01) == 1
    with pytest.raises(NotPossibleError, match="loaded by another job"):
        await tools.retry(shown, by="me")
