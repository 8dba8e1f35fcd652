"""The metrics of the daemon's health: whether it takes work, and whether the database lets it."""

from __future__ import annotations

from typing import Final

from .definitions import Definitions, Measured, define, gauge

DEFINITIONS: Final[Definitions] = define(
    gauge("ready", "1 while the daemon takes work; /-/ready says why it does not."),
    gauge("db_up", "1 while the ledger can be written."),
)


def health_metrics(not_ready: str | None, database_trouble: str | None) -> Measured:
    """Return the health from the reasons against it."""
    return {"ready": {(): not_ready is None}, "db_up": {(): database_trouble is None}}
