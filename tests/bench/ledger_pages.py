"""The front door under load: pages of a ledger with a million jobs, and small uploads over many connections.

Run it with `make bench`, or alone: PYTHONPATH=tests/support python tests/bench/ledger_pages.py [--jobs N].
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from ports import free_port
from postgres_server import Postgres, postgres_binaries, running_postgres
from rich.console import Console
from rich.table import Table

REQUESTS = 300
UPLOADS, CONNECTIONS, UPLOAD_BYTES = 1000, 16, 10_000

ORDERS = """
dataset: orders
version: 1
match: {glob: "**"}
fields: [{name: order_no, type: string, header: [Order]}]
load: {table: orders, mode: insert}
"""
FILL = """
INSERT INTO headgate.job (dataset, spec_version, sha256, size_bytes, file, source, submitter, state, attempt, crashes,
    lost_leases, run_at, rows_read, rows_inserted, rows_updated, rows_unchanged, rows_duplicate, rows_rejected,
    rows_blank, rows_footer, errors_total, seconds, created_at, started_at, finished_at)
SELECT 'dataset-' || n % 20, 1, md5(n::text) || md5((n + 1)::text), 50000 + n % 1000, 'export-' || n || '.xlsx', 'http',
    'shop-' || n % 7,
    CASE WHEN n % 9973 = 0 THEN 'dead' WHEN n % 97 = 0 THEN 'rejected' WHEN n % 31 = 0 THEN 'partial' ELSE 'loaded' END,
    1, 0, 0, n, 1000, 1000, 0, 0, 0, 0, 0, 0, 0, '{"read": 0.1, "load": 0.2}', n, n, n
FROM generate_series(1, {jobs}) AS n
"""
PAGES = {
    "the newest": "limit=50",
    "anywhere": "limit=50&cursor={cursor}",
    "a frequent state": "limit=50&state=loaded&cursor={cursor}",
    "a rare state": "limit=50&state=dead",
    "a dataset": "limit=50&dataset=dataset-7&cursor={cursor}",
    "a rare state of a dataset": "limit=50&dataset=dataset-7&state=dead",
    "a name that many have": "limit=50&text=export-5",
    "a name that none has": "limit=50&text=nowhere&cursor={cursor}",
}


class Daemon:
    """A Headgate daemon on a database of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "orders.yml").write_text(ORDERS)
        port = free_port()
        self.exporter = f"http://127.0.0.1:{port}"
        settings = {
            "environment": "production",
            "state_dir": str(folder / "var"),
            "datasets": ["orders.yml"],
            "database": {"url": url},
            "api": {"port": 0},
            "exporter": {"port": port},
        }
        (folder / "headgate.yml").write_text(json.dumps(settings))
        self._log = folder / "daemon.log"
        with self._log.open("wb") as log:
            command = [str(Path(sys.executable).with_name("headgate")), "run", "-c", str(folder / "headgate.yml")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.api = self._line("api listening").partition("url=")[2].split()[0]
        self._line("headgate ready")
        self.headers = {"Authorization": f"Bearer {(folder / 'var' / 'api.token').read_text().strip()}"}

    def _line(self, event: str) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for line in self._log.read_text().splitlines():
                if event in line:
                    return line
            time.sleep(0.05)
        raise RuntimeError(self._log.read_text())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@contextmanager
def running(folder: Path, url: str) -> Iterator[Daemon]:
    """Run a daemon while inside."""
    folder.mkdir()
    daemon = Daemon(folder, url)
    try:
        yield daemon
    finally:
        daemon.stop()


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]


async def pages(daemon: Daemon, jobs: int) -> dict[str, list[float]]:
    """Return the seconds of each request for each kind of page."""
    dice = random.Random(1)
    found: dict[str, list[float]] = {}
    async with aiohttp.ClientSession(headers=daemon.headers) as session:
        for name, query in PAGES.items():
            found[name] = []
            for number in range(REQUESTS + 20):
                url = f"{daemon.api}/jobs?{query.format(cursor=dice.randint(20_000, jobs))}"
                started = time.perf_counter()
                async with session.get(url) as answer:
                    body = await answer.read()
                assert answer.ok, body
                if number >= 20:
                    found[name].append(time.perf_counter() - started)
    return found


