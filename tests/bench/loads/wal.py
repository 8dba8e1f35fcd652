"""What Headgate's bookkeeping costs the server: write-ahead log beside a plain COPY of the same new rows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from loads.counted import Counts
from loads.orders_table import new_orders
from parties.sidecar import running_daemon
from rich.table import Table
from workbooks import ROWS_A_SMALL_FILE, dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console
    from setting import Database, Setting

OURSELVES: Final = "Headgate"
PLAIN: Final = "COPY alone"
TABLES: Final = {OURSELVES: "orders", PLAIN: "plain_orders"}
SMALL_SHARE: Final = 2000
"""The small files have a twentieth of the rows of the large one together."""


def measure(setting: Setting) -> dict[str, Any]:
    """Return bytes of the log a row: of one large file, and of many small ones."""
    database = setting.database("wal")
    with running_daemon(database, dataset()) as daemon, setting.console.status("write-ahead log"):
        daemon.load([new_orders(database, 1, 1)], "first.csv")  # makes the table, as Headgate makes them
        database.execute(f"CREATE TABLE {TABLES[PLAIN]} (LIKE {TABLES[OURSELVES]} INCLUDING ALL)")
        ways: dict[str, Callable[[bytes], object]] = {
            OURSELVES: lambda content: daemon.load([content], "orders.csv"),
            PLAIN: lambda content: _copy(database, content),
        }
        large = _log(database, ways, [new_orders(database, 2, setting.rows)])
        starts = [setting.rows + 2 + number * ROWS_A_SMALL_FILE for number in range(setting.rows // SMALL_SHARE)]
        small = _log(database, ways, [new_orders(database, start, ROWS_A_SMALL_FILE) for start in starts])
    return {
        "rows": setting.rows,
        "wal_bytes_per_row": {name: found / setting.rows for name, found in large.items()},
        "small_file_rows": ROWS_A_SMALL_FILE,
        "wal_bytes_per_small_file": {name: found / len(starts) for name, found in small.items()},
    }


def _log(database: Database, ways: Mapping[str, Callable[[bytes], object]], contents: list[bytes]) -> dict[str, int]:
    """Return the bytes that each writes for the same files, from a checkpoint on."""
    found = {}
    for name, way in ways.items():
        database.execute("CHECKPOINT")
        before = Counts.of(database, TABLES[name])
        for content in contents:
            way(content)
        found[name] = Counts.of(database, TABLES[name]).since(before).wal_bytes
    return found


def _copy(database: Database, content: bytes) -> None:
    import psycopg2

    connection = psycopg2.connect(database.url)
    with connection, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {TABLES[PLAIN]} FROM STDIN (FORMAT csv, HEADER)", io.BytesIO(content))
    connection.close()


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print both beside each other."""
    table = Table("write-ahead log", "bytes a row", f"bytes a file of {figures['small_file_rows']} rows")
    for name in TABLES:
        row, file = figures["wal_bytes_per_row"][name], figures["wal_bytes_per_small_file"][name]
        table.add_row(name, f"{row:.0f}", f"{file:,.0f}")
    console.print(table)
