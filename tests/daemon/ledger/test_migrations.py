"""The way to the newest schema: taken once, and cheap when there is none to take."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from ledger_schema import migrate_empty, schema_of

from daemon.ledger.leases import Ledger
from daemon.ledger.migrations import VERSIONS, migrate, newest, revision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postgres_server import Postgres

    from daemon.database.database import Database


def test_the_newest_revision_is_the_head_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == newest()


async def test_opening_a_ledger_again_changes_nothing(database: Database) -> None:
    first = await Ledger(database, lease_seconds=30).open()
    assert await Ledger(database, lease_seconds=30).open() == first


async def test_a_new_ledger_is_what_all_revisions_come_to(
    database: Database, database_url: str, migrated_url: str
) -> None:
    """Or `make ledger-sql` has to be run."""
    await Ledger(database, lease_seconds=30).open()
    assert await schema_of(database_url) == await schema_of(migrated_url)


async def test_a_ledger_of_the_first_version_is_brought_to_the_newest(
    database: Database, database_url: str, migrated_url: str
) -> None:
    async with database.write() as connection:
        await connection.run_sync(migrate, "0001")
    await Ledger(database, lease_seconds=30).open()
    assert await schema_of(database_url) == await schema_of(migrated_url)
    async with database.read() as connection:
        assert await connection.run_sync(revision) == newest()


@pytest.fixture
async def migrated_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """Another database of the same kind, with a ledger that came to be revision by revision."""
    if database_url.startswith("sqlite"):
        url = f"sqlite+aiosqlite:///{tmp_path / 'migrated.db'}"
        await migrate_empty(url)
        yield url
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = f"migrated_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name}")
    await migrate_empty(postgres.url(name))
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name}")


@pytest.mark.slow
def test_a_start_imports_alembic_only_where_a_ledger_is_of_another_version(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import asyncio, sys
        from daemon.database.database import Database
        from daemon.ledger.leases import Ledger
        from daemon.ledger.migrations import migrate

        async def main():
            url = "sqlite+aiosqlite:///{tmp_path}/" + sys.argv[1]
            async with Database(url=url, pool_size=1, max_overflow=0, pool_timeout_seconds=10, leak_seconds=60,
                                connect_timeout_seconds=10) as database:
                if sys.argv[2] == "old":
                    async with database.write() as connection:
                        await connection.run_sync(migrate, "0001")
                await Ledger(database, lease_seconds=30).open()
            print("alembic" in sys.modules)

        asyncio.run(main())
        """
    )
    seen = [
        subprocess.run(
            [sys.executable, "-c", script, *given], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for given in (("new.db", "new"), ("old.db", "old"), ("old.db", "newest"))
    ]
    assert seen == ["False\n", "True\n", "False\n"]
