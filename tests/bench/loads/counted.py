"""What a load does to the server: write-ahead log, rows written, dead rows, scans of the whole table."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from setting import Database

TOLD_WITHIN_SECONDS: Final = 30
"""A server process tells what it counted when it has been idle for ten seconds, if not before."""
LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Counts:
    """Statistics of a table, as pg_stat_user_tables has them, and the bytes of the log so far."""

    n_tup_ins: int
    n_tup_upd: int
    n_dead_tup: int
    seq_scan: int
    wal_bytes: int

    @classmethod
    def of(cls, database: Database, table: str) -> Counts:
        """Read them now."""
        names = ", ".join(field.name for field in fields(cls)[:-1])
        found = database.execute(
            f"SELECT {names}, pg_current_wal_insert_lsn() - '0/0' FROM pg_stat_user_tables WHERE relname = '{table}'"
        )
        return cls(*map(int, found.split("|")))

    def since(self, before: Counts) -> Counts:
        """Return what has been added."""
        return Counts(*(getattr(self, field.name) - getattr(before, field.name) for field in fields(self)))


def counts_after(database: Database, table: str, before: Counts, inserted: int) -> Counts:
    """Return what has been added, once the server tells of so many rows inserted; the log is that of now."""
    found = Counts.of(database, table).since(before)
    wal, deadline = found.wal_bytes, time.monotonic() + TOLD_WITHIN_SECONDS
    while found.n_tup_ins < inserted and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        found = Counts.of(database, table).since(before)
    return replace(found, wal_bytes=wal)
