"""Messages of mailboxes in the ledger: taken by one daemon at a time, answered once, their files kept until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from submissions import next_job, submission

from daemon.ledger.jobs import Outcome, RowCounts
from daemon.ledger.leases import Ledger
from daemon.ledger.mail import Letter, MailKey, MailLedger
from daemon.ledger.pruner import Pruner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from daemon.database.database import Database

KEY = MailKey("loads@mail", "INBOX", 7, 1)
LETTER = Letter(sender="a@b", subject="orders", message_id="<1@b>", language="en")


@pytest.fixture
def mails(ledger: Ledger) -> MailLedger:
    return MailLedger(ledger.context)


@pytest.fixture
async def other(database: Database, ledger: Ledger) -> AsyncIterator[Ledger]:
    """Another daemon on the same ledger, with a spool of its own."""
    del ledger
    made = Ledger(database, lease_seconds=30)
    await made.register("spool-2")
    yield made
    await made.close()


async def ended(ledger: Ledger, content: str = "a", *, rejected: int = 2) -> int:
    """Enter a job and bring it to its end."""
    entered = await ledger.submit(submission(content))
    job = await next_job(ledger, datasets=["orders"], only=[entered.id])
    assert job is not None
    rows = RowCounts(read=5, inserted=5 - rejected, rejected=rejected)
    await ledger.finish_alone(job, Outcome(state="partial" if rejected else "loaded", rows=rows))
    return entered.id


async def test_a_message_is_taken_by_one_daemon(mails: MailLedger, other: Ledger) -> None:
    theirs = MailLedger(other.context)
    assert await mails.claim(KEY, mailbox="loads", message_id="<1@b>") == "mine"
    assert await theirs.claim(KEY, mailbox="loads", message_id="<1@b>") == "elsewhere"
    assert await mails.claim(KEY, mailbox="loads", message_id="<1@b>") == "mine", "an earlier look was cut short"
    assert await mails.known(KEY.account, KEY.folder, 7, [1, 2]) == {}
    await mails.taken(KEY, LETTER, jobs=[], answer=False)
    assert await mails.claim(KEY, mailbox="loads", message_id="<1@b>") == "taken"
    assert await mails.known(KEY.account, KEY.folder, 7, [1, 2]) == {1: False}
    assert await theirs.claim(KEY, mailbox="loads", message_id="<1@b>") == "elsewhere", "who took it moves it"
    assert await theirs.known(KEY.account, KEY.folder, 7, [1, 2]) == {}


async def test_what_a_dead_daemon_had_begun_is_taken_over(mails: MailLedger, other: Ledger) -> None:
    theirs = MailLedger(other.context)
    assert await theirs.claim(KEY, mailbox="loads", message_id=None) == "mine"
    await other.close()
    assert await mails.claim(KEY, mailbox="loads", message_id=None) == "mine"
    await other.register("spool-2")


async def test_a_message_that_was_numbered_anew_is_known_again(mails: MailLedger) -> None:
    assert await mails.claim(KEY, mailbox="loads", message_id="<1@b>") == "mine"
    await mails.taken(KEY, LETTER, jobs=[], answer=False)
    again = MailKey(KEY.account, KEY.folder, 8, 55)
    assert await mails.claim(again, mailbox="loads", message_id="<1@b>") == "taken"
    assert await mails.claim(again, mailbox="loads", message_id="<2@b>") == "mine"


async def test_a_reply_is_due_when_all_jobs_have_ended_and_only_where_their_files_are(
    ledger: Ledger, mails: MailLedger, other: Ledger
) -> None:
    done = await ended(ledger)
    waiting = await ledger.submit(submission("b"))
    await mails.claim(KEY, mailbox="loads", message_id="<1@b>")
    await mails.taken(KEY, LETTER, jobs=[done, waiting.id], answer=True)
    assert await mails.due(limit=10) == []
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    await ledger.finish_alone(job, Outcome(state="loaded", rows=RowCounts(read=1, inserted=1)))
    [due] = await mails.due(limit=10)
    assert await MailLedger(other.context).due(limit=10) == []
    reply = await mails.begin_reply(due)
    assert reply is not None
    assert (reply.letter, reply.tries, [one.id for one in reply.jobs]) == (LETTER, 1, [done, waiting.id])
    assert await MailLedger(other.context).begin_reply(due) is None, "another is at it"
    await mails.put_off_reply(due, delay_seconds=60)
    assert await mails.due(limit=10) == []
    assert await mails.begin_reply(due) is not None
    await mails.end_reply(due, "sent")
    assert await mails.begin_reply(due) is None
    assert [one.id for one in await mails.answered_jobs([reply.reply_id], account=KEY.account)] == [done]
    assert await mails.answered_jobs([reply.reply_id], account="another") == []


async def test_files_and_jobs_stay_while_a_reply_is_owed(ledger: Ledger, mails: MailLedger) -> None:
    job_id = await ended(ledger)
    pruner = Pruner(ledger.context)
    await mails.claim(KEY, mailbox="loads", message_id="<1@b>")
    await mails.taken(KEY, LETTER, jobs=[job_id], answer=True)
    assert await pruner.forget_old_files(rejects_seconds=-1, files_seconds=-1) == ()
    assert await pruner.forget_files_beyond(0) == ()
    [due] = await mails.due(limit=10)
    await mails.begin_reply(due)
    await mails.end_reply(due, "sent")
    assert await pruner.forget_files_beyond(0) == ("key-a",)
    assert await pruner.forget_jobs(-1) == 1


async def test_old_messages_are_forgotten(ledger: Ledger, mails: MailLedger, database: Database) -> None:
    await mails.claim(KEY, mailbox="loads", message_id="<1@b>")
    pruner = Pruner(ledger.context)
    assert await pruner.forget_mails(1) == 0
    async with database.write() as connection:
        await connection.execute(sa.update(ledger.tables.mail).values(created_at=0.0))
    assert await pruner.forget_mails(1) == 1
