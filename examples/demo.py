"""The demo: starts the daemon on examples/inbox, shows what becomes of each workbook, and holds it to expected.yml.

`python examples/demo.py` stays up until Ctrl-C; `--once` ends when every workbook has reached its state, with 0 when
all is as documented and 1 otherwise. A second run takes nothing twice, and finds the tables as the first one left them.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiohttp
from expectations import (
    EXAMPLES,
    DemoError,
    Ending,
    Job,
    Plan,
    checksums,
    database_file,
    judge,
    judge_tables,
    read_plan,
)
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from daemon.cli.client import Client, DaemonError
from daemon.config.load import load_settings
from daemon.ledger.jobs import TERMINAL
from ingest.spec.yaml_document import DocumentError

if TYPE_CHECKING:
    from daemon.config.settings import Settings

CONFIG: Final = EXAMPLES / "headgate.yml"

READY_SECONDS: Final = 60.0
SETTLED_SECONDS: Final = 180.0
POLL_SECONDS: Final = 0.25
KILL_SECONDS: Final = 15.0
LOG_LINES: Final = 20
JOBS_LOOKED_AT: Final = 200
FILE_WIDTH: Final = 150
"""Columns of the table where no terminal says how wide it is."""

STYLES: Final = {"loaded": "green", "partial": "yellow", "rejected": "red", "dead": "bold red", "duplicate": "cyan"}

T = TypeVar("T")


class InterruptedDemoError(Exception):
    """Somebody wants the demo to end."""


def main() -> None:
    """Run the demo and turn its outcome into an exit code."""
    parser = argparse.ArgumentParser(description="Headgate's demo")
    parser.add_argument("--once", action="store_true", help="end when every workbook has reached its state")
    once = parser.parse_args().once
    sys.exit(outcome(lambda console: demonstrate(console, once=once)))


def outcome(work: Callable[[Console], Coroutine[Any, Any, int]]) -> int:
    """Run what returns an exit code; an error that is expected is one line and 1."""
    to_file = not sys.stdout.isatty()
    console = Console(soft_wrap=to_file, highlight=False, width=FILE_WIDTH if to_file else None)
    try:
        return asyncio.run(work(console))
    except (DocumentError, DemoError, DaemonError) as error:
        console.print(f"demo: {escape(str(error))}", style="red")
    return 1


async def nothing() -> None:
    """Do nothing more while the daemon runs."""


async def demonstrate(
    console: Console, *, once: bool, afterwards: Callable[[], Coroutine[Any, Any, None]] = nothing
) -> int:
    """Start the daemon, follow it through all workbooks, report, do what comes afterwards; return the exit code."""
    plan, settings = read_plan(), load_settings(CONFIG)
    database = database_file(settings)
    before, started_at = checksums(database, plan), time.time()
    with interrupts() as stop:
        try:
            async with running_daemon(settings) as daemon:
                endings = await guarded(follow(console, settings, plan, started_at), daemon, stop, settings)
                fine = report(console, settings, plan, endings, before)
                await guarded(afterwards(), daemon, stop, settings)
                if not once:
                    console.print("the daemon goes on watching examples/inbox; Ctrl-C stops it")
                    await guarded(asyncio.Event().wait(), daemon, stop, settings)
        except InterruptedDemoError:
            console.print("stopped")
            return 1 if once else 0
    return 0 if fine else 1


async def guarded(
    work: Coroutine[Any, Any, T], daemon: asyncio.subprocess.Process, stop: asyncio.Event, settings: Settings
) -> T:
    """Return what the work returns, unless the daemon ends or somebody interrupts before that."""
    tasks = working, ended, interrupted = (
        asyncio.ensure_future(work),
        asyncio.ensure_future(daemon.wait()),
        asyncio.ensure_future(stop.wait()),
    )
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if interrupted.done():
            raise InterruptedDemoError
        if working.done() and working.exception() is None:
            return working.result()
        # A daemon that dies breaks the work before its end is known.
        await asyncio.wait({ended}, timeout=2)
        if ended.done():
            raise DemoError(f"the daemon ended with exit code {ended.result()}:\n{last_lines(settings)}")
        return working.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# -- the daemon -----------------------------------------------------------------------------------------


@contextmanager
def interrupts() -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT, SIGTERM and SIGHUP set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in caught:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def running_daemon(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `headgate run`; its log goes to a file. Leaving stops it, by force if it must be."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with log_file(settings).open("wb") as log:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "daemon", "run", "-c", str(CONFIG)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # In a session of its own: Ctrl-C reaches the demo alone, which then asks the daemon to stop once.
            start_new_session=True,
        )
    try:
        yield daemon
    finally:
        await stop_daemon(daemon)


async def stop_daemon(daemon: asyncio.subprocess.Process) -> None:
    """Let the daemon drain, then force it."""
    for attempt in (daemon.terminate, daemon.terminate, daemon.kill):
        if daemon.returncode is not None:
            return
        attempt()
        try:
            await asyncio.wait_for(daemon.wait(), KILL_SECONDS)
        except TimeoutError:
            continue


def log_file(settings: Settings) -> Path:
    """Return where the daemon's log goes."""
    return settings.state_dir / "demo.log"


