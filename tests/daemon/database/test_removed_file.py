"""An SQLite file that is taken away below its owner: whoever finds out is told so, whichever connection it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from daemon.database.database import Database
from daemon.errors import DatabaseReplacedError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", ["read", "write"])
@pytest.mark.parametrize("anew", [False, True], ids=["an old connection", "a new connection"])
async def test_what_is_asked_then_is_told_so(tmp_path: Path, kind: str, *, anew: bool) -> None:
    """A new connection makes an empty file of the same name, which has no table."""
    path = tmp_path / "ledger.db"
    async with Database(
        url=f"sqlite+aiosqlite:///{path}",
        pool_size=1,
        max_overflow=0,
        pool_timeout_seconds=5,
        leak_seconds=5,
        connect_timeout_seconds=5,
    ) as database:
        async with database.write() as connection:
            await connection.execute(sa.text("CREATE TABLE one (a int)"))
        if anew:
            await database.engine.dispose()
        path.unlink()
        if kind == "read" and not anew:
            async with database.read() as connection:
                await connection.execute(sa.text("SELECT a FROM one"))
            return
        with pytest.raises(DatabaseReplacedError, match="was removed or replaced"):
            async with getattr(database, kind)() as connection:
                await connection.execute(sa.text("SELECT a FROM one"))
