"""The executors' figures beside a ProcessPoolExecutor that returns DataFrames.

Everything is measured on a real daemon of its own and in its real workers: what a task costs, what an idle daemon
holds, how it stops, and how late its main loop and its metrics are while eight workbooks are loaded; and without a
daemon, what the smallest `headgate ingest` costs.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import uvloop
from figures import Goal, told
from parties.sidecar import Daemon, running_daemon
from parties.turns import held
from rich.table import Table
from setting import MEGABYTE, Setting
from workbooks import dataset, workbook

from daemon.config.executor_limits import ExecutorLimits
from daemon.executors.executors import Executors

if TYPE_CHECKING:
    from rich.console import Console

FILES: Final = 8
ROWS_SHARE: Final = 5
"""The eight workbooks together have five times the rows of the large one."""
CALLS: Final = 3000
SCRAPE_SECONDS: Final = 15.0
SETTINGS: Final = {"executors": {"cpu_workers": 2}, "tasks": {"hold": "time:sleep"}}
TARGETS: Final[dict[str, tuple[str, Goal]]] = {
    "run_cpu_over_pipe": ("an empty task by run_cpu, in round trips of a bare pipe", Goal(2.0, "at most")),
    "run_cpu_over_process_pool": ("the same, in times of ProcessPoolExecutor", Goal(1.0, "at most")),
    "idle_megabytes": ("an idle daemon, all processes (PSS, MB)", Goal(80.0, "at most")),
    "busy_worker_megabytes": ("one busy worker adds, before its file (PSS, MB)", Goal(60.0, "at most")),
    "first_task_seconds": ("the first task after a rest, over HTTP (s)", Goal(0.15, "at most")),
    "one_shot_cpu_seconds": (
        "`headgate ingest` of two rows into a new SQLite file, all processes (CPU s)",
        Goal(0.8, "at most"),
    ),
    "idle_shutdown_seconds": ("an idle daemon stops (s)", Goal(0.5, "at most")),
    "lag_p99_milliseconds": ("main loop late during 1,000,000 rows, p99 (ms)", Goal(10.0, "at most")),
    "lag_max_milliseconds": ("main loop late during that, at most (ms)", Goal(50.0, "at most")),
    "metrics_p99_milliseconds": ("/metrics during that, p99 (ms)", Goal(50.0, "at most")),
    "scrape_core_percent": (f"/metrics when idle, each {SCRAPE_SECONDS:.0f} s (% of a core)", Goal(0.1, "at most")),
}


# -- what a task costs -----------------------------------------------------------------------------------


class _Echo(asyncio.Protocol):
    """The other end of a bare pipe, as an event loop sees it."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.answer.set_result(data)


def _echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


async def _round_trips(call: Callable[[], Any], rounds: int) -> float:
    """Return the median of many calls in microseconds."""
    seconds = []
    for number in range(rounds + 200):
        started = time.perf_counter()
        await call()
        if number >= 200:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1e6


async def _overhead(rounds: int) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    limits = ExecutorLimits(
        cpu_workers=1,
        io_workers=1,
        queue_limit=100,
        queue_timeout_seconds=60,
        task_timeout_seconds=60,
        worker_memory_bytes=2 << 30,
        worker_cpu_seconds=600,
        recycle_tasks=10 * rounds,
        recycle_bytes=1 << 30,
        idle_seconds=60,
        start_timeout_seconds=30,
    )
    async with Executors(limits, environ=os.environ) as executors:
        run_cpu = await _round_trips(lambda: executors.run_cpu(os.getpid), rounds)
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        process_pool = await _round_trips(lambda: loop.run_in_executor(pool, os.getpid), rounds)
    ours, theirs = socket.socketpair()
    echo = context.Process(target=_echo, args=(theirs,))
    echo.start()
    theirs.close()
    task = pickle.dumps((os.getpid, (), {}))
    transport, protocol = await loop.create_unix_connection(_Echo, sock=ours)

    async def there_and_back() -> None:
        protocol.answer = loop.create_future()
        transport.write(task)
        await protocol.answer

    pipe = await _round_trips(there_and_back, rounds)
    transport.close()
    await asyncio.to_thread(echo.join)  # the transport closes in a turn of the loop
    return {"run_cpu": run_cpu, "ProcessPoolExecutor": process_pool, "bare pipe": pipe}


