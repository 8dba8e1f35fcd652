"""A database of each kind that Headgate loads into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from database_fixtures import database, database_url

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["database", "database_url"]


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind, of the test alone."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"
    return str(request.getfixturevalue("postgres_database"))
