"""A ledger in a database of its own, with one daemon registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.ledger.leases import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from daemon.database.database import Database


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    made = Ledger(database, lease_seconds=30)
    await made.open()
    await made.register("spool-1")
    async with made:
        yield made