# -- an idle daemon --------------------------------------------------------------------------------------


def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def _megabytes(daemon: Daemon) -> float:
    """Return the proportional set size of all its processes."""
    return held(daemon.family) / MEGABYTE


def _memory(daemon: Daemon) -> dict[str, float]:
    """Measure the daemon without a worker, then with one that is busy before it has a file."""
    _until(lambda: len(daemon.family()) == 1, 120)
    idle = _megabytes(daemon)
    started = time.perf_counter()
    daemon.request("POST", "/tasks/hold", b"[0]", "application/json")
    first = time.perf_counter() - started
    busy: Future[Any]
    with ThreadPoolExecutor(1) as caller:
        busy = caller.submit(daemon.request, "POST", "/tasks/hold", b"[6]", "application/json")
        _until(lambda: bool(daemon.workers()), 30)
        time.sleep(0.5)
        held = _megabytes(daemon)
        busy.result()
    return {"idle_megabytes": idle, "busy_worker_megabytes": held - idle, "first_task_seconds": first}


def _scrape_cost(daemon: Daemon, scrapes: int = 60) -> float:
    """Return the share of a core, in percent, that scrapes at the usual interval take."""

    def used() -> float:
        times = psutil.Process(daemon.process.pid).cpu_times()
        return float(times.user + times.system)

    daemon.metrics()
    started, before = time.monotonic(), used()
    time.sleep(5)
    idle_rate = (used() - before) / (time.monotonic() - started)
    started, before = time.monotonic(), used()
    for _ in range(scrapes):
        daemon.metrics()
    spent = used() - before - idle_rate * (time.monotonic() - started)
    return 100 * max(0.0, spent) / scrapes / SCRAPE_SECONDS


def _shutdown(setting: Setting, rounds: int = 3) -> float:
    seconds = []
    for number in range(rounds):
        with running_daemon(setting.database(f"stop_{number}"), dataset(), SETTINGS) as daemon:
            time.sleep(1)
            started = time.perf_counter()
            daemon.stop()
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


# -- without a daemon ------------------------------------------------------------------------------------


def _one_shot(folder: Path, rounds: int = 5) -> float:
    """Return the median CPU time of the smallest load there is, with a ledger that is made for it."""
    (folder / "items.yml").write_text(
        "{dataset: items, fields: [{name: sku, type: string}, {name: n, type: integer}], load: {table: items}}\n"
    )
    (folder / "items.csv").write_text("sku,n\na,1\nb,2\n")
    command = [str(Path(sys.executable).with_name("headgate")), "ingest", "items.csv", "--dataset", "items.yml"]
    seconds = []
    for number in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [*command, "--database", f"sqlite:///items-{number}.db"], cwd=folder, check=True, capture_output=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(seconds)


# -- while eight workbooks are loaded --------------------------------------------------------------------


