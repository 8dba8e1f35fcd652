"""The way to the newest schema: taken once, and cheap when there is none to take."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from ledger_schema import migrate_empty, schema_of
from submissions import submission

from daemon.errors import StartupError
from daemon.ledger.jobs import Outcome, RowCounts
from daemon.ledger.leases import Ledger
from daemon.ledger.migrations import VERSIONS, demand_usable, migrate, newest, revision
from daemon.ledger.tables import build_tables
from daemon.version import VERSION

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


async def test_a_ledger_that_a_newer_headgate_has_upgraded_is_refused_in_words(database: Database) -> None:
    """And stays as it is: by a start, and by a check, which opens nothing."""
    await Ledger(database, lease_seconds=30).open()
    version = "headgate.alembic_version" if database.dialect == "postgresql" else "headgate_alembic_version"
    async with database.write() as connection:
        await connection.execute(sa.text(f"UPDATE {version} SET version_num = '9999'"))
    told = f"at revision 9999, and Headgate {VERSION} knows revisions up to {newest()}: a newer Headgate"
    with pytest.raises(StartupError, match=told):
        await Ledger(database, lease_seconds=30).open()
    async with database.read() as connection:
        with pytest.raises(StartupError, match=told):
            await connection.run_sync(demand_usable)
    async with database.read() as connection:
        assert await connection.run_sync(revision) == "9999"


async def test_the_last_load_of_a_ledger_of_old_is_known_by_its_time(database: Database) -> None:
    """Also where a load of before is remembered, or where nothing else is."""
    async with database.write() as connection:
        await connection.run_sync(migrate, "0014")
        tables = build_tables(database.dialect)
        row: dict[str, Any] = dict.fromkeys(("attempt", "crashes", "lost_leases", "errors_total"), 0)
        row |= {f"rows_{name}": 0 for name in RowCounts.__slots__}
        row |= {"dataset": "orders", "spec_version": 1, "size_bytes": 1, "file": "a.xlsx", "source": "test"}
        row |= {"seconds": {}, "run_at": 1.0, "created_at": 1.0, "repeats": "last"}
        row |= {"check_only": False, "table_refused": False}
        ends = (("a", "loaded", 30.0), ("b", "partial", 20.0), ("c", "dead", 40.0))
        await connection.execute(
            tables.job.insert(),
            [row | {"sha256": sha256, "state": state, "finished_at": at} for sha256, state, at in ends],
        )
        remembered = {"spec_version": 1, "sha256": "b"}
        await connection.execute(
            tables.loaded_content.insert(),
            [
                remembered | {"dataset": "orders", "job_id": 99},
                remembered | {"dataset": "stock", "job_id": 5},
                remembered | {"dataset": "stock", "sha256": "a", "job_id": 4},
            ],
        )
    async with Ledger(database, lease_seconds=30) as ledger:
        await ledger.open()
        await ledger.register("spool-1")
        for dataset, content in (("orders", "a"), ("stock", "b")):
            again = await ledger.submit(submission(content, dataset=dataset, repeats="last"))
            assert again.state == "duplicate", dataset
        other = await ledger.submit(submission("b", repeats="last"))
        (claim,) = await ledger.claim(datasets=["orders"])
        assert claim.job.id == other.id
        await ledger.finish_alone(claim.job, Outcome(state="loaded"))
        assert (await ledger.submit(submission("b", repeats="last"))).first_job == other.id


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
