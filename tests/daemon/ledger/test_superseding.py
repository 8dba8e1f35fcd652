"""A job whose file was changed is superseded only if nobody else was told that it loads its content."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from submissions import next_job, submission

from daemon.ledger.jobs import Job, Origin, Outcome
from daemon.ledger.leases import Ledger
from daemon.ledger.pruner import Pruner
from daemon.ledger.superseding import is_wanted, supersede

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.queries import JobQueries
    from daemon.ledger.retry_cancel import RetryCancel

FILE = Origin(path="/in/a.csv", stamp="1:2:3", owed=True)
AGAIN = Origin(path="/in/a.csv", stamp="1:2:4", owed=True)
OTHER = Origin(path="/in/b.csv", stamp="1:2:3")
CHANGED = Outcome(state="superseded", reason="it was changed")
SECONDS = 20.0
"""What is not locked is done by then."""
STANDS_SECONDS = 0.5
"""So long what is locked is watched to stand still."""


async def running(ledger: Ledger, **changes: Any) -> Job:
    await ledger.submit(submission(**{"origin": FILE, **changes}))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    return job


async def state(queries: JobQueries, job: Job) -> str:
    found = await queries.job(job.id)
    assert found is not None
    return found.state


async def test_a_job_that_nobody_else_counts_on_is_superseded(ledger: Ledger, queries: JobQueries) -> None:
    job = await running(ledger)
    assert await supersede(ledger, job, CHANGED)
    assert await state(queries, job) == "superseded"
    assert (await ledger.submit(submission(origin=AGAIN))).state == "queued"


async def test_a_later_state_of_the_file_that_has_passed_counts_no_more(ledger: Ledger) -> None:
    job = await running(ledger)
    assert (await ledger.submit(submission(origin=AGAIN))).state == "duplicate"
    newest = await ledger.submit(submission("b", origin=Origin(path=FILE.path, stamp="1:2:5", owed=True)))
    assert newest.state == "queued"
    assert await supersede(ledger, job, CHANGED), "it would be loaded over what the file has come to hold"


@pytest.mark.parametrize("origin", [None, AGAIN, OTHER])
@pytest.mark.parametrize("entered", ["while it waits", "while it runs"])
async def test_a_job_that_others_are_duplicates_of_is_not(
    ledger: Ledger, queries: JobQueries, origin: Origin | None, entered: str
) -> None:
    if entered == "while it waits":
        first = await ledger.submit(submission(origin=FILE))
        twin = await ledger.submit(submission(origin=origin))
        job = await next_job(ledger, datasets=["orders"])
        assert job is not None
    else:
        first = job = await running(ledger)
        twin = await ledger.submit(submission(origin=origin))
    assert (twin.state, twin.first_job, job.id) == ("duplicate", first.id, first.id)
    assert not await supersede(ledger, job, CHANGED)
    assert await state(queries, job) == "running"
    await ledger.finish_alone(job, Outcome(state="loaded"))
    assert (await state(queries, job), await state(queries, twin)) == ("loaded", "duplicate")


async def test_the_same_file_entered_twice_counts_on_nothing(ledger: Ledger, queries: JobQueries) -> None:
    """Two daemons look at one folder; the file is of a third state by now, and its sender is told of that."""
    job = await running(ledger)
    twin = await ledger.submit(submission(origin=FILE))
    assert twin.first_job == job.id
    assert await supersede(ledger, job, CHANGED)
    assert [one.id for one in await queries.owed("/in", limit=10)] == [job.id]


async def test_a_check_counts_on_nothing(ledger: Ledger) -> None:
    job = await running(ledger)
    assert (await ledger.submit(submission(check_only=True))).state == "queued"
    assert await supersede(ledger, job, CHANGED)


async def test_a_job_that_a_person_had_retried_is_loaded(
    ledger: Ledger, queries: JobQueries, people: RetryCancel
) -> None:
    job = await running(ledger)
    await ledger.finish_alone(job, Outcome(state="dead", reason="no column"))
    await ledger.delivered([job.id])
    dead = await queries.job(job.id)
    assert dead is not None
    assert (dead.owed, (await people.retry(dead, by="ops")).owed) == (False, True)
    again = await next_job(ledger, datasets=["orders"])
    assert again is not None
    assert not await supersede(ledger, again, CHANGED)
    await ledger.finish_alone(again, Outcome(state="partial"))
    assert [one.id for one in await queries.owed("/in", limit=10)] == [job.id]


async def test_a_retry_owes_nothing_where_nothing_was_owed(
    ledger: Ledger, queries: JobQueries, people: RetryCancel
) -> None:
    job = await running(ledger, origin=OTHER)
    await ledger.finish_alone(job, Outcome(state="dead"))
    dead = await queries.job(job.id)
    assert dead is not None
    assert (await people.retry(dead, by="ops")).owed is None


@pytest.mark.parametrize(
    ("origin", "stamp", "wanted"),
    [(None, "1:2:3", True), (OTHER, "1:2:3", True), (AGAIN, "1:2:4", False), (FILE, "1:2:3", False)],
)
async def test_a_job_that_was_pointed_at_another_file_is_loaded(
    database: Database, queries: JobQueries, origin: Origin | None, stamp: str, *, wanted: bool
) -> None:
    gone = Ledger(database, lease_seconds=30)
    await gone.open()
    await gone.register("spool-gone")
    left = await gone.submit(submission(origin=FILE))
    await gone.close()
    async with Ledger(database, lease_seconds=30) as ledger:
        await ledger.register("spool-1")
        assert (await ledger.submit(submission(origin=origin))).id == left.id
        job = await next_job(ledger, datasets=["orders"])
        assert job is not None
        assert (job.id, job.origin, job.origin_stamp) == (left.id, FILE.path, stamp)
        assert [one.origin_stamp for one in await queries.taken([FILE.path])] == [stamp]
        assert await supersede(ledger, job, CHANGED) is not wanted


class Pause:
    """Holds a submission up where it has found the first job of its content, until it may go on."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.come, self.go = asyncio.Event(), asyncio.Event()
        enqueue = ledger._enqueue
        self._find = enqueue._newest_unfinished
        monkeypatch.setattr(enqueue, "_newest_unfinished", self._found)

    async def _found(self, *asked: Any, **how: Any) -> Job | None:
        found = await self._find(*asked, **how)
        self.come.set()
        await self.go.wait()
        return found


