"""What the same content is when it comes again, what is owed to senders, and how dead jobs come to rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from asked import asked
from submissions import next_job, submission

from daemon.ledger.jobs import Job, Origin, Outcome, State
from daemon.ledger.leases import Ledger
from daemon.ledger.pruner import Pruner
from daemon.ledger.queries import JobQueries
from daemon.ledger.retry_cancel import NotPossibleError, RetryCancel

if TYPE_CHECKING:
    from daemon.database.database import Database


async def ended(ledger: Ledger, content: str, state: State = "loaded", **changes: Any) -> Job:
    """Hand a content in and, unless it is a duplicate, let its job end so."""
    entered = await ledger.submit(submission(content, **changes))
    if entered.state == "duplicate":
        return entered
    job = await next_job(ledger, datasets=["orders", "stock"])
    assert job is not None
    await ledger.finish_alone(job, Outcome(state=state, reason="so it was"))
    return job.evolve(state=state)


async def test_what_is_only_added_is_loaded_once_for_ever(ledger: Ledger) -> None:
    first = await ended(ledger, "monday")
    await ended(ledger, "tuesday")
    again = await ended(ledger, "monday")
    assert (again.state, again.first_job) == ("duplicate", first.id)
    assert (await ended(ledger, "monday", repeats="again")).state == "loaded"


async def test_what_replaces_is_loaded_again_after_another_content(ledger: Ledger, queries: JobQueries) -> None:
    monday = await ended(ledger, "monday", repeats="last")
    same = await ended(ledger, "monday", repeats="last")
    assert (same.state, same.first_job) == ("duplicate", monday.id)
    await ended(ledger, "tuesday", repeats="last")
    await ended(ledger, "monday", repeats="last", dataset="stock")
    wednesday = await ended(ledger, "monday", repeats="last")
    assert wednesday.state == "loaded"
    assert (await ended(ledger, "monday", repeats="last")).first_job == wednesday.id
    assert (await ended(ledger, "tuesday", repeats="last")).state == "loaded"
    job = await queries.job(wednesday.id)
    assert job is not None
    assert job.finished_at is not None


async def claimed(ledger: Ledger, **chosen: Any) -> Job:
    job = await next_job(ledger, datasets=["orders", "stock"], **chosen)
    assert job is not None
    return job


@pytest.mark.parametrize("running", [0, 1, 2])
@pytest.mark.parametrize("in_turn", [False, True])
async def test_what_comes_again_after_another_content_that_waits_is_loaded_after_it(
    ledger: Ledger,
    running: int,
    in_turn: bool,  # noqa: FBT001
) -> None:
    last: dict[str, Any] = {"repeats": "last", "in_turn": in_turn}
    monday = await ledger.submit(submission("monday", **last))
    tuesday = await ledger.submit(submission("tuesday", **last))
    begun = [await claimed(ledger) for _ in range(running if not in_turn else min(running, 1))]
    wednesday = await ledger.submit(submission("monday", **last))
    assert (wednesday.state, wednesday.reason) == ("queued", f"comes after job {tuesday.id}")
    same = await ledger.submit(submission("monday", **last))
    assert (same.state, same.first_job) == ("duplicate", wednesday.id)
    order = [job.id for job in begun]
    while (job := begun.pop(0) if begun else await next_job(ledger, datasets=["orders"])) is not None:
        order += [job.id] if job.id not in order else []
        await ledger.finish_alone(job, Outcome(state="loaded"))
    assert order == [monday.id, tuesday.id, wednesday.id]
    assert (await ledger.submit(submission("monday", **last))).first_job == wednesday.id


async def test_what_waits_counts_for_a_content_that_was_loaded_last(ledger: Ledger) -> None:
    await ended(ledger, "monday", repeats="last")
    tuesday = await ledger.submit(submission("tuesday", repeats="last"))
    wednesday = await ledger.submit(submission("monday", repeats="last"))
    assert (await claimed(ledger)).id == tuesday.id
    assert await next_job(ledger, datasets=["orders"]) is None
    assert wednesday.reason == f"comes after job {tuesday.id}"


async def test_what_replaces_all_rows_is_claimed_one_after_the_other(ledger: Ledger) -> None:
    days = [
        await ledger.submit(submission(day, repeats="last", in_turn=True)) for day in ("monday", "tuesday", "wednesday")
    ]
    other = await ledger.submit(submission("monday", repeats="last", in_turn=True, dataset="stock"))
    monday = await claimed(ledger)
    assert (await claimed(ledger)).id == other.id
    assert await next_job(ledger, datasets=["orders"]) is None
    await ledger.requeue(monday, delay_seconds=0, reason="again", give_back=True)
    assert (await claimed(ledger)).id == days[0].id
    await ledger.finish_alone(await claimed_again(ledger, days[0]), Outcome(state="rejected"))
    tuesday = await claimed(ledger)
    assert (tuesday.id, tuesday.reason) == (days[1].id, None)
    assert await next_job(ledger, datasets=["orders"]) is None


async def claimed_again(ledger: Ledger, job: Job) -> Job:
    """Return a job with the lease that it is under."""
    found = await JobQueries(ledger.context.database).job(job.id)
    assert found is not None
    return found


async def test_nobody_waits_for_a_job_that_nobody_will_claim(ledger: Ledger, database: Database) -> None:
    last: dict[str, Any] = {"repeats": "last", "in_turn": True}
    left = await ledger.submit(submission("monday", **last))
    mine = await ledger.submit(submission("tuesday", **last))
    assert mine.reason == f"comes after job {left.id}"
    assert await next_job(ledger, datasets=["orders"], only=[mine.id, left.id]) is not None
    assert await next_job(ledger, datasets=["orders"], only=[mine.id, left.id]) is None
    async with database.write() as connection:
        await connection.execute(
            ledger.tables.job.update().where(ledger.tables.job.c.id == left.id).values(spool_id="lost")
        )
    assert (await claimed(ledger)).id == mine.id


async def test_a_command_waits_for_no_job_but_its_own_and_those_of_other_daemons(ledger: Ledger) -> None:
    last: dict[str, Any] = {"repeats": "last", "in_turn": True}
    await ledger.submit(submission("monday", **last))
    mine = await ledger.submit(submission("tuesday", **last))
    assert (await claimed(ledger, only=[mine.id])).id == mine.id
    async with Ledger(ledger.context.database, lease_seconds=30) as other:
        await other.register("spool-1")
        later = await ledger.submit(submission("wednesday", **last))
        assert await next_job(ledger, datasets=["orders"], only=[later.id]) is None


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("in_turn", [False, True])
async def test_what_is_loaded_between_two_questions_counts(
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    in_turn: bool,  # noqa: FBT001
) -> None:
    """The COMMIT of Tuesday's load comes between the look for the last load and that for what waits or runs."""
    last: dict[str, Any] = {"repeats": "last", "in_turn": in_turn}
    await ended(ledger, "monday", **last)
    await ledger.submit(submission("tuesday", **last))
    tuesday, enqueue = await claimed(ledger), ledger._enqueue
    find = enqueue._newest_unfinished

    async def loaded_meanwhile(*asked: Any, **how: Any) -> Job | None:
        await ledger.finish_alone(tuesday, Outcome(state="loaded"))
        monkeypatch.setattr(enqueue, "_newest_unfinished", find)
        return await find(*asked, **how)

    monkeypatch.setattr(enqueue, "_newest_unfinished", loaded_meanwhile)
    assert (await ledger.submit(submission("monday", **last))).state == "queued"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_ends_between_two_questions_counts(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The COMMITs of both loads come between the look for the same content and that for another behind it."""
    last: dict[str, Any] = {"repeats": "last"}
    for day in ("monday", "tuesday"):
        await ledger.submit(submission(day, **last))
    begun, enqueue = [await claimed(ledger), await claimed(ledger)], ledger._enqueue
    find = enqueue._newest_unfinished

    async def end_then(*asked: Any, **how: Any) -> Job | None:
        found = await find(*asked, **how)
        while begun:
            await ledger.finish_alone(begun.pop(0), Outcome(state="loaded"))
        return found

    monkeypatch.setattr(enqueue, "_newest_unfinished", end_then)
    assert (await ledger.submit(submission("monday", **last))).state == "queued"


async def test_a_file_without_changes_keeps_its_dataset_fresh(ledger: Ledger, queries: JobQueries) -> None:
    await ended(ledger, "monday", repeats="last")
    before = (await queries.last_successes(["orders"]))["orders"]
    same = await ended(ledger, "monday", repeats="last")
    seen = await queries.job(same.id)
    assert seen is not None
    assert (await queries.last_successes(["orders"]))["orders"] == seen.finished_at
    assert before < (seen.finished_at or 0)


@pytest.mark.parametrize("state", ["rejected", "superseded", "dead", "cancelled"])
@pytest.mark.parametrize("repeats", ["once", "last"])
async def test_a_content_that_was_never_loaded_is_no_duplicate(ledger: Ledger, state: State, repeats: str) -> None:
    await ended(ledger, "monday", state, repeats=repeats)
    assert (await ledger.submit(submission("monday", repeats=repeats))).state == "queued"
    assert (await ledger.submit(submission("monday", repeats=repeats))).state == "duplicate"


async def test_what_was_loaded_last_is_known_when_its_job_is_kept_no_longer(ledger: Ledger) -> None:
    for content in ("monday", "tuesday", "monday", "tuesday"):
        last = await ended(ledger, content, repeats="last")
        await Pruner(ledger.context).forget_jobs(-1)
    assert (await ended(ledger, "tuesday", repeats="last")).first_job == last.id
    assert (await ended(ledger, "monday", repeats="last")).state == "loaded"


async def retried(ledger: Ledger, people: RetryCancel, job: Job) -> None:
    """Have a job retried and loaded."""
    await people.retry(await claimed_again(ledger, job), by="ops")
    assert (await claimed(ledger)).id == job.id
    await ledger.finish_alone(await claimed_again(ledger, job), Outcome(state="loaded"))


@pytest.mark.parametrize("pruned", [False, True])
async def test_what_was_loaded_last_by_a_retry_is_known_when_its_job_is_kept_no_longer(
    ledger: Ledger,
    people: RetryCancel,
    pruned: bool,  # noqa: FBT001
) -> None:
    """The later job was taken for the last load, and its content was loaded no more."""
    monday = await ended(ledger, "monday", "dead", repeats="last")
    await ended(ledger, "tuesday", repeats="last")
    await retried(ledger, people, monday)
    if pruned:
        assert await Pruner(ledger.context).forget_jobs(-1) == 2
    assert (await ended(ledger, "monday", repeats="last")).first_job == monday.id
    assert (await ended(ledger, "tuesday", repeats="last")).state == "loaded"


async def test_a_content_that_is_remembered_twice_is_of_its_last_load(ledger: Ledger, people: RetryCancel) -> None:
    """Whichever job of it went first, and whichever is the younger one."""
    monday = await ended(ledger, "monday", "dead", repeats="last")
    tuesday = await ended(ledger, "tuesday", repeats="last")
    await ended(ledger, "monday", repeats="last")
    await ended(ledger, "tuesday", repeats="last")
    await retried(ledger, people, monday)
    pruner = Pruner(ledger.context)
    assert await pruner.forget_jobs(-1) == 4
    assert (await ended(ledger, "monday", repeats="last")).first_job == monday.id
    again = await ended(ledger, "tuesday", repeats="last")
    assert again.id != tuesday.id
    assert await pruner.forget_jobs(-1) >= 1
    assert (await ended(ledger, "tuesday", repeats="last")).first_job == again.id


async def test_a_job_that_is_kept_because_it_was_named_is_not_the_last_load(ledger: Ledger) -> None:
    """The table has Tuesday's rows, whose job is only remembered."""
    monday = await ended(ledger, "monday", repeats="last")
    assert (await ended(ledger, "monday", repeats="last")).first_job == monday.id
    await ended(ledger, "tuesday", repeats="last")
    assert await Pruner(ledger.context).forget_jobs(-1) == 2
    assert (await ended(ledger, "monday", repeats="last")).state == "loaded"


async def test_a_load_is_after_those_that_ended_while_it_ran_and_are_kept_no_longer(ledger: Ledger) -> None:
    await ledger.submit(submission("monday", repeats="last"))
    monday = await claimed(ledger)
    await ended(ledger, "tuesday", repeats="last")
    assert await Pruner(ledger.context).forget_jobs(-1) == 1
    await ledger.finish_alone(monday, Outcome(state="loaded"))
    assert (await ended(ledger, "monday", repeats="last")).first_job == monday.id
    assert (await ended(ledger, "tuesday", repeats="last")).state == "loaded"


@pytest.mark.parametrize("pruned", [False, True])
async def test_what_was_loaded_counts_for_the_version_that_it_was_loaded_by(
    ledger: Ledger,
    pruned: bool,  # noqa: FBT001
) -> None:
    """A reload came while the job waited: handed in under the new version it was loaded twice."""
    await ledger.submit(submission("monday"))
    monday = await claimed(ledger)
    await ledger.finish_alone(monday, Outcome(state="loaded", spec_version=2))
    if pruned:
        assert await Pruner(ledger.context).forget_jobs(-1) == 1
    else:
        assert (await claimed_again(ledger, monday)).spec_version == 2
    again = await ledger.submit(submission("monday", spec_version=2))
    assert (again.state, again.first_job) == ("duplicate", monday.id)
    assert (await ledger.submit(submission("monday"))).state == "queued", "by this one nobody has loaded it"


async def test_what_is_owed_stays_until_it_is_delivered(ledger: Ledger, queries: JobQueries) -> None:
    origin = Origin(path="/in/%/a.xlsx", stamp="1:2:3", owed=True)
    first = await ended(ledger, "a", "partial", origin=origin)
    await ended(ledger, "b", origin=Origin(path="/in/x/a.xlsx", stamp="1:2:3", owed=True))
    await ended(ledger, "c", origin=Origin(path="/in/%/c.xlsx", stamp="1:2:3"))
    waiting = await ledger.submit(submission("d", origin=Origin(path="/in/%/d.xlsx", stamp="1:2:3", owed=True)))
    twin = await ledger.submit(submission("d", origin=Origin(path="/in/%/e.xlsx", stamp="1:2:3", owed=True)))
    assert twin.first_job == waiting.id
    assert [job.id for job in await queries.owed("/in/%", limit=10)] == [first.id]
    assert await Pruner(ledger.context).forget_jobs(-1) == 1
    assert [job.id for job in await queries.owed("/in/%", limit=10)] == [first.id]
    await ledger.delivered([first.id])
    assert await queries.owed("/in/%", limit=10) == []
    await ledger.owe([first.id])
    assert [job.id for job in await queries.owed("/in/%", limit=10)] == [first.id]


async def test_files_that_were_taken_are_known_when_their_jobs_are_not(ledger: Ledger, queries: JobQueries) -> None:
    for stamp in ("1:2:3", "1:2:4"):
        await ended(ledger, stamp, origin=Origin(path="/in/a.xlsx", stamp=stamp))
    assert await Pruner(ledger.context).forget_jobs(-1) == 2
    last = await ended(ledger, "c", origin=Origin(path="/in/a.xlsx", stamp="1:2:5"))
    taken = await queries.taken(["/in/a.xlsx", "/in/b.xlsx"])
    assert [(one.origin_stamp, one.sha256) for one in taken] == [("1:2:4", "1:2:4"), ("1:2:5", "c")]
    assert taken[-1].job_id == last.id


async def test_a_dead_job_is_dismissed_and_may_still_be_retried(
    ledger: Ledger, queries: JobQueries, people: RetryCancel
) -> None:
    dead = await ended(ledger, "a", "dead")
    loaded = await ended(ledger, "b")
    await queries.refresh_backlog()
    assert queries.backlog().dead_jobs == 1
    job = await people.dismiss(dead, by="ops")
    assert (job.state, job.reason) == ("dismissed", "dismissed by ops; it had ended with: None")
    await queries.refresh_backlog()
    assert queries.backlog().dead_jobs == 0
    for other in (job, loaded):
        with pytest.raises(NotPossibleError):
            await people.dismiss(other, by="ops")
    assert (await people.retry(job, by="ops")).state == "queued"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"file": "a.xlsx"}, "dismissed"),
        ({"sha256": "a"}, "dismissed"),
        ({}, "dead"),
        ({"file": "a.xlsx", "dataset": "stock"}, "dead"),
    ],
)
async def test_a_later_success_of_the_same_file_resolves_a_dead_job(
    ledger: Ledger, queries: JobQueries, changes: dict[str, Any], state: State
) -> None:
    dead = await ended(ledger, "a", "dead")
    later = await ended(ledger, "b", **changes)
    job = await queries.job(dead.id)
    assert job is not None
    assert job.state == state
    if state == "dismissed":
        assert job.reason == f"resolved by job {later.id}"
        assert (await queries.events(dead.id))[-1]["event"] == "dismissed"


async def test_where_nothing_was_given_up_nothing_is_dismissed(ledger: Ledger, database: Database) -> None:
    await ended(ledger, "a", "dead")
    statements = asked(database)
    await ended(ledger, "b")
    # A statement of SQLite cannot look beside the row that it changes: there it is asked each time.
    dismissals = [one for one in statements if one.text.startswith("UPDATE") and "'dead'" in one.text]
    assert len(dismissals) == (database.dialect == "sqlite")


async def test_the_states_are_held_by_the_database(ledger: Ledger, database: Database) -> None:
    job = ledger.tables.job
    for state, fine in (("superseded", True), ("dismissed", True), ("lost", False)):
        entered = await ledger.submit(submission(state))
        change = job.update().where(job.c.id == entered.id).values(state=state)
        if fine:
            async with database.write() as connection:
                await connection.execute(change)
            continue
        with pytest.raises(sa.exc.IntegrityError):
            async with database.write() as connection:
                await connection.execute(change)