def _buckets(text: str) -> dict[float, float]:
    found = re.findall(r'^headgate_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text, re.MULTILINE)
    return {float(bound.replace("+Inf", "inf")): float(count) for bound, count in found}


def _sleeper(over: Any, late: Any) -> None:
    """Do nothing but wake up as often as the daemon's heartbeat, and put into `late` how late that was (seconds)."""
    found = []
    while not over.is_set():
        asked = time.perf_counter()
        time.sleep(0.25)
        found.append(time.perf_counter() - asked - 0.25)
    late.put(found)


def _under_load(daemon: Daemon, files: Sequence[Path]) -> dict[str, float]:
    """Load the workbooks while /metrics is asked for; the loop's own histogram says how late it was."""
    before, over, scrapes = _buckets(daemon.metrics()), threading.Event(), list[float]()

    def scrape() -> None:
        while not over.is_set():
            started = time.perf_counter()
            daemon.metrics()
            scrapes.append(time.perf_counter() - started)
            over.wait(0.1)

    context = get_context("spawn")
    woken, lateness = context.Event(), context.Queue()
    sleeper = context.Process(target=_sleeper, args=(woken, lateness))
    sleeper.start()
    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        seconds, _ = daemon.load([path.read_bytes() for path in files])
    finally:
        over.set()
        thread.join()
        woken.set()
        slept = lateness.get(timeout=30)
        sleeper.join()
    late = {bound: count - before[bound] for bound, count in _buckets(daemon.metrics()).items()}
    total = late[float("inf")]
    return {
        "seconds": seconds,
        "lag_p99_milliseconds": 1000 * min(bound for bound, count in late.items() if count >= 0.99 * total),
        "lag_max_milliseconds": 1000 * min(bound for bound, count in late.items() if count >= total),
        "metrics_p99_milliseconds": 1000 * statistics.quantiles(scrapes, n=100)[98],
        "machine_p99_milliseconds": 1000 * statistics.quantiles(slept, n=100)[98],
        "machine_max_milliseconds": 1000 * max(slept),
    }


def _read(path: str) -> Any:
    import pandas

    return pandas.read_excel(path, engine="calamine")


async def _replaced(files: Sequence[Path]) -> dict[str, float]:
    """The replaced way: DataFrames come back through the pool's pipe, rows become dicts on the loop."""
    late: list[float] = []

    async def beat() -> None:
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(0.005)
            late.append(time.perf_counter() - asked - 0.005)

    beating = asyncio.create_task(beat())
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for frame in asyncio.as_completed([loop.run_in_executor(pool, _read, str(path)) for path in files]):
            (await frame).to_dict("records")
    beating.cancel()
    return {
        "lag_p99_milliseconds": 1000 * statistics.quantiles(late, n=100)[98],
        "lag_max_milliseconds": 1000 * max(late),
    }


# -- the run ---------------------------------------------------------------------------------------------


def measure(setting: Setting) -> dict[str, Any]:
    """Return every figure; a run that is fast reads two workbooks in the replaced way instead of all eight."""
    console, rows = setting.console, ROWS_SHARE * setting.rows
    with console.status("writing the workbooks"):
        files = [workbook(setting.cache, rows // FILES, 10**7 * number) for number in range(1, FILES + 1)]
    with console.status("executors: an empty task"):
        costs = uvloop.run(_overhead(CALLS))
    figures = {
        "run_cpu_over_pipe": costs["run_cpu"] / costs["bare pipe"],
        "run_cpu_over_process_pool": costs["run_cpu"] / costs["ProcessPoolExecutor"],
    }
    database = setting.database("executors")
    with console.status("executors: idle and under load"):
        with running_daemon(database, dataset(), SETTINGS) as daemon:
            figures |= _memory(daemon)
            figures["scrape_core_percent"] = _scrape_cost(daemon)
            figures |= _under_load(daemon, files)
        figures["idle_shutdown_seconds"] = _shutdown(setting)
    with console.status("executors: the smallest load without a daemon"), tempfile.TemporaryDirectory() as name:
        figures["one_shot_cpu_seconds"] = _one_shot(Path(name))
    with console.status("the replaced way"):
        replaced = asyncio.run(_replaced(files[:2] if setting.fast else files))
    return {"rows": rows, "microseconds": costs, "figures": figures, "replaced": replaced}


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print the table."""
    table = Table("", "Headgate", "replaced way", title="executors")
    for name, (text, goal) in TARGETS.items():
        found, before = report["figures"][name], report["replaced"].get(name)
        table.add_row(text, told(goal.figure(found)), "" if before is None else f"{before:.3g}")
    console.print(table)
    late = tuple(report["figures"][f"machine_{name}_milliseconds"] for name in ("p99", "max"))
    console.print(f"a process that only sleeps was late by {late[0]:.0f} ms meanwhile (p99), {late[1]:.0f} ms at most")
    costs = ", ".join(f"{name} {value:.0f} µs" for name, value in report["microseconds"].items())
    console.print(f"an empty task: {costs}; {report['rows']:,} rows in {report['figures']['seconds']:.1f} s")
