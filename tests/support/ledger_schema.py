"""The SQL of a ledger's tables, read back from a database; `make ledger-sql` writes that of a new ledger anew."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
from pathlib import Path

import sqlalchemy as sa
from postgres_server import postgres_binaries, running_postgres
from sqlalchemy.ext.asyncio import create_async_engine

from daemon.ledger.migrations import FRESH, migrate

_PREAMBLE = re.compile(r"--|SET |SELECT pg_catalog\.|CREATE SCHEMA |\\")
"""What pg_dump says of the session and of the schema itself."""


async def schema_of(url: str) -> str:
    """Return the statements that make the ledger's tables as they are in a database."""
    if url.startswith("sqlite"):
        return await _of_sqlite(url)
    return await asyncio.to_thread(_of_postgresql, url)


async def _of_sqlite(url: str) -> str:
    engine = create_async_engine(url)
    made = sa.text("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
    async with engine.connect() as connection:
        statements = (await connection.execute(made)).scalars().all()
    await engine.dispose()
    return "".join(f"{line.rstrip()}\n" for text in statements for line in f"{text};".splitlines())


def _of_postgresql(url: str) -> str:
    binaries = postgres_binaries()
    assert binaries is not None, "whoever has a server has its programs"
    command = (
        str(binaries / "pg_dump"),
        "--schema-only",
        "--no-owner",
        "--schema=headgate",
        url.replace("+asyncpg", ""),
    )
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return "".join(f"{line}\n" for line in text.splitlines() if line and not _PREAMBLE.match(line))


async def migrate_empty(url: str) -> None:
    """Make a ledger in an empty database, revision by revision."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


async def _migrated(url: str) -> str:
    await migrate_empty(url)
    return await schema_of(url)


def main() -> None:
    """Write what the migrations make of an empty database of each kind."""
    binaries = postgres_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is missing; install the system package postgresql")
    with running_postgres(binaries) as server, tempfile.TemporaryDirectory() as folder:
        for name, url in (
            ("postgresql", server.url()),
            ("sqlite", f"sqlite+aiosqlite:///{Path(folder) / 'ledger.db'}"),
        ):
            (FRESH / f"{name}.sql").write_text(asyncio.run(_migrated(url)), encoding="utf-8")


if __name__ == "__main__":
    main()
