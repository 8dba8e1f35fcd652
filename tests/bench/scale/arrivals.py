"""A ledger of a million jobs at 10,000 arrivals a minute: what each step costs and how long it takes, and the vacuum.

The steps are the ledger's own code, called as the daemon calls it; no file is read and nothing is loaded.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import uvloop
from large_ledger import history
from postgres_server import psql_program
from rich.table import Table
from submissions import submission

from daemon.database.database import Database as Engine
from daemon.ledger.jobs import Outcome, RowCounts
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobFilter, JobQueries

from . import usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.console import Console
    from setting import Database, Setting

JOBS: Final = 1_000_000
A_MINUTE: Final = 10_000
PHASE_SECONDS: Final = 75.0
"""A little more than autovacuum's pause between two looks."""
KEPT_SHARE: Final = 0.1
HALF_A_YEAR: Final = 15_000_000.0
CLAIMERS: Final = 4
PAUSE_SECONDS: Final = 0.02
LIST_SECONDS: Final = 0.2
BEAT_SECONDS: Final = 5.0
ROWS: Final = 100
SPOOL: Final = "bench"
DATASET: Final = "dataset-1"
PAGES: Final = {
    "the newest": JobFilter(),
    "a frequent state": JobFilter(state="loaded"),
    "a rare state": JobFilter(state="dead"),
    "a dataset": JobFilter(dataset="dataset-7"),
    "a rare state of a dataset": JobFilter(dataset="dataset-7", state="rejected"),
    "a name that many have": JobFilter(text="export-5"),
}
TABLE: Final = """
SELECT json_build_object('dead', n_dead_tup, 'live', n_live_tup, 'vacuums', autovacuum_count,
    'analyzes', autoanalyze_count, 'table_bytes', pg_relation_size(relid), 'index_bytes', pg_indexes_size(relid),
    'queue_index_bytes', pg_relation_size('headgate.job_waiting'))
FROM pg_stat_user_tables WHERE relid = 'headgate.job'::regclass
"""


class Steps:
    """Runs the ledger's steps and notes how long each took, with when it was."""

    def __init__(self, ledger: Ledger, engine: Engine, *, a_second: float) -> None:
        self._ledger, self._engine, self._queries = ledger, engine, JobQueries(engine)
        self._pause, self._numbers = 1 / a_second, itertools.count(time.time_ns())
        self.taken: defaultdict[str, list[float]] = defaultdict(list)
        self.finished = 0

    async def _timed(self, step: str, work: Awaitable[Any]) -> Any:
        started = time.perf_counter()
        found = await work
        self.taken[step].append(time.perf_counter() - started)
        return found

    async def run(self, seconds: float) -> None:
        """Let jobs arrive for so long, whatever becomes of them, and go on until each has ended."""
        arriving = asyncio.create_task(self._arrive(seconds))
        beside = [asyncio.create_task(work()) for work in (self._list, self._beat)]
        await asyncio.gather(*(self._work(arriving) for _ in range(CLAIMERS)))
        for task in (*beside, arriving):
            task.cancel()
        await asyncio.gather(*beside, arriving, return_exceptions=True)

    async def _arrive(self, seconds: float) -> None:
        begin, entering = time.perf_counter(), set()
        for number in range(round(seconds / self._pause)):
            await asyncio.sleep(max(0.0, begin + number * self._pause - time.perf_counter()))
            one = submission(f"{next(self._numbers)}", dataset=DATASET)
            task = asyncio.create_task(self._timed("enter", self._ledger.submit(one)))
            entering.add(task)
            task.add_done_callback(entering.discard)
        await asyncio.gather(*entering)

    async def _work(self, arriving: asyncio.Task[None]) -> None:
        rows = RowCounts(read=ROWS, inserted=ROWS)
        while True:
            over = arriving.done()
            started = time.perf_counter()
            claims = await self._ledger.claim(datasets=[DATASET])
            if not claims:
                if over:
                    arriving.result()
                    return
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            self.taken["claim"].append(time.perf_counter() - started)
            await self._timed("finish", self._finish(claims[0].job, Outcome(state="loaded", rows=rows)))
            self.finished += 1

    async def _finish(self, job: Any, outcome: Outcome) -> None:
        async with self._engine.write("load") as connection:
            await self._ledger.lock(connection, job)
            await self._ledger.finish(connection, job, outcome)

    async def _list(self) -> None:
        for name, where in itertools.cycle(PAGES.items()):
            await self._timed(f"list: {name}", self._queries.page(where, limit=50))
            await asyncio.sleep(LIST_SECONDS)

    async def _beat(self) -> None:
        while True:
            await self._timed("beat", self._all_of_a_beat())
            await asyncio.sleep(BEAT_SECONDS)

    async def _all_of_a_beat(self) -> None:
        await self._ledger.correct_clock()
        await self._ledger.beat()
        await self._ledger.reap(max_lost_leases=100)
        await self._ledger.cancellations()
        await self._queries.refresh_backlog()