async def uploads(daemon: Daemon) -> dict[str, Any]:
    """Hand small files in over several connections at once."""
    seconds: list[float] = []
    bodies = iter([os.urandom(UPLOAD_BYTES) for _ in range(UPLOADS)])

    async def one_after_another(session: aiohttp.ClientSession) -> None:
        for body in bodies:
            started = time.perf_counter()
            async with session.post(f"{daemon.api}/jobs?dataset=orders&name=o.xlsx", data=body) as answer:
                assert answer.status == 201, await answer.text()
            seconds.append(time.perf_counter() - started)

    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(headers=daemon.headers, connector=connector) as session:
        before, samples = await lag(daemon)
        started = time.perf_counter()
        await asyncio.gather(*(one_after_another(session) for _ in range(CONNECTIONS)))
        total = time.perf_counter() - started
        after, more = await lag(daemon)
    wanted = 0.99 * (more - samples)
    counts = zip(before, after, strict=True)
    return {
        "per_second": UPLOADS / total,
        "p99_milliseconds": 1000 * percentile(seconds, 0.99),
        "loop_lag_p99_seconds_at_most": next(new[0] for old, new in counts if new[1] - old[1] >= wanted),
    }


async def lag(daemon: Daemon) -> tuple[list[tuple[float, float]], float]:
    """Return the cumulative buckets of the main loop's lag, and how many samples there are."""
    async with aiohttp.ClientSession() as session, session.get(f"{daemon.exporter}/metrics") as answer:
        text = await answer.text()
    buckets = re.findall(r'headgate_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text)
    return [(float(bound), float(count)) for bound, count in buckets], float(buckets[-1][1])


def sql(postgres: Postgres, database: str, statement: str) -> None:
    subprocess.run(
        ["psql", "-Xqc", statement, postgres.url(database).replace("+asyncpg", "")],
        check=True,
        capture_output=True,
        timeout=600,
    )


def main() -> None:
    """Fill a ledger, read its pages, then hand files in."""
    parser = argparse.ArgumentParser(description="Benchmarks of the front door")
    parser.add_argument("--jobs", type=int, default=1_000_000, help="jobs in the ledger")
    given = parser.parse_args()
    console, binaries = Console(), postgres_binaries()
    if binaries is None:
        sys.exit("bench: PostgreSQL is missing; install the system package postgresql")
    with running_postgres(binaries, durable=True) as postgres, tempfile.TemporaryDirectory() as name:
        postgres.execute("CREATE DATABASE ledger")
        folder, url = Path(name), postgres.url("ledger")
        with running(folder / "first", url):
            pass  # it makes the tables
        with console.status(f"writing {given.jobs:,} jobs"):
            sql(postgres, "ledger", FILL.replace("{jobs}", str(given.jobs)))
            sql(postgres, "ledger", "VACUUM ANALYZE headgate.job")
        with running(folder / "second", url) as daemon:
            with console.status("reading pages"):
                found = asyncio.run(pages(daemon, given.jobs))
            with console.status("uploading"):
                uploaded = asyncio.run(uploads(daemon))
    table = Table("GET /api/v1/jobs", "p50 ms", "p99 ms", title=f"{given.jobs:,} jobs in PostgreSQL")
    for name_of_page, seconds in found.items():
        table.add_row(
            name_of_page, f"{1000 * statistics.median(seconds):.1f}", f"{1000 * percentile(seconds, 0.99):.1f}"
        )
    console.print(table)
    console.print(
        f"uploads of {UPLOAD_BYTES // 1000} KB over {CONNECTIONS} connections: {uploaded['per_second']:.0f} a second, "
        f"p99 {uploaded['p99_milliseconds']:.0f} ms; main loop lag p99 "
        f"at most {1000 * uploaded['loop_lag_p99_seconds_at_most']:.0f} ms"
    )


if __name__ == "__main__":
    main()
