"""The way to the newest schema: taken once, and cheap when there is none to take."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from daemon.ledger.leases import Ledger
from daemon.ledger.migrations import VERSIONS, newest

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database


def test_the_newest_revision_is_the_head_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == newest()


async def test_opening_a_ledger_again_changes_nothing(database: Database) -> None:
    first = await Ledger(database, lease_seconds=30).open()
    assert await Ledger(database, lease_seconds=30).open() == first


@pytest.mark.slow
def test_a_start_without_anything_to_migrate_does_without_alembic(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import asyncio, sys
        from daemon.database.database import Database
        from daemon.ledger.leases import Ledger

        async def main():
            url = "sqlite+aiosqlite:///{tmp_path / "ledger.db"}"
            async with Database(url=url, pool_size=1, max_overflow=0, pool_timeout_seconds=10, leak_seconds=60,
                                connect_timeout_seconds=10) as database:
                await Ledger(database, lease_seconds=30).open()
            print("alembic" in sys.modules)

        asyncio.run(main())
        """
    )
    seen = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout
        for _ in range(2)
    ]
    assert seen == ["True\n", "False\n"]
