"""A ledger whose times a clock wrote that was ahead: nothing waits for them, nothing is newer than what follows.

Nor is anything made old for good by a clock that is wrong only now.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Literal

import pytest
import sqlalchemy as sa
from submissions import next_job, submission

from daemon.ledger.clock_correction import FirstSeen, ahead_of_this_machine
from daemon.ledger.jobs import DELAY_MAX_SECONDS, Outcome, RowCounts
from daemon.ledger.mail import Letter, MailKey, MailLedger
from daemon.ledger.pruner import Pruner
from daemon.ledger.source_leases import SourceLeases

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.jobs import Job
    from daemon.ledger.leases import Ledger
    from daemon.ledger.queries import JobQueries

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
    assert (await _loaded(ledger, "b")).state == "running"
    assert (await ledger.submit(following("a"))).state == "queued"


@pytest.mark.parametrize("state", ["partial", "checked"])
async def test_what_has_ended_is_not_made_old_by_a_clock_that_is_behind(
    ledger: Ledger, database: Database, state: Literal["partial", "checked"]
) -> None:
    """A start with a clock of 400 days ago took all that had ended for ended then; the next one let go of it."""
    await ledger.submit(following("a", check_only=state == "checked"))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    rows = RowCounts(read=2, inserted=1, rejected=1)
    await ledger.finish_alone(job, Outcome(state=state, rows=rows))
    # As a clock sees it that is behind by so much: all that has ended lies ahead.
    await _put_ahead(ledger, database, 400 * DAY_SECONDS, "created_at", "started_at", "finished_at")
    assert await ledger.correct_clock() == 0.0
    await _put_ahead(ledger, database, -400 * DAY_SECONDS, "created_at", "started_at", "finished_at")
    pruner = Pruner(ledger.context)
    assert await pruner.forget_old_files(rejects_seconds=DAY_SECONDS, files_seconds=DAY_SECONDS) == ()
    assert await pruner.forget_jobs(DAY_SECONDS) == 0


async def test_a_load_of_such_a_clock_is_as_fresh_as_when_it_was_first_seen(
    ledger: Ledger, database: Database, queries: JobQueries
) -> None:
    """A dataset was fresh for as long as the clock had been ahead."""
    await _loaded(ledger, "a")
    await _put_ahead(ledger, database, DAY_SECONDS, "created_at", "started_at", "finished_at")
    first = (await queries.last_successes(["orders"]))["orders"]
    assert time.time() - 30 < first <= time.time()
    assert (await queries.last_successes(["orders"]))["orders"] == first
    (past,) = (await queries.pasts(["orders"])).values()
    assert past.begun_at is not None
    assert past.begun_at > time.time(), "there is nothing else"
    later = await _loaded(ledger, "b")
    (past,) = (await queries.pasts(["orders"])).values()
    assert past.begun_at == later.started_at
    assert first <= (await queries.last_successes(["orders"]))["orders"] <= time.time()


def test_another_moment_to_come_is_seen_anew() -> None:
    seen = FirstSeen()
    assert seen.at_most("orders", 2000.0, 1000.0) == 1000.0
    assert [seen.at_most("orders", at, 1010.0) for at in (2000.0, 1500.0, 1005.0)] == [1000.0, 1010.0, 1005.0]
    assert seen.at_most("orders", 1500.0, 900.0) == 900.0


@pytest.mark.parametrize(
    ("said", "ahead"), [(100.0, 0.0), (104.0, 0.0), (105.9, 0.0), (99.1, 0.0), (705.0, 600.0), (-500.0, -600.0)]
)
def test_a_clock_is_asked_between_two_moments(said: float, ahead: float) -> None:
    """What the answer took is no difference of clocks, and what nobody would notice is none."""
    assert ahead_of_this_machine(said, 100.0, 105.0) == ahead


async def test_a_daemon_that_has_died_is_seen_to_be_silent(ledger: Ledger, database: Database) -> None:
    daemon = ledger.tables.daemon
    async with database.write() as connection:
        await connection.execute(daemon.update().values(beat_at=daemon.c.beat_at + DAY_SECONDS))
    assert await ledger.correct_clock() == pytest.approx(DAY_SECONDS, abs=30)
    async with database.read() as connection:
        silent = (await connection.execute(sa.select(ledger.now - daemon.c.beat_at))).scalar_one()
    assert 0 <= silent < 30


async def test_replies_are_due_and_what_a_dead_daemon_held_is_free(ledger: Ledger, database: Database) -> None:
    """Both waited for as long as the clock had been ahead."""
    mails, sources = MailLedger(ledger.context), SourceLeases(ledger.context)
    key = MailKey("loads@mail", "INBOX", 7, 1)
    await mails.claim(key, mailbox="loads", message_id=None)
    await mails.taken(key, Letter(sender="a@b", subject="orders", language="en"), jobs=[], answer=True)
    [mail_id] = await mails.due(limit=10)
    await mails.begin_reply(mail_id)
    await mails.put_off_reply(mail_id, delay_seconds=1)
    assert await sources.hold("s3://shop", 60)
    tables = ledger.tables
    async with database.write() as connection:
        for table, names in (
            (tables.mail, ("first_try_at", "reply_at")),
            (tables.source, ("held_until",)),
            (tables.daemon, ("beat_at",)),
        ):
            await connection.execute(table.update().values({name: table.c[name] + DAY_SECONDS for name in names}))
    assert await mails.due(limit=10) == []
    assert await ledger.correct_clock() == pytest.approx(DAY_SECONDS, abs=30)
    assert await mails.due(limit=10) == [mail_id]
    reply = await mails.begin_reply(mail_id)
    assert reply is not None
    assert 0 <= reply.waiting_seconds < 30
    async with database.read() as connection:
        held = (await connection.execute(sa.select(tables.source.c.held_until - ledger.now))).scalar_one()
    assert 0 < held < 120


async def test_a_reply_that_is_put_off_for_long_stays_so(ledger: Ledger) -> None:
    mails, key = MailLedger(ledger.context), MailKey("loads@mail", "INBOX", 7, 1)
    await mails.claim(key, mailbox="loads", message_id=None)
    await mails.taken(key, Letter(sender="a@b", subject="orders", language="en"), jobs=[], answer=True)
    [mail_id] = await mails.due(limit=10)
    await mails.begin_reply(mail_id)
    await mails.put_off_reply(mail_id, delay_seconds=DELAY_MAX_SECONDS)
    assert await ledger.correct_clock() == 0.0
    assert await mails.due(limit=10) == []
