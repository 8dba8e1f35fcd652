"""`make bench`: Headgate beside what people use today, in one run, on one PostgreSQL; medians, never asserted.

Prints a table, writes docs/bench.json and draws docs/bench.png and .svg.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import executors
import psutil
from contenders import CONTENDERS
from postgres_server import Postgres, postgres_binaries, running_postgres
from rich.console import Console
from rich.table import Table
from sidecar import Daemon
from workbooks import workbook

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
SLOW = {"pandas (calamine) + to_sql", "pandas (openpyxl) + to_sql", "row dicts + JSONB upsert"}
RIVAL = "polars + ADBC"
REPEATS = 50
MEGABYTE = 1 << 20


@dataclass
class Result:
    """Seconds of each round, and the most memory (proportional set size of all processes, bytes) of one more."""

    seconds: list[float] = field(default_factory=list)
    peak: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@contextmanager
def peak_memory(pid: int, result: Result) -> Iterator[None]:
    """Note the most memory that a process and its children hold meanwhile."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            with suppress(psutil.Error):
                family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
                result.peak = max(result.peak, sum(process.memory_full_info().pss for process in family))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# -- the contenders --------------------------------------------------------------------------------------


class Contender:
    """One of those beside Headgate, in a process of its own: its imports are not measured."""

    def __init__(self, name: str, url: str, files: Sequence[Path]) -> None:
        command = [sys.executable, str(Path(__file__).with_name("contenders.py")), name, url, *map(str, files)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self._answer("ready")

    def _answer(self, expected: str | None = None) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the contender has ended"
        assert expected in (None, line)
        return line

    def load(self) -> float:
        """Load the files and return the seconds that it took."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._answer())

    def stop(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)


class Headgate:
    """The daemon as a contender: from the first byte of the uploads to the last commit, into an empty table."""

    def __init__(self, daemon: Daemon, postgres: Postgres, files: Sequence[Path]) -> None:
        self._daemon, self._postgres = daemon, postgres
        self._contents = [path.read_bytes() for path in files]
        self.pid = daemon.process.pid

    def load(self) -> float:
        """Load the files and return the seconds that it took."""
        _sql(self._postgres, "DROP TABLE IF EXISTS orders")
        return self._daemon.load([fresh(content) for content in self._contents])

    def stop(self) -> None:
        """Do nothing: the daemon goes on."""


def fresh(content: bytes) -> bytes:
    """Return the same workbook as another file: a zip may have anything behind its end but a comment's worth."""
    comment = secrets.token_hex(8).encode()
    return content[:-2] + len(comment).to_bytes(2, "little") + comment


def side_by_side(
    rivals: Mapping[str, Headgate | Contender], rounds: int, console: Console, slow_rounds: int = 0
) -> dict[str, Result]:
    """Let each load in turn, so that all see the same weather: once to warm up, then timed, then for its memory.

    Those that take most of a minute are not warmed up, and their memory is looked at in their last timed round.
    """
    results = {name: Result() for name in rivals}
    for number in range(rounds + 1):
        for name, rival in rivals.items():
            if name in SLOW and not 1 <= number <= slow_rounds:
                continue
            watch = name in SLOW and number == slow_rounds
            memory = peak_memory(rival.pid, results[name]) if watch else nullcontext()
            with console.status(f"{name}, round {number} of {rounds}"), memory:
                seconds = rival.load()
            if number:
                results[name].seconds.append(seconds)
    for name, rival in rivals.items():
        if name not in SLOW:
            with console.status(f"{name}: memory"), peak_memory(rival.pid, results[name]):
                rival.load()
        rival.stop()
    return results


def _sql(postgres: Postgres, statement: str) -> None:
    subprocess.run(
        ["psql", "-Xqc", statement, postgres.url("bench").replace("+asyncpg", "")],
        check=True,
        capture_output=True,
        timeout=120,
    )


# -- the run ---------------------------------------------------------------------------------------------


def main() -> None:
    """Run every scenario and tell of it."""
    parser = argparse.ArgumentParser(description="Benchmarks of ingestion")
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the large workbook")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the median counts")
    parser.add_argument("--slow-rounds", type=int, help="rounds of those that take most of a minute; as --rounds")
    parser.add_argument("--fast", action="store_true", help="without the contenders that take minutes")
    given = parser.parse_args()
    console = Console()
    binaries = postgres_binaries()
    if binaries is None:
        sys.exit("bench: PostgreSQL is missing; install the system package postgresql")
    CACHE.mkdir(parents=True, exist_ok=True)
    with running_postgres(binaries, durable=True) as postgres, tempfile.TemporaryDirectory() as folder:
        postgres.execute("CREATE DATABASE bench")
        daemon = Daemon(Path(folder), postgres.url("bench"))
        try:
            report = measure(daemon, postgres, given, console)
        finally:
            daemon.stop()
        keep(report)
        show(report, console)
        draw(report)
        report["executors"] = executors.measure(postgres, console, fast=given.fast)
    keep(report)
    executors.show(report["executors"], console)


