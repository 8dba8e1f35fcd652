"""What a person reads of a trouble of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from goods import opened, run
from no_threads import no_threads
from sqlalchemy.exc import DBAPIError

from daemon.database.supervisor import NO_LEDGER
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobFilter, JobQueries

if TYPE_CHECKING:
    from pathlib import Path


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


async def test_a_connection_to_sqlite_that_gets_no_thread_will_come(tmp_path: Path) -> None:
    """Each has one of its own: where there are as many as there may be, a job spent its attempts on it."""
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'goods.db'}") as database:
        async with database.engine.connect():  # the one that is there
            with no_threads(), pytest.raises(RuntimeError) as caught:
                await run(database, "SELECT 1")
        assert database.supervisor.will_pass(caught.value)
        assert database.meaning(caught.value).waits
        await run(database, "SELECT 1")
