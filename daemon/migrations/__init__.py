"""The ledger's schema over time: owns the way from any earlier version to this one, by Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from sqlalchemy import Connection

UPGRADE_LOCK = 0x68656164_67617465
"""Key of the advisory lock under which one daemon at a time upgrades: "headgate" in ASCII."""


def upgrade(connection: Connection) -> None:
    """Bring the ledger's tables to the newest version inside the connection's transaction.

    On PostgreSQL several daemons may start at once: the others wait here and then find nothing to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
