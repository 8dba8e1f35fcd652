"""Databases for tests: fresh, empty, one of each kind; and a ledger in one, with one daemon registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.database.database import Database
from daemon.ledger.leases import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database of each kind that Headgate loads into."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'headgate.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(
        url=database_url,
        pool_size=5,
        max_overflow=5,
        pool_timeout_seconds=10,
        leak_seconds=60,
        connect_timeout_seconds=10,
    ) as opened:
        yield opened


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    """A ledger for a daemon whose spool is `spool-1`."""
    made = Ledger(database, lease_seconds=30)
    await made.open()
    await made.register("spool-1")
    async with made:
        yield made