def measure(setting: Setting, share: float) -> dict[str, Any]:
    """Fill a ledger, let jobs arrive as usual, then beside a transaction that stays open, then vacuum."""
    jobs, seconds = round(JOBS * share), PHASE_SECONDS * share
    database = setting.database("arrivals")
    uvloop.run(_with_ledger(database, _nothing))
    with setting.console.status(f"writing {jobs:,} jobs"):
        database.execute(*history(jobs, spool=SPOOL, seconds=HALF_A_YEAR, kept=round(jobs * KEPT_SHARE)))
        database.execute("VACUUM ANALYZE headgate.job, headgate.event")
    phases = {}
    with setting.console.status(f"{A_MINUTE:,} arrivals a minute"):
        phases["usual"] = _phase(setting, database, seconds)
    setting.console.print(f"{A_MINUTE:,} arrivals a minute on {jobs:,} jobs: done; next beside an open transaction")
    with setting.console.status("the same beside an open transaction"), _open_transaction(database):
        phases["open transaction"] = _phase(setting, database, seconds)
    before = _table(database)
    meter = usage.Meter(setting.postgres, database)
    counts, started = meter.counts(), time.perf_counter()
    with setting.console.status("vacuum"):
        database.execute("VACUUM headgate.job")
    taken = time.perf_counter() - started
    cpu = meter.counts().cpu["postgresql"] - counts.cpu["postgresql"]
    return {
        "jobs": jobs,
        "a_minute": A_MINUTE,
        "seconds": seconds,
        "phases": phases,
        "vacuum": {"seconds": taken, "cpu_seconds": cpu, "dead_before": before["dead"], **_left(database)},
    }


def _left(database: Database) -> dict[str, Any]:
    found = _table(database)
    return {"dead_after": found["dead"], "bytes_after": found["table_bytes"] + found["index_bytes"]}


def _phase(setting: Setting, database: Database, seconds: float) -> dict[str, Any]:
    meter, before = usage.Meter(setting.postgres, database), _table(database)
    counts = meter.counts()

    async def work(ledger: Ledger, engine: Engine) -> Steps:
        steps = Steps(ledger, engine, a_second=A_MINUTE / 60)
        await steps.run(seconds)
        return steps

    started = time.perf_counter()
    steps = uvloop.run(_with_ledger(database, work))
    taken = time.perf_counter() - started
    after = _table(database)
    found = usage.spent(counts, meter.counts(), files=steps.finished, seconds=taken)
    del found["cpu_milliseconds"]["daemons"], found["cpu_milliseconds"]["workers"]
    return {
        "finished": steps.finished,
        "finished_a_minute": 60 * steps.finished / taken,
        "steps": {name: _latency(times) for name, times in sorted(steps.taken.items())},
        "claim_drift": _drift(steps.taken["claim"]),
        **found,
        "table": {name: after[name] - before[name] for name in after},
    }


def _latency(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    return {"times": len(times), "p50_milliseconds": 1000 * cuts[49], "p99_milliseconds": 1000 * cuts[98]}


def _drift(times: list[float]) -> float:
    """Return the median of the last fifth in times of that of the first."""
    fifth = max(1, len(times) // 5)
    return statistics.median(times[-fifth:]) / statistics.median(times[:fifth])


def _table(database: Database) -> dict[str, float]:
    # The numbers of a session come to the server's at its end at the latest.
    found: dict[str, float] = json.loads(database.execute("SELECT pg_stat_force_next_flush()", TABLE).splitlines()[-1])
    return found


async def _nothing(_ledger: Ledger, _engine: Engine) -> None:
    pass


async def _with_ledger(database: Database, work: Callable[[Ledger, Engine], Awaitable[Any]]) -> Any:
    async with Engine(
        url=database.daemon_url,
        pool_size=10,
        max_overflow=10,
        pool_timeout_seconds=60,
        leak_seconds=60,
        connect_timeout_seconds=10,
    ) as engine:
        ledger = Ledger(engine, lease_seconds=30)
        await ledger.open()
        await ledger.register(SPOOL)
        async with ledger:
            return await work(ledger, engine)


@contextmanager
def _open_transaction(database: Database) -> Iterator[None]:
    """Keep a snapshot while inside, as a long report or a forgotten client does: nothing newer can be vacuumed."""
    client = subprocess.Popen(
        [psql_program(), "-Xq", database.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM headgate.daemon;\n")
    client.stdin.flush()
    client.stdout.readline()
    try:
        yield
    finally:
        client.stdin.close()
        client.stdout.close()
        client.wait(60)


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print the tables."""
    for name, phase in figures["phases"].items():
        title = f"{figures['jobs']:,} jobs, {phase['finished_a_minute']:,.0f} more a minute, {name}"
        table = Table("step", "times", "p50 ms", "p99 ms", title=title)
        for step, taken in phase["steps"].items():
            table.add_row(
                step, str(taken["times"]), f"{taken['p50_milliseconds']:.1f}", f"{taken['p99_milliseconds']:.1f}"
            )
        console.print(table)
        cpu = phase["cpu_milliseconds"]
        console.print(
            f"a job costs PostgreSQL {cpu['postgresql']:.2f} ms of CPU, {phase['wal_bytes'] / 1000:.1f} KB of log and "
            f"{phase['syncs']:.2f} fsyncs; its client {cpu['client']:.2f} ms of CPU; the last claims took "
            f"{phase['claim_drift']:.2f} times as long as the first; "
            f"{phase['table']['dead']:,} dead rows more, {phase['table']['vacuums']} vacuums by the server"
        )
    vacuum = figures["vacuum"]
    console.print(f"a vacuum of {vacuum['dead_before']:,} dead rows: {vacuum['seconds']:.1f} s")
