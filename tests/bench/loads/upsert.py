"""Upserts into a large table: Headgate beside a plain staged COPY with INSERT ... ON CONFLICT, of the same files.

Both are timed from the first staged row to the end of the commit: what Headgate reads and checks before is told apart.
"""

from __future__ import annotations

import io
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from figures import Goal, told
from loads.counted import LOOK_SECONDS, Counts, counts_after
from loads.orders_table import make_tables, mixed_orders, new_orders
from parties.sidecar import Daemon, running_daemon
from parties.turns import Result, held, peak_memory
from rich.table import Table
from setting import MEGABYTE, Database, Setting
from workbooks import NAMES, dataset

if TYPE_CHECKING:
    from rich.console import Console

TABLE_SHARE: Final = 10
"""The table has ten times the rows of the large workbook, the largest file as many."""
PARTS: Final = (1, 10, 100, 200)
"""Files of the whole number of rows and of these parts of it."""
STAGE: Final = "ingest_stage_seconds"
OURSELVES: Final = "Headgate"
PLAIN: Final = "COPY + ON CONFLICT"
CAREFUL: Final = "the same, unchanged rows left out"
TABLES: Final = {OURSELVES: "orders", PLAIN: "plain_orders", CAREFUL: "careful_orders"}
NOT_SLOWER: Final = Goal(1.0)
ONLY_CHANGED: Final = Goal(1.0, "at most")
FLAT_MEGABYTES: Final = Goal(16, "at most")


