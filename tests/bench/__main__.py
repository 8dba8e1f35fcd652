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
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from contenders import CONTENDERS
from postgres_server import Postgres, postgres_binaries, running_postgres
from rich.console import Console
from rich.table import Table
from workbooks import specification, workbook

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
SLOW = {"pandas (calamine) + to_sql", "pandas (openpyxl) + to_sql", "row dicts + JSONB upsert"}
MEGABYTE = 1 << 20


@dataclass
class Result:
    """Seconds and peak memory (proportional set size of all processes, bytes) of each round."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@contextmanager
def peak_memory(pid: int, peaks: list[int]) -> Iterator[None]:
    """Note the most memory that a process and its children hold meanwhile."""
    over = threading.Event()
    seen = [0]

    def watch() -> None:
        while not over.wait(0.05):
            total = 0
            try:
                family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
                for process in family:
                    total += process.memory_full_info().pss
            except psutil.Error:
                continue
            seen[0] = max(seen[0], total)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        peaks.append(seen[0])


# -- the contenders --------------------------------------------------------------------------------------


def contender(name: str, url: str, files: Sequence[Path], rounds: int) -> Result:
    """Measure a contender in a process of its own, its imports and one round before not included."""
    result = Result()
    command = [sys.executable, str(Path(__file__).with_name("contenders.py")), name, url, *map(str, files)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for number in range(rounds + (name not in SLOW)):
            peaks: list[int] = []
            with peak_memory(process.pid, peaks):
                process.stdin.write("go\n")
                process.stdin.flush()
                seconds = float(process.stdout.readline())
            if number or name in SLOW:
                result.seconds.append(seconds)
                result.peaks += peaks
        process.stdin.close()
    return result


class Daemon:
    """A Headgate daemon on the same database, and its API."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "orders.yml").write_text(specification(), encoding="utf-8")
        settings = {
            "state_dir": str(folder / "var"),
            "datasets": ["orders.yml"],
            "database": {"url": url},
            "api": {"port": 0},
            "exporter": {"enabled": False},
            "executors": {"cpu_workers": 2},
        }
        (folder / "headgate.yml").write_text(json.dumps(settings))
        self._log = folder / "daemon.log"
        with self._log.open("wb") as log:
            command = [str(Path(sys.executable).with_name("headgate")), "run", "-c", str(folder / "headgate.yml")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.api = self._find_api()
        self._token = (folder / "var" / "api.token").read_text().strip()

    def _find_api(self) -> str:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for line in self._log.read_text().splitlines():
                if "api listening" in line:
                    return next(part for part in line.replace('"', " ").replace("=", " ").split() if "http://" in part)
            time.sleep(0.05)
        raise RuntimeError(self._log.read_text())

    def _request(self, path: str, data: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.api}{path}", data=data)
        request.add_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=300) as response:
            return dict(json.loads(response.read()))

    def submit(self, content: bytes) -> dict[str, Any]:
        return self._request("/jobs?name=orders.xlsx", content)

    def wait(self, job: int) -> dict[str, Any]:
        while True:
            found = self._request(f"/jobs/{job}")
            if found["finished_at"] is not None:
                return found
            time.sleep(0.01)

    def load(self, contents: Sequence[bytes]) -> float:
        """Hand files in at once and return the seconds until the last one is committed."""
        started = time.perf_counter()
        jobs = [self.submit(content)["id"] for content in contents]
        ended = [self.wait(job) for job in jobs]
        seconds = time.perf_counter() - started
        states = {job["state"] for job in ended}
        assert states == {"loaded"}, states
        return seconds

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def fresh(content: bytes) -> bytes:
    """Return the same workbook as another file: a zip may have anything behind its end but a comment's worth."""
    comment = secrets.token_hex(8).encode()
    return content[:-2] + len(comment).to_bytes(2, "little") + comment


def headgate(daemon: Daemon, postgres: Postgres, files: Sequence[Path], rounds: int) -> Result:
    """Measure the daemon from the upload to the commit; the table is emptied before each round."""
    result = Result()
    contents = [path.read_bytes() for path in files]
    for number in range(rounds + 1):
        _sql(postgres, "DROP TABLE IF EXISTS orders")
        peaks: list[int] = []
        with peak_memory(daemon.process.pid, peaks):
            seconds = daemon.load([fresh(content) for content in contents])
        if number:
            result.seconds.append(seconds)
            result.peaks += peaks
    return result


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
    parser.add_argument("--fast", action="store_true", help="without the contenders that take minutes")
    given = parser.parse_args()
    console = Console()
    binaries = postgres_binaries()
    if binaries is None:
        sys.exit("bench: PostgreSQL is missing; install the system package postgresql")
    CACHE.mkdir(parents=True, exist_ok=True)
    with running_postgres(binaries) as postgres, tempfile.TemporaryDirectory() as folder:
        postgres.execute("CREATE DATABASE bench")
        daemon = Daemon(Path(folder), postgres.url("bench"))
        try:
            report = measure(daemon, postgres, given, console)
        finally:
            daemon.stop()
    show(report, console)
    (ROOT / "docs" / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    draw(report)


def measure(daemon: Daemon, postgres: Postgres, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Return every figure of the run."""
    url = postgres.url("bench").replace("+asyncpg", "")
    names = [name for name in CONTENDERS if not (given.fast and name in SLOW)]
    with console.status("writing the workbooks"):
        large = workbook(CACHE, given.rows, 0)
        eight = [workbook(CACHE, given.rows // 4, 10**7 * number) for number in range(1, 9)]
        small = [workbook(CACHE, 100, 10**9 + 100 * number) for number in range(1000)]
    results: dict[str, Result] = {}
    with console.status("Headgate: one large workbook"):
        results["Headgate"] = headgate(daemon, postgres, [large], given.rounds)
    for name in names:
        with console.status(f"{name}: one large workbook"):
            results[name] = contender(name, url, [large], 1 if name in SLOW else given.rounds)
    with console.status("eight workbooks at once"):
        many = headgate(daemon, postgres, eight, given.rounds)
        one_by_one = contender("polars + ADBC", url, eight, given.rounds)
    with console.status("a thousand small workbooks"):
        _sql(postgres, "DROP TABLE IF EXISTS orders")
        thousand = daemon.load([path.read_bytes() for path in small])
    content = small[0].read_bytes()
    again = [_timed(lambda: daemon.submit(content)) for _ in range(50)]
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "rows": given.rows,
        "rounds": given.rounds,
        "one_workbook": {
            name: {
                "seconds": result.median,
                "rows_per_second": given.rows / result.median,
                "peak_megabytes": statistics.median(result.peaks) / MEGABYTE,
            }
            for name, result in results.items()
        },
        "eight_workbooks": {"Headgate, at once": many.median, "polars + ADBC, one by one": one_by_one.median},
        "thousand_small_workbooks_per_second": len(small) / thousand,
        "resubmission_milliseconds": 1000 * statistics.median(again),
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
    console.print(f"eight workbooks at once: {at_once:.2f} s; polars + ADBC one by one: {one_by_one:.2f} s")
    console.print(f"a thousand workbooks of 100 rows: {report['thousand_small_workbooks_per_second']:.0f} a second")
    console.print(f"the same content again: {report['resubmission_milliseconds']:.1f} ms, upload included")


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
    for form in ("png", "svg"):
        chart.savefig(ROOT / "docs" / f"bench.{form}", dpi=150, metadata={"Date": None} if form == "svg" else None)


if __name__ == "__main__":
    main()
