"""A file that waits while its dataset gets another version, and is handed in again, is loaded once by each version."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from submissions import next_job, submission

from daemon.errors import LeaseLostError
from daemon.ledger.jobs import Job, Outcome
from daemon.ledger.versions import give_way, take_version

if TYPE_CHECKING:
    from daemon.ledger.leases import Ledger
    from daemon.ledger.queries import JobQueries


async def claimed(ledger: Ledger) -> Job:
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    return job


async def both(ledger: Ledger, **given: Any) -> tuple[Job, Job]:
    """Hand one content in under two versions, and have both jobs claimed."""
    for version in (1, 2):
        assert (await ledger.submit(submission(spec_version=version, **given))).state == "queued"
    return await claimed(ledger), await claimed(ledger)


async def test_what_is_handed_in_under_the_version_that_is_taken_makes_it_a_duplicate(
    ledger: Ledger, queries: JobQueries
) -> None:
    old, new = await both(ledger)
    assert await take_version(ledger.context, old, 2) == new.id
    await ledger.finish_alone(old, Outcome(state="duplicate", first_job=new.id))
    await ledger.finish_alone(new, Outcome(state="loaded"))
    ended = await queries.job(old.id)
    assert ended is not None
    assert (ended.state, ended.first_job) == ("duplicate", new.id)


async def test_what_was_loaded_by_the_version_makes_it_a_duplicate(ledger: Ledger) -> None:
    old, new = await both(ledger)
    await ledger.finish_alone(new, Outcome(state="loaded"))
    assert await take_version(ledger.context, old, 2) == new.id


async def test_what_is_handed_in_after_a_version_was_taken_is_a_duplicate(ledger: Ledger) -> None:
    await ledger.submit(submission())
    old = await claimed(ledger)
    assert await take_version(ledger.context, old, 2) is None
    again = await ledger.submit(submission(spec_version=2))
    assert (again.state, again.first_job) == ("duplicate", old.id)
    assert (await ledger.submit(submission())).state == "queued", "by this one nobody loads it"


async def test_of_two_that_take_a_version_in_one_moment_one_is_the_duplicate(ledger: Ledger) -> None:
    old, new = await both(ledger)
    found = await asyncio.gather(*(take_version(ledger.context, job, 3) for job in (old, new)))
    assert sorted(found, key=str) == [found[1] or found[0], None]
    assert set(found) in ({None, old.id}, {None, new.id})


def duplicate_of(first: Job) -> Outcome:
    return Outcome(state="duplicate", first_job=first.id, reason="the same content")


async def test_of_two_that_are_each_read_by_the_others_version_one_gives_way(
    ledger: Ledger, queries: JobQueries
) -> None:
    """As two daemons read them while one has the new datasets already."""
    old, new = await both(ledger)
    assert await take_version(ledger.context, old, 2) == new.id
    assert await take_version(ledger.context, new, 1) == old.id
    gave = await asyncio.gather(
        give_way(ledger, old, 2, duplicate_of(new)), give_way(ledger, new, 1, duplicate_of(old))
    )
    assert sorted(gave) == [False, True]
    states = [found.state for job in (old, new) if (found := await queries.job(job.id)) is not None]
    assert sorted(states) == ["duplicate", "running"]


async def test_nobody_gives_way_to_what_has_ended_unloaded_meanwhile(ledger: Ledger) -> None:
    old, new = await both(ledger)
    assert await take_version(ledger.context, old, 2) == new.id
    await ledger.finish_alone(new, Outcome(state="cancelled"))
    assert not await give_way(ledger, old, 2, duplicate_of(new))
    assert await take_version(ledger.context, old, 2) is None


async def test_who_gives_way_is_named_the_one_that_loads(ledger: Ledger, queries: JobQueries) -> None:
    old, new = await both(ledger)
    assert await give_way(ledger, old, 2, duplicate_of(new))
    await ledger.finish_alone(new, Outcome(state="loaded"))
    ended = await queries.job(old.id)
    assert ended is not None
    assert (ended.state, ended.first_job, ended.spec_version) == ("duplicate", new.id, 2)


@pytest.mark.parametrize("state", ["rejected", "cancelled"])
async def test_what_ended_unloaded_is_in_nobodys_way(ledger: Ledger, state: Any) -> None:
    old, new = await both(ledger)
    await ledger.finish_alone(new, Outcome(state=state))
    assert await take_version(ledger.context, old, 2) is None


async def test_who_has_lost_the_lease_takes_no_version(ledger: Ledger) -> None:
    await ledger.submit(submission())
    old = await claimed(ledger)
    await ledger.finish_alone(old, Outcome(state="rejected"))
    with pytest.raises(LeaseLostError):
        await take_version(ledger.context, old, 2)
