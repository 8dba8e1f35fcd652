"""Which corrected rows were loaded: known to whatever corrects the same job, and by one of two that meet."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from submissions import next_job, submission

from daemon.errors import RowsLoadedError
from daemon.ledger.corrected_rows import CorrectedRows
from daemon.ledger.jobs import Outcome

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.jobs import Job, State
    from daemon.ledger.leases import Ledger
    from daemon.ledger.queries import JobQueries

CHECKED: tuple[State, ...] = ("checked",)


async def ended(ledger: Ledger, name: str, *, fixes: int | None = None, state: State = "partial") -> Job:
    """Enter a file, which corrects another one's rows if that is given, and end it."""
    await ledger.submit(submission(name, fixes_job=fixes))
    return await ended_next(ledger, state)


async def ended_next(ledger: Ledger, state: State) -> Job:
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    await ledger.finish_alone(job, Outcome(state=state, would_be="partial" if state == "checked" else None))
    return job


async def loads(ledger: Ledger, rows: CorrectedRows, job: Job, *names: str) -> None:
    correction = await rows.of(job)
    async with ledger.context.database.write() as connection:
        await rows.keep(connection, job, correction, names)


async def test_what_corrects_the_same_rows_knows_of_them(ledger: Ledger) -> None:
    """Rows that came back in vain, and come back once more, are those of the first file."""
    rows = CorrectedRows(ledger.context)
    first, other = await ended(ledger, "first"), await ended(ledger, "other", state="rejected")
    fixed = await ended(ledger, "fixed", fixes=first.id)
    await loads(ledger, rows, fixed, "3", "5")
    again = await ended(ledger, "again", fixes=fixed.id)
    await loads(ledger, rows, again, "7")
    found = await rows.of(await ended(ledger, "last", fixes=first.id))
    assert (found.of_job, found.of_refused, found.loaded) == (first.id, False, frozenset({"3", "5", "7"}))
    found = await rows.of(await ended(ledger, "else", fixes=other.id))
    assert (found.of_job, found.of_refused, found.loaded) == (other.id, True, frozenset())


async def test_what_was_only_checked_is_the_job_that_has_loaded_it(ledger: Ledger, queries: JobQueries) -> None:
    rows = CorrectedRows(ledger.context)
    checked = await ended(ledger, "book", state="checked")
    await loads(ledger, rows, await ended(ledger, "before", fixes=checked.id), "3")
    kept = await queries.job(checked.id)
    assert kept is not None
    await ledger.load_kept(kept, submission("book"), states=CHECKED)
    loaded = await ended_next(ledger, "partial")
    await loads(ledger, rows, await ended(ledger, "after", fixes=checked.id), "5")
    found = await rows.of(await ended(ledger, "last", fixes=loaded.id))
    assert (found.of_job, found.loaded) == (loaded.id, frozenset({"3", "5"}))


async def test_of_two_that_meet_one_loads_a_row(ledger: Ledger, database: Database) -> None:
    rows = CorrectedRows(ledger.context)
    first = await ended(ledger, "first")
    one, two = await ended(ledger, "one", fixes=first.id), await ended(ledger, "two", fixes=first.id)
    known = await rows.of(one)
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def load(job: Job) -> None:
        async with database.write() as connection:
            await rows.keep(connection, job, known, ("3", "5"))
            entered.set()
            await go_on.wait()

    loading = asyncio.create_task(load(one))
    await entered.wait()
    waiting = asyncio.create_task(load(two))
    go_on.set()
    await loading
    with pytest.raises(RowsLoadedError):
        await waiting
    assert (await rows.of(two)).loaded == frozenset({"3", "5"})
    # Who wants rows a second time gets them.
    await loads(ledger, rows, replace(two, repeats="again"), "5", "7")
    assert (await rows.of(two)).loaded == frozenset({"3", "5", "7"})


async def test_they_go_with_their_job(ledger: Ledger, database: Database) -> None:
    rows, job = CorrectedRows(ledger.context), ledger.tables.job
    first = await ended(ledger, "first")
    fixed = await ended(ledger, "fixed", fixes=first.id)
    await loads(ledger, rows, fixed, "3")
    async with database.write() as connection:
        await connection.execute(job.delete().where(job.c.id == first.id))
    assert (await rows.of(fixed)).loaded == frozenset()
