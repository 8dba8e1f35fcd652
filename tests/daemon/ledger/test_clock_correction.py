"""A ledger whose times a clock wrote that was ahead: nothing waits for them, nothing is newer than what follows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from submissions import next_job, submission

from daemon.ledger.jobs import DELAY_MAX_SECONDS, Outcome

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.jobs import Job
    from daemon.ledger.leases import Ledger

DAY_SECONDS = 86_400.0
following = partial(submission, repeats="last")


async def _put_ahead(ledger: Ledger, database: Database, seconds: float, *names: str) -> None:
    """Let the times of all jobs be those of a clock that was ahead."""
    job = ledger.tables.job
    async with database.write() as connection:
        await connection.execute(job.update().values({name: job.c[name] + seconds for name in names}))


async def _loaded(ledger: Ledger, content: str) -> Job:
    job = await ledger.submit(following(content))
    if job.state == "duplicate":
        return job
    claimed = await next_job(ledger, datasets=["orders"])
    assert claimed is not None
    await ledger.finish_alone(claimed, Outcome(state="loaded"))
    return claimed


@pytest.mark.parametrize("seconds", [1800.0, DAY_SECONDS])
async def test_what_waits_is_due(ledger: Ledger, database: Database, seconds: float) -> None:
    await ledger.submit(following("a"))
    await _put_ahead(ledger, database, seconds, "created_at", "run_at")
    assert await next_job(ledger, datasets=["orders"]) is None
    assert await ledger.correct_clock() == pytest.approx(seconds, abs=30)
    assert await next_job(ledger, datasets=["orders"]) is not None
    assert await ledger.correct_clock() == 0.0


async def test_a_job_of_old_that_was_put_off_by_such_a_clock_is_due(ledger: Ledger, database: Database) -> None:
    await ledger.submit(following("a"))
    await _put_ahead(ledger, database, DAY_SECONDS, "run_at")
    assert await ledger.correct_clock() == pytest.approx(DAY_SECONDS - DELAY_MAX_SECONDS, abs=30)
    assert await next_job(ledger, datasets=["orders"]) is not None


async def test_a_wait_that_somebody_asked_for_is_kept(ledger: Ledger) -> None:
    await ledger.submit(following("a"))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    await ledger.requeue(job, delay_seconds=DELAY_MAX_SECONDS, reason="later")
    assert await ledger.correct_clock() == 0.0
    assert await next_job(ledger, datasets=["orders"]) is None


async def test_a_load_of_such_a_clock_is_older_than_what_follows(ledger: Ledger, database: Database) -> None:
    """The content that came before was a duplicate, though the table had another by then."""
    await _loaded(ledger, "a")
    await _put_ahead(ledger, database, DAY_SECONDS, "created_at", "started_at", "finished_at")
    await ledger.correct_clock()
    assert (await _loaded(ledger, "b")).state == "running"
    assert (await ledger.submit(following("a"))).state == "queued"


async def test_a_daemon_that_has_died_is_seen_to_be_silent(ledger: Ledger, database: Database) -> None:
    daemon = ledger.tables.daemon
    async with database.write() as connection:
        await connection.execute(daemon.update().values(beat_at=daemon.c.beat_at + DAY_SECONDS))
    assert await ledger.correct_clock() == pytest.approx(DAY_SECONDS, abs=30)
    async with database.read() as connection:
        silent = (await connection.execute(sa.select(ledger.now - daemon.c.beat_at))).scalar_one()
    assert 0 <= silent < 30
