"""Where connections lead once a server says that it takes no writes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from goods import opened

from daemon.database.connector import Access

if TYPE_CHECKING:
    from postgres_server import Postgres

    from daemon.database.database import Database


async def test_a_server_that_is_read_only_is_left_for_where_the_url_leads_now(
    postgres: Postgres, postgres_database: str
) -> None:
    """What had been connected to it stayed with it, and writes failed by turns for as long as the daemon ran."""
    primary = str(sa.make_url(postgres_database).database)
    standby = f"{primary}_standby"
    where = sa.text("SELECT current_database()")
    postgres.execute(f"CREATE DATABASE {standby}")
    postgres.execute(f"ALTER DATABASE {standby} SET default_transaction_read_only = on")
    urls = [postgres.url(standby)]

    async def held_at_once(database: Database) -> set[str]:
        async with contextlib.AsyncExitStack() as held:
            taken = [await held.enter_async_context(database.read()) for _ in range(3)]
            return {(await connection.execute(where)).scalar_one() for connection in taken}

    try:
        async with opened(urls[-1], Access(current_url=lambda: urls[-1])) as database:
            assert await held_at_once(database) == {standby}
            urls.append(postgres_database)
            with pytest.raises(sa.exc.DBAPIError, match="read-only"):
                async with database.write() as connection:
                    await connection.execute(sa.text("CREATE TABLE one (number integer)"))
            assert await held_at_once(database) == {primary}
    finally:
        postgres.execute(f"DROP DATABASE {standby} WITH (FORCE)")
