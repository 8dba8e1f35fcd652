"""An SQLite file that is taken away below its owner: whoever finds out is told so, whichever connection it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from daemon.errors import DatabaseReplacedError

if TYPE_CHECKING:
    from daemon.database.database import Database

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def take_away(database: Database) -> None:
    Path(str(database.engine.url.database)).unlink()


@pytest.fixture
async def removed(database: Database) -> Database:
    """One whose file had a table."""
    async with database.write() as connection:
        await connection.execute(sa.text("CREATE TABLE one (a int)"))
    take_away(database)
    return database


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_a_new_connection_that_has_made_an_empty_file_is_told_so(removed: Database, kind: str) -> None:
    await removed.engine.dispose()
    with pytest.raises(DatabaseReplacedError, match="was removed or replaced"):
        async with getattr(removed, kind)() as connection:
            await connection.execute(sa.text("SELECT a FROM one"))


async def test_an_old_connection_reads_and_cannot_commit(removed: Database) -> None:
    async with removed.read() as connection:
        await connection.execute(sa.text("SELECT a FROM one"))
    with pytest.raises(DatabaseReplacedError, match="was removed or replaced"):
        async with removed.write() as connection:
            await connection.execute(sa.text("SELECT a FROM one"))