def last_lines(settings: Settings) -> str:
    """Return the end of the daemon's log."""
    with log_file(settings).open(encoding="utf-8", errors="replace") as log:
        return "".join(deque(log, maxlen=LOG_LINES)).rstrip() or "(it logged nothing)"


# -- following ------------------------------------------------------------------------------------------


async def follow(console: Console, settings: Settings, plan: Plan, started_at: float) -> dict[str, Ending]:
    """Wait until every workbook has reached its end."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            await until_ready(exporter_url(settings))
        console.print("the daemon is ready and takes the workbooks of examples/inbox")
        async with asyncio.timeout(SETTLED_SECONDS), Client(api_url(settings), settings.api.token_file) as client:
            with progress(console, len(plan.workbooks)) as tell:
                return await until_settled(client, plan, started_at, tell)
    except TimeoutError:
        log = log_file(settings)
        raise DemoError(f"the daemon is not ready, or not done, after a long time; its log is {log}") from None


async def until_ready(url: str) -> None:
    """Wait until the exporter says that the daemon is ready."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"{url}/-/ready") as response:
                    if response.ok:
                        return
            await asyncio.sleep(POLL_SECONDS)


async def until_settled(
    client: Client, plan: Plan, started_at: float, tell: Callable[[Ending], None]
) -> dict[str, Ending]:
    """Return each workbook's newest job, when it has ended; a duplicate has ended when its first job has."""
    endings: dict[str, Ending] = {}
    files = {workbook.file for workbook in plan.workbooks}
    while True:
        for job in await client.jobs(limit=JOBS_LOOKED_AT, state=None):
            if job["file"] in files - endings.keys() and job["state"] in TERMINAL:
                whole = await client.job(job["id"])
                first = await client.job(job["first_job"]) if job["state"] == "duplicate" else whole
                if first["state"] in TERMINAL:
                    endings[job["file"]] = Ending(job=whole, first=first, earlier=job["created_at"] < started_at)
                    tell(endings[job["file"]])
        if endings.keys() == files:
            return endings
        await asyncio.sleep(POLL_SECONDS)


# -- showing --------------------------------------------------------------------------------------------


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[Ending], None]]:
    """Yield what is called with each job that has ended: a bar on a terminal, a line a job elsewhere."""
    if not console.is_terminal:
        yield lambda ending: console.print(told(ending), markup=False)
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("workbooks", total=total)
        yield lambda ending: bars.update(bar, advance=1, description=escape(ending.job["file"]))


def told(ending: Ending) -> str:
    """Say in a line what became of a workbook."""
    file = ending.job["file"]
    return f"no duplicate: {file} was taken by an earlier run" if ending.earlier else f"{ending.job['state']}: {file}"


def report(
    console: Console, settings: Settings, plan: Plan, endings: Mapping[str, Ending], before: Mapping[str, str]
) -> bool:
    """Show the jobs, the addresses, and whether all is as documented; return the latter."""
    table = Table("job", "workbook", "state", "read", "loaded", "rejected", "blank", "footer", "what", box=SIMPLE)
    for column in table.columns[2:-1]:
        column.no_wrap = True
    for expected in plan.workbooks:
        job, first = endings[expected.file].job, endings[expected.file].first
        rows, style = job["rows"], STYLES.get(job["state"], "")
        counts = (rows["read"], rows["inserted"] + rows["updated"], rows["rejected"], rows["blank"], rows["footer"])
        state = f"[{style}]{job['state']}[/]" if style else job["state"]
        table.add_row(str(job["id"]), escape(job["file"]), state, *map(str, counts), escape(what(job, first)))
    console.print(table)
    console.print(f"metrics  {exporter_url(settings)}/metrics")
    console.print(
        f"page     {api_url(settings)}/   (sign in with the token in {settings.api.token_file})", markup=False
    )
    console.print(f"API      {api_url(settings)}/api/v1/jobs")
    console.print(f'         curl -H "Authorization: Bearer $(cat {settings.api.token_file})" <address>', markup=False)
    complaints = [*judge(plan, endings), *judge_tables(plan, database_file(settings), before, endings)]
    for complaint in complaints:
        console.print(f"not as documented: {escape(complaint)}", style="red")
    if not complaints:
        console.print("every workbook and every table is as examples/expected.yml documents it", style="green")
    return not complaints


def what(job: Job, first: Job) -> str:
    """Say in a few words why a job ended as it did."""
    if job is not first:
        return f"the same content as job {first['id']}, which was {first['state']}"
    places = (f"{record['cell'] or ''} {record['code']}".strip() for record in job["errors"])
    return ", ".join(places) or job["reason"] or ""


def exporter_url(settings: Settings) -> str:
    """Return the address of metrics and health."""
    return f"http://{settings.exporter.host}:{settings.exporter.port}"


def api_url(settings: Settings) -> str:
    """Return the address of the API."""
    return f"http://{settings.api.host}:{settings.api.port}"


if __name__ == "__main__":
    main()