def keep(report: dict[str, Any]) -> None:
    """Write the figures down; after each part, for the second one takes as long as the first."""
    (ROOT / "docs" / "bench.json").write_text(json.dumps(report, indent=2) + "\n")


def measure(daemon: Daemon, postgres: Postgres, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Return every figure of the run."""
    url = postgres.url("bench").replace("+asyncpg", "")
    names = [name for name in CONTENDERS if not (given.fast and name in SLOW)]
    with console.status("writing the workbooks"):
        large = workbook(CACHE, given.rows, 0)
        eight = [workbook(CACHE, given.rows // 4, 10**7 * number) for number in range(1, 9)]
        small = [workbook(CACHE, 100, 10**9 + 100 * number) for number in range(1000)]
    rivals = {"Headgate": Headgate(daemon, postgres, [large])} | {name: Contender(name, url, [large]) for name in names}
    slow_rounds = given.rounds if given.slow_rounds is None else min(given.rounds, given.slow_rounds)
    results = side_by_side(rivals, given.rounds, console, slow_rounds)
    many = side_by_side(
        {"Headgate, at once": Headgate(daemon, postgres, eight), f"{RIVAL}, one by one": Contender(RIVAL, url, eight)},
        given.rounds,
        console,
    )
    with console.status("a thousand small workbooks"):
        _sql(postgres, "DROP TABLE IF EXISTS orders")
        thousand = daemon.load([path.read_bytes() for path in small])
    content = small[0].read_bytes()
    with console.status("the same content again"):
        before = daemon.seconds_of("enter")
        again = [_timed(lambda: daemon.submit(content)) for _ in range(REPEATS)]
        ledger = (daemon.seconds_of("enter") - before) / REPEATS
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "rows": given.rows,
        "rounds": given.rounds,
        "slow_rounds": slow_rounds,
        "one_workbook": {
            name: {
                "seconds": result.median,
                "rows_per_second": given.rows / result.median,
                "peak_megabytes": result.peak / MEGABYTE,
            }
            for name, result in results.items()
        },
        "eight_workbooks": {name: result.median for name, result in many.items()},
        "thousand_small_workbooks_per_second": len(small) / thousand,
        "resubmission_milliseconds": {
            "in_the_ledger": 1000 * ledger,
            "upload_included": 1000 * statistics.median(again),
        },
    }


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def show(report: dict[str, Any], console: Console) -> None:
    """Print the table."""
    rows = report["one_workbook"]
    ours = rows["Headgate"]["rows_per_second"]
    table = Table("", "seconds", "rows/s", "Headgate is faster by", "peak MB", title=f"{report['rows']:,} rows x 20")
    for name, figures in rows.items():
        ratio = "" if name == "Headgate" else f"{ours / figures['rows_per_second']:.2f} x"
        seconds, speed, peak = figures["seconds"], figures["rows_per_second"], figures["peak_megabytes"]
        table.add_row(name, f"{seconds:.2f}", f"{speed:,.0f}", ratio, f"{peak:.0f}")
    console.print(table)
    at_once, one_by_one = report["eight_workbooks"].values()
    ratio = f"{one_by_one / at_once:.2f} x"
    console.print(f"eight workbooks at once: {at_once:.2f} s; {RIVAL} one by one: {one_by_one:.2f} s, {ratio}")
    console.print(f"a thousand workbooks of 100 rows: {report['thousand_small_workbooks_per_second']:.0f} a second")
    again = report["resubmission_milliseconds"]
    console.print(
        f"the same content again: {again['in_the_ledger']:.1f} ms in the ledger, "
        f"{again['upload_included']:.1f} ms with its upload"
    )


def draw(report: dict[str, Any]) -> None:
    """Draw the chart of rows per second."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figures = sorted(report["one_workbook"].items(), key=lambda item: item[1]["rows_per_second"])
    names = [name for name, _ in figures]
    speeds = [figure["rows_per_second"] for _, figure in figures]
    chart, axes = pyplot.subplots(figsize=(8, 0.5 * len(names) + 1.2))
    bars = axes.barh(names, speeds, color=["#1f6f54" if name == "Headgate" else "#9aa5a0" for name in names])
    axes.bar_label(bars, [f"{speed:,.0f}" for speed in speeds], padding=4)
    axes.set_xlabel(f"rows per second, {report['rows']:,} rows x 20 columns into PostgreSQL (median of the rounds)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.15)
    chart.tight_layout()
    # Nothing in the files but the picture: they are the same for the same figures.
    nothing = {"png": ("Software",), "svg": ("Creator", "Date", "Format", "Type")}
    for form, fields in nothing.items():
        chart.savefig(ROOT / "docs" / f"bench.{form}", dpi=150, metadata=dict.fromkeys(fields))


if __name__ == "__main__":
    main()
