"""The ledger's schema over time: owns the way from any earlier version to this one, by Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ingest.preload import unavailable

from ...errors import StartupError

if TYPE_CHECKING:
    from sqlalchemy import Connection

UPGRADE_LOCK = 0x68656164_67617465
"""Key of the advisory lock under which one daemon at a time upgrades: "headgate" in ASCII."""


VERSIONS: Final = Path(__file__).parent / "versions"


def newest() -> str:
    """Return the revision that this code works with: the files of versions/ begin with theirs, in order."""
    return max(path.name for path in VERSIONS.glob("[0-9]*.py")).partition("_")[0]


def upgrade(connection: Connection) -> None:
    """Bring the ledger's tables to the newest version inside the connection's transaction.

    On PostgreSQL several daemons may start at once: the others wait here and then find nothing to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
    if _revision(connection) == newest():
        return
    demand_rights(connection)
    # Alembic is large, and only a start with a new version needs it. Its colours for error pages are larger still.
    with unavailable("pygments"):
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


_RIGHTS: Final = """
SELECT current_user AS role, current_database() AS database,
    EXISTS (SELECT FROM pg_namespace WHERE nspname = 'headgate') AS there,
    CASE WHEN EXISTS (SELECT FROM pg_namespace WHERE nspname = 'headgate')
        THEN has_schema_privilege('headgate', 'CREATE') AND has_schema_privilege('headgate', 'USAGE')
        ELSE has_database_privilege(current_database(), 'CREATE') END AS allowed
"""


def demand_rights(connection: Connection) -> None:
    """Say what is to be run where this role may not make the ledger's schema or its tables.

    Raises:
        StartupError: it may not; the message has the SQL.

    """
    if connection.dialect.name != "postgresql":
        return
    found = connection.execute(sa.text(_RIGHTS)).one()
    if found.allowed:
        return
    quote = connection.dialect.identifier_preparer.quote
    role = quote(found.role)
    if found.there:
        raise StartupError(
            f"role {found.role} may make no tables in the schema headgate, where jobs are kept; let its owner run: "
            f"GRANT USAGE, CREATE ON SCHEMA headgate TO {role};"
        )
    raise StartupError(
        f"role {found.role} may not make the schema headgate in database {found.database}, where jobs are kept; let "
        f"the database's owner run: CREATE SCHEMA headgate AUTHORIZATION {role};"
    )


def _revision(connection: Connection) -> str | None:
    """Return the revision that the database is at; None before the first."""
    on_postgresql = connection.dialect.name == "postgresql"
    name, schema = ("alembic_version", "headgate") if on_postgresql else ("headgate_alembic_version", None)
    if not sa.inspect(connection).has_table(name, schema=schema):
        return None
    version = sa.table(name, sa.column("version_num"), schema=schema)
    return connection.execute(sa.select(version.c.version_num)).scalar_one_or_none()
