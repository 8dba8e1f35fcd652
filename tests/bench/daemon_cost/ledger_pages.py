"""The front door under load: pages of a ledger with a million jobs, and small uploads over many connections."""

from __future__ import annotations

import asyncio
import os
import random
import re
import statistics
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from large_ledger import history
from parties.sidecar import Daemon, running_daemon
from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console
    from setting import Setting

REQUESTS: Final = 300
UPLOADS, CONNECTIONS, UPLOAD_BYTES = 1000, 16, 10_000
JOBS_SHARE: Final = 5
"""The ledger has five times as many jobs as the large workbook has rows."""
PAST_SECONDS: Final = 15_000_000.0
"""Less than jobs are listed: none of them is let go meanwhile."""
SETTINGS: Final = {"environment": "production"}

ORDERS = """
dataset: orders
version: 1
match: {glob: "**"}
fields: [{name: order_no, type: string, header: [Order]}]
load: {table: orders, mode: insert}
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
                url = f"{daemon.api}/jobs?{query.format(cursor=dice.randint(jobs // 50, jobs))}"
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
    text = await asyncio.to_thread(daemon.metrics)
    buckets = re.findall(r'headgate_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text)
    return [(float(bound), float(count)) for bound, count in buckets], float(buckets[-1][1])


def measure(setting: Setting) -> dict[str, Any]:
    """Fill a ledger, read its pages, then hand files in."""
    jobs, database = JOBS_SHARE * setting.rows, setting.database("ledger")
    with running_daemon(database, ORDERS, SETTINGS):
        pass  # it makes the tables
    with setting.console.status(f"writing {jobs:,} jobs"):
        database.execute(*history(jobs, spool="past", seconds=PAST_SECONDS, kept=0), "VACUUM ANALYZE headgate.job")
    with running_daemon(database, ORDERS, SETTINGS) as daemon:
        with setting.console.status("reading pages"):
            found = asyncio.run(pages(daemon, jobs))
        with setting.console.status("uploading"):
            uploaded = asyncio.run(uploads(daemon))
    return {
        "jobs": jobs,
        "page_milliseconds": {
            name: {"p50": 1000 * statistics.median(seconds), "p99": 1000 * percentile(seconds, 0.99)}
            for name, seconds in found.items()
        },
        "uploads": uploaded,
    }


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print the table."""
    table = Table("GET /api/v1/jobs", "p50 ms", "p99 ms", title=f"{figures['jobs']:,} jobs in PostgreSQL")
    for name, taken in figures["page_milliseconds"].items():
        table.add_row(name, f"{taken['p50']:.1f}", f"{taken['p99']:.1f}")
    console.print(table)
    uploaded = figures["uploads"]
    console.print(
        f"uploads of {UPLOAD_BYTES // 1000} KB over {CONNECTIONS} connections: {uploaded['per_second']:.0f} a second, "
        f"p99 {uploaded['p99_milliseconds']:.0f} ms; main loop lag p99 "
        f"at most {1000 * uploaded['loop_lag_p99_seconds_at_most']:.0f} ms"
    )
