"""A database of each kind that Headgate loads into."""

from __future__ import annotations

from database_fixtures import database, database_url

__all__ = ["database", "database_url"]
