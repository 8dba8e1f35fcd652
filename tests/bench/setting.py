"""What every section of the benchmarks is given: the server, the console, and how much of everything."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from postgres_server import Postgres, psql_program

if TYPE_CHECKING:
    from rich.console import Console

ROOT: Final = Path(__file__).resolve().parents[2]
MEGABYTE: Final = 1 << 20
STATEMENT_SECONDS: Final = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The run that a section is a part of: rows are those of the large workbook, others are shares of them.

    `folder` is empty and goes at the end, `cache` keeps what is made once; `slow_rounds` are the rounds of those that
    take most of a minute, who are left out if the run is `fast`; `shapes` are words of the shapes wanted (none: all).
    """

    postgres: Postgres
    console: Console
    folder: Path
    cache: Path
    rows: int
    rounds: int
    slow_rounds: int
    fast: bool
    shapes: tuple[str, ...] = ()

    def database(self, name: str) -> Database:
        """Make an empty database, and a folder of its name for a daemon on it."""
        self.postgres.execute(f"CREATE DATABASE {name}")
        folder = self.folder / name
        folder.mkdir()
        return Database(self.postgres.url(name), folder)


@dataclass(frozen=True, slots=True)
class Database:
    """A database of a section, as a daemon's settings and as other clients write its URL."""

    daemon_url: str
    folder: Path

    @property
    def url(self) -> str:
        """What libpq and those who use it understand."""
        return self.daemon_url.replace("+asyncpg", "")

    def execute(self, *statements: str) -> str:
        """Run statements one by one and return what they print, unaligned."""
        return self.print(*statements).decode().strip()

    def print(self, *statements: str) -> bytes:
        """Run statements one by one and return the bytes that they print: a COPY to standard output, say."""
        commands = [part for statement in statements for part in ("-c", statement)]
        done = subprocess.run(
            [psql_program(), "-XqAt", "-v", "ON_ERROR_STOP=1", *commands, self.url],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"},
            timeout=STATEMENT_SECONDS,
        )
        return done.stdout
