"""What reads a ledger, and what people change in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.ledger.queries import JobQueries
from daemon.ledger.retry_cancel import RetryCancel

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.leases import Ledger


@pytest.fixture
def queries(database: Database) -> JobQueries:
    return JobQueries(database)


@pytest.fixture
def people(ledger: Ledger) -> RetryCancel:
    return RetryCancel(context=ledger.context, wake=lambda: None, kill=lambda _: None, tell=lambda *_: None)
