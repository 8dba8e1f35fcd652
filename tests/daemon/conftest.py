"""A database of each kind that Headgate loads into, and a ledger in it."""

from __future__ import annotations

from database_fixtures import database, database_url, ledger

__all__ = ["database", "database_url", "ledger"]
