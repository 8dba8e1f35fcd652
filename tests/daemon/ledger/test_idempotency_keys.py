"""One job of each idempotency key, whoever comes under it in the same moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from submissions import submission

from daemon.errors import KeyUsedError
from daemon.ledger.jobs import Job

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.leases import Ledger
    from daemon.ledger.queries import JobQueries

RECORD = {"code": "file.no_spec", "message": "no dataset takes it", "hint": "name one"}


async def test_a_request_that_comes_to_two_daemons_while_its_content_waits_is_one_duplicate(
    ledger: Ledger, database: Database, queries: JobQueries
) -> None:
    first = await ledger.submit(submission("monday"))
    table = ledger.tables.job
    asked = [submission("monday", submitter="ann", idempotency_key="k", spool_key=f"key-{n}") for n in range(2)]
    async with database.write() as holding:
        # Both have looked for the key by then, and wait for whoever ends the job in this moment.
        await holding.execute(table.select().where(table.c.id == first.id).with_for_update())
        entering = [asyncio.create_task(ledger.submit(one)) for one in asked]
        await asyncio.sleep(0.5)
        assert not any(one.done() for one in entering)
    answers = await asyncio.gather(*entering, return_exceptions=True)
    (job,) = [answer for answer in answers if isinstance(answer, Job)]
    assert (job.state, job.first_job) == ("duplicate", first.id)
    assert [type(answer) for answer in answers if answer is not job] == [KeyUsedError]
    found = await queries.by_key("ann", "k")
    assert found is not None
    assert found.id == job.id


async def test_a_file_that_no_dataset_takes_is_refused_once_under_a_key(ledger: Ledger, queries: JobQueries) -> None:
    given = submission("monday", dataset="_unmatched", submitter="ann", idempotency_key="k")
    job = await ledger.refuse(given, dict(RECORD))
    with pytest.raises(KeyUsedError):
        await ledger.refuse(given, dict(RECORD))
    assert await queries.last_event_id() == 1, "nothing of the second is noted"
    assert (await queries.records(job.id, limit=9)) == [(1, RECORD)]
