"""The ledger's schema over time: owns how a new one is made, and the way from any earlier version, by Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.schema import CreateSchema

from ingest.preload import unavailable

from ...errors import StartupError
from ...version import VERSION
from ..tables import SCHEMA, build_tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

UPGRADE_LOCK = 0x68656164_67617465
"""Key of the advisory lock under which one daemon at a time upgrades: "headgate" in ASCII."""


_HERE: Final = Path(__file__).parent
VERSIONS: Final = _HERE / "versions"
FRESH: Final = _HERE / "fresh"
"""The SQL of a new ledger's tables, by dialect: what all revisions together come to; `make ledger-sql` writes it."""


def newest() -> str:
    """Return the revision that this code works with: the files of versions/ begin with theirs, in order."""
    return max(path.name for path in VERSIONS.glob("[0-9]*.py")).partition("_")[0]


def upgrade(connection: Connection) -> None:
    """Bring the ledger's tables to the newest version inside the connection's transaction.

    On PostgreSQL several daemons may start at once: the others wait here and then find nothing to do.

    Raises:
        StartupError: they are a newer Headgate's, or this role may not make them.

    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
    found = revision(connection)
    if found == newest():
        return
    _refuse_later(found)
    demand_rights(connection)
    if found is None:
        _make(connection)
    else:
        migrate(connection)


def migrate(connection: Connection, target: str = "head") -> None:
    """Take the revisions that a ledger lacks, one after the other, up to the target."""
    # Alembic is large, and only a start with a new version needs it. Its colours for error pages are larger still.
    with unavailable("pygments"):
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def _make(connection: Connection) -> None:
    """Make the tables of a new ledger as all revisions leave them."""
    # IF NOT EXISTS asks for the right to create even where the schema is there.
    if connection.dialect.name == "postgresql" and not sa.inspect(connection).has_schema(SCHEMA):
        connection.execute(CreateSchema(SCHEMA))
    for statement in (FRESH / f"{connection.dialect.name}.sql").read_text(encoding="utf-8").split(";\n"):
        if statement:
            connection.exec_driver_sql(statement)
    connection.execute(_version_table(connection).insert().values(version_num=newest()))
    ledger = build_tables(connection.dialect.name).ledger
    connection.execute(ledger.insert().values(id=uuid4().hex))


def demand_usable(connection: Connection) -> None:
    """Say what keeps this daemon from the ledger, or from making one; nothing is changed.

    Raises:
        StartupError: a newer Headgate has upgraded it, or this role may not make its tables.

    """
    demand_rights(connection)
    _refuse_later(revision(connection))


def _refuse_later(found: str | None) -> None:
    # Revisions are numbers of one width; what a later one means is known to nobody here.
    if found is not None and found > newest():
        raise StartupError(
            f"the ledger in this database is at revision {found}, and Headgate {VERSION} knows revisions up to "
            f"{newest()}: a newer Headgate has upgraded it; start that one again, or restore the database as it was "
            "before"
        )


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


def revision(connection: Connection) -> str | None:
    """Return the revision that the database is at, "" if it has lost that; None where there is no ledger yet."""
    version = _version_table(connection)
    if not sa.inspect(connection).has_table(version.name, schema=version.schema):
        return None
    return connection.execute(sa.select(version.c.version_num)).scalar_one_or_none() or ""


def _version_table(connection: Connection) -> sa.TableClause:
    on_postgresql = connection.dialect.name == "postgresql"
    name, schema = ("alembic_version", SCHEMA) if on_postgresql else (f"{SCHEMA}_alembic_version", None)
    return sa.table(name, sa.column("version_num"), schema=schema)