@pytest.mark.parametrize("in_turn", [False, True])
async def test_a_job_is_not_superseded_under_the_eyes_of_who_becomes_its_duplicate(
    ledger: Ledger,
    queries: JobQueries,
    monkeypatch: pytest.MonkeyPatch,
    in_turn: bool,  # noqa: FBT001
) -> None:
    if in_turn:  # a job that has waited for its turn is not alone with its content by the index
        last: dict[str, Any] = {"repeats": "last", "in_turn": True}
        await ledger.submit(submission("before", **last))
        await ledger.submit(submission(origin=FILE, **last))
        before = await next_job(ledger, datasets=["orders"])
        assert before is not None
        await ledger.finish_alone(before, Outcome(state="loaded"))
        job = await next_job(ledger, datasets=["orders"])
        assert job is not None
    else:
        last, job = {}, await running(ledger)
    pause = Pause(ledger, monkeypatch)
    entering = asyncio.create_task(ledger.submit(submission(**last)))
    await asyncio.wait_for(pause.come.wait(), SECONDS)
    superseding = asyncio.create_task(supersede(ledger, job, CHANGED))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(superseding), STANDS_SECONDS)
    pause.go.set()
    twin = await asyncio.wait_for(entering, SECONDS)
    assert (twin.state, twin.first_job) == ("duplicate", job.id)
    assert not await asyncio.wait_for(superseding, SECONDS)
    assert await state(queries, job) == "running"


async def test_who_comes_while_a_job_is_superseded_is_loaded(
    ledger: Ledger, queries: JobQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await running(ledger)
    come, go, finish = asyncio.Event(), asyncio.Event(), ledger.finish

    async def slowly(*how: Any) -> None:
        come.set()
        await go.wait()
        await finish(*how)

    monkeypatch.setattr(ledger, "finish", slowly)
    superseding = asyncio.create_task(supersede(ledger, job, CHANGED))
    await asyncio.wait_for(come.wait(), SECONDS)
    entering = asyncio.create_task(ledger.submit(submission()))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(entering), STANDS_SECONDS)
    go.set()
    assert await asyncio.wait_for(superseding, SECONDS)
    assert (await asyncio.wait_for(entering, SECONDS)).state == "queued"
    assert await state(queries, job) == "superseded"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_load_keeps_no_duplicate_waiting_and_a_duplicate_no_claim(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await running(ledger)
    async with database.write() as connection:
        await ledger.lock(connection, job)
        assert (await asyncio.wait_for(ledger.submit(submission()), SECONDS)).first_job == job.id
        assert await is_wanted(ledger, connection, job)
    waiting = await ledger.submit(submission("b"))
    pause = Pause(ledger, monkeypatch)
    entering = asyncio.create_task(ledger.submit(submission("b")))
    await asyncio.wait_for(pause.come.wait(), SECONDS)
    claimed = await next_job(ledger, datasets=["orders"])
    assert claimed is not None
    assert claimed.id == waiting.id
    pause.go.set()
    assert (await asyncio.wait_for(entering, SECONDS)).first_job == waiting.id


async def test_a_file_whose_job_was_superseded_was_not_taken(ledger: Ledger, queries: JobQueries) -> None:
    """Should it lie there again as it was, nobody has loaded it; nor a duplicate of that job."""
    job = await running(ledger)
    twin = await ledger.submit(submission(origin=FILE))
    assert [one.job_id for one in await queries.taken([FILE.path])] == [job.id, twin.id]
    assert not any(one.has_ended for one in await queries.taken([FILE.path]) if one.job_id == job.id)
    await supersede(ledger, job, CHANGED)
    assert await queries.taken([FILE.path]) == []
    anew = await running(ledger, origin=AGAIN)
    await ledger.finish_alone(anew, Outcome(state="loaded"))
    assert [(one.job_id, one.has_ended) for one in await queries.taken([FILE.path])] == [(anew.id, True)]
    await ledger.delivered([anew.id])
    await Pruner(ledger.context).forget_jobs(-1)
    assert [(one.job_id, one.has_ended) for one in await queries.taken([FILE.path])] == [(anew.id, True)]
