"""What a person reads of a trouble of the database."""

from __future__ import annotations

import pytest
from goods import opened, run
from sqlalchemy.exc import DBAPIError

from daemon.database.supervisor import NO_LEDGER
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobFilter, JobQueries


async def test_a_database_that_was_made_anew_is_told_as_what_it_is(postgres_database: str) -> None:
    async with opened(postgres_database) as database:
        ledger = Ledger(database, lease_seconds=30)
        await ledger.open()
        await run(database, "DROP SCHEMA headgate CASCADE")
        with pytest.raises(DBAPIError) as gone:
            await JobQueries(database).page(JobFilter(), limit=1)
        assert database.supervisor.reason(gone.value) == f'{NO_LEDGER}: relation "headgate.job" does not exist'
        with pytest.raises(DBAPIError) as other:
            await run(database, "SELECT FROM application")
        assert database.supervisor.reason(other.value) == 'the database refuses: relation "application" does not exist'