def measure(setting: Setting) -> dict[str, Any]:
    """Return the figures of files of several sizes."""
    database, rows = setting.database("upsert"), TABLE_SHARE * setting.rows
    with running_daemon(database, dataset()) as daemon:
        daemon.load([new_orders(database, 1, 1)], "first.csv")  # makes the table, as Headgate makes them
        with setting.console.status(f"making tables of {rows:,} rows"):
            make_tables(database, TABLES[OURSELVES], (TABLES[PLAIN], TABLES[CAREFUL]), rows)
        upserts = _Upserts(setting, database, daemon, rows)
        found = [upserts.of(setting.rows // part) for part in PARTS]
    return {"table_rows": rows, "rounds": setting.rounds, "files": found}


class _Upserts:
    """The rounds: each with a file that was not there before, for the same three tables."""

    def __init__(self, setting: Setting, database: Database, daemon: Daemon, table_rows: int) -> None:
        self._setting, self._database, self._daemon = setting, database, daemon
        self._table_rows, self._known, self._top = table_rows, 0, table_rows
        self._ways: dict[str, Callable[[bytes], float]] = {
            OURSELVES: self._by_headgate,
            PLAIN: lambda content: self._by_hand(TABLES[PLAIN], content, skip_same=False),
            CAREFUL: lambda content: self._by_hand(TABLES[CAREFUL], content, skip_same=True),
        }
        self._whole: list[float] = []

    def of(self, rows: int) -> dict[str, Any]:
        """Measure files of so many rows."""
        seconds: dict[str, list[float]] = defaultdict(list)
        counts: dict[str, Counts] = {}
        memory = Result()
        self._whole.clear()
        for number in range(self._setting.rounds + 1):
            with self._setting.console.status(f"upsert of {rows:,} rows, round {number} of {self._setting.rounds}"):
                content = self._next_file(rows)
                for name, way in self._ways.items():
                    taken, counts[name] = self._counted(name, way, content, rows // 4)
                    if number:
                        seconds[name].append(taken)
        with self._setting.console.status(f"upsert of {rows:,} rows: memory"):
            before = held(self._daemon.alone)
            with peak_memory(self._daemon.alone, memory):
                content = self._next_file(rows)
                for name, way in self._ways.items():
                    self._counted(name, way, content, rows // 4)  # or the next file's figures had this one's in them
        grown = max(0, memory.peak_bytes - before) / MEGABYTE
        return _figures(rows, {name: statistics.median(taken) for name, taken in seconds.items()}, counts) | {
            "whole_job_seconds": statistics.median(self._whole[1:]),
            "daemon_grows_megabytes": FLAT_MEGABYTES.figure(grown),
        }

    def _next_file(self, rows: int) -> bytes:
        content = mixed_orders(
            self._database,
            TABLES[OURSELVES],
            rows,
            of=self._table_rows,
            start=self._known,
            new_from=self._top + 1,
        )
        self._known += rows - rows // 4
        self._top += rows // 4
        return content

    def _counted(self, name: str, way: Callable[[bytes], float], content: bytes, new: int) -> tuple[float, Counts]:
        """Let one have its turn on a table without dead rows, after a checkpoint."""
        table = TABLES[name]
        self._database.execute(f"VACUUM {table}", "CHECKPOINT")
        before = Counts.of(self._database, table)
        seconds = way(content)
        return seconds, counts_after(self._database, table, before, new)

    def _by_headgate(self, content: bytes) -> float:
        before, times = self._loads()
        whole, _ = self._daemon.load([content], "orders.csv")
        self._whole.append(whole)
        while (found := self._loads())[1] == times:  # who is told of the end may be faster than the metric
            time.sleep(LOOK_SECONDS)
        return found[0] - before

    def _loads(self) -> tuple[float, int]:
        """Return the seconds from the first staged row to the end of the commit, of all loads that have ended."""
        load, commit = (self._daemon.spent(STAGE, f'stage="{stage}"') for stage in ("load", "commit"))
        return load[0] + commit[0], commit[1]

    def _by_hand(self, table: str, content: bytes, *, skip_same: bool) -> float:
        """Stage, upsert, commit: the server reads the file's own text."""
        import psycopg2

        others = NAMES[1:]
        sets = ", ".join(f"{name} = excluded.{name}" for name in others)
        old, new = (", ".join(f"{row}.{name}" for name in others) for row in ("t", "excluded"))
        where = f" WHERE ({old}) IS DISTINCT FROM ({new})" if skip_same else ""
        connection = psycopg2.connect(self._database.url)
        started = time.perf_counter()
        with connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE staged (LIKE {table}) ON COMMIT DROP")
            cursor.copy_expert("COPY staged FROM STDIN (FORMAT csv, HEADER)", io.BytesIO(content))
            cursor.execute(
                f"INSERT INTO {table} AS t SELECT * FROM staged ON CONFLICT (order_no) DO UPDATE SET {sets}{where}"
            )
        seconds = time.perf_counter() - started
        connection.close()  # its statistics are told at its end
        return seconds


def _figures(rows: int, seconds: Mapping[str, float], counts: Mapping[str, Counts]) -> dict[str, Any]:
    changed = rows // 4
    return {
        "rows": rows,
        "new": rows // 4,
        "changed": changed,
        "load_seconds": dict(seconds),
        "wal_bytes_per_row": {name: found.wal_bytes / rows for name, found in counts.items()},
        "rows_updated": {name: found.n_tup_upd for name, found in counts.items()},
        "dead_rows": {name: found.n_dead_tup for name, found in counts.items()},
        "sequential_scans": {name: found.seq_scan for name, found in counts.items()},
        "beside_plain": NOT_SLOWER.figure(seconds[PLAIN] / seconds[OURSELVES]),
        "dead_by_changed": ONLY_CHANGED.figure(counts[OURSELVES].n_dead_tup / changed),
    }


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print a table for each file."""
    for file in figures["files"]:
        title = (
            f"{file['rows']:,} rows into {figures['table_rows']:,}: {file['new']:,} new, {file['changed']:,} changed"
        )
        table = Table("", "seconds", "updated", "dead rows", "sequential scans", "log, bytes a row", title=title)
        for name in TABLES:
            table.add_row(
                name,
                f"{file['load_seconds'][name]:.2f}",
                *(f"{file[count][name]:,}" for count in ("rows_updated", "dead_rows", "sequential_scans")),
                f"{file['wal_bytes_per_row'][name]:.0f}",
            )
        console.print(table)
        console.print(
            f"beside the plain way {told(file['beside_plain'])} x; dead rows a changed row "
            f"{told(file['dead_by_changed'])}; the daemon grows by {told(file['daemon_grows_megabytes'])} MB; "
            f"the whole job, its upload and parse included, {file['whole_job_seconds']:.2f} s"
        )
