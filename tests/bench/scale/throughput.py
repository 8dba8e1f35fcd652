"""Files a second by 1, 2 and 4 daemons on one ledger, each held to a core of its own, and to a quarter of one."""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from control_groups import ControlGroup
from figures import Goal, told
from parties.sidecar import UPLOADS_AT_ONCE, Daemon, fresh
from rich.table import Table
from workbooks import dataset, narrow_dataset, workbook

from . import usage

if TYPE_CHECKING:
    from rich.console import Console
    from setting import Database, Setting

DAEMONS: Final = (1, 2, 4)
QUARTER: Final = 0.25
PERIOD_MILLISECONDS: Final = 20
"""Of the quota: short, so that who is held back is so for a moment only."""
GOAL: Final = Goal(1.8)
LOOK_SECONDS: Final = 1.0
"""Each look is a connection more, which costs the server some milliseconds; times are the ledger's own."""
LONGEST_SECONDS: Final = 300
SETTINGS: Final = {"executors": {"cpu_workers": 1, "idle_seconds": 3600, "recycle_tasks": 1_000_000}}
"""One worker a daemon, and always the same one."""


@dataclass(frozen=True, slots=True)
class Load:
    """A kind of file: so many rows, of a dataset; `files` are those of one daemon's run on a whole core."""

    rows: int
    dataset: str
    files: int

    def scaled(self, share: float) -> Load:
        """Return the same with other numbers of files."""
        return replace(self, files=max(2, round(self.files * share)))


def loads(share: float) -> dict[str, Load]:
    """Return the kinds: small files, of which each step counts; larger ones, most of which only the worker sees."""
    kinds = {"small": Load(100, dataset(upsert=False), 100), "reading": Load(4000, narrow_dataset(), 16)}
    return {name: kind.scaled(share) for name, kind in kinds.items()}


def measure(setting: Setting, share: float) -> dict[str, Any]:
    """Run each kind with each number of daemons, both ways of holding them where this machine has both."""
    found: dict[str, Any] = {"rounds": setting.rounds, "cores": len(os.sched_getaffinity(0))}
    ways: tuple[str, ...] = ("core",)
    numbers: tuple[int, ...] = DAEMONS[:2]
    kinds = loads(share)
    if setting.fast:
        del kinds["reading"]
    else:
        ways, numbers = ("core", "quarter") if _groups() else ways, DAEMONS
    for way, (name, load) in itertools.product(ways, kinds.items()):
        runs = {}
        for daemons in numbers:
            with setting.console.status(f"{name} files, {daemons} daemons, a {way} each"):
                run = runs[str(daemons)] = _runs(setting, f"{way}_{name}_{daemons}", load, daemons, way)
            setting.console.print(
                f"{name} files, daemons with a {way} each: {daemons}, files/s: {run['files_per_second']:.1f}"
            )
        one = runs[str(DAEMONS[0])]["files_per_second"]
        ratios = {number: run["files_per_second"] / one for number, run in runs.items()}
        found.setdefault(way, {})[name] = {
            "rows": load.rows,
            "daemons": runs,
            "times_as_fast": ratios,
            "two_daemons": GOAL.figure(ratios["2"]),
        }
    return found


def _groups() -> bool:
    try:
        ControlGroup().remove()
    except OSError:
        return False
    return True


@contextmanager
def _held(way: str, number: int) -> Iterator[list[str]]:
    """Give the words before a command that hold it to a core of its own, or to a quarter of any."""
    if way == "core":
        cores = sorted(os.sched_getaffinity(0))
        yield ["taskset", "-c", str(cores[number % len(cores)])]
        return
    group = ControlGroup()
    try:
        group.limit_cpu(round(PERIOD_MILLISECONDS * QUARTER), PERIOD_MILLISECONDS)
        yield group.prefix
    finally:
        group.remove()


def _runs(setting: Setting, name: str, load: Load, daemons: int, way: str) -> dict[str, Any]:
    """Return the medians of the rounds."""
    database = setting.database(name)
    content = workbook(setting.cache, load.rows, 0).read_bytes()
    numbers = itertools.count(1)
    share = QUARTER if way == "quarter" else min(1.0, len(os.sched_getaffinity(0)) / daemons)
    files = load.scaled(share * daemons).files
    with ExitStack() as stack:
        prefixes = [stack.enter_context(_held(way, number)) for number in range(daemons)]
        running = _started(stack, database, load, prefixes)
        _run(database, running, [fresh(content, ".xlsx", next(numbers)) for _ in running for _ in range(2)])
        meter = usage.Meter(setting.postgres, database, running)
        rounds = []
        for _ in range(setting.rounds):
            contents = [fresh(content, ".xlsx", next(numbers)) for _ in range(files)]
            before = meter.counts()
            seconds = _run(database, running, contents, meter)
            found = usage.spent(before, meter.counts(), files=files, seconds=seconds)
            found["files_per_second"] = files / seconds
            rounds.append(found)
    middle = _median(rounds)
    return {
        "files": files,
        **middle,
        "waits": dict(meter.waits.most_common(5)),
        "limit": usage.limit(middle, per_second=middle["files_per_second"], daemons=daemons, share=share),
    }


def _started(stack: ExitStack, database: Database, load: Load, prefixes: Sequence[Sequence[str]]) -> list[Daemon]:
    """Start a daemon for each of the words that hold it, all at once; they end with the stack."""

    def start(number: int) -> Daemon:
        daemon = Daemon(_own(database, number), load.dataset, SETTINGS, prefix=prefixes[number])
        stack.callback(daemon.stop)
        return daemon

    with ThreadPoolExecutor() as pool:
        return [*pool.map(start, range(len(prefixes)))]


def _own(database: Database, number: int) -> Database:
    folder = database.folder / str(number)
    folder.mkdir()
    return replace(database, folder=folder)


def _run(
    database: Database, daemons: Sequence[Daemon], contents: Sequence[bytes], meter: usage.Meter | None = None
) -> float:
    """Hand files in, to each daemon its share; return the seconds from the first job's begin to the last one's end."""
    before = int(database.execute("SELECT coalesce(max(id), 0) FROM headgate.job"))
    turns = [*zip(itertools.cycle(daemons), contents, strict=False)]
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        for _ in pool.map(lambda turn: turn[0].submit(turn[1]), turns):
            pass
        deadline = time.monotonic() + LONGEST_SECONDS
        while database.execute("SELECT count(*) FROM headgate.job WHERE state IN ('queued', 'running')") != "0":
            assert time.monotonic() < deadline, "the files are not loaded in time"
            if meter is not None:
                meter.sample()
            time.sleep(LOOK_SECONDS)
    once = database.execute(
        "SELECT count(*) FILTER (WHERE state = 'loaded' AND attempt = 1 AND runs = 1), "
        "max(finished_at) - min(created_at) FROM headgate.job, LATERAL (SELECT count(*) AS runs FROM headgate.event "
        f"WHERE job_id = job.id AND event = 'running') AS noted WHERE id > {before}"
    )
    loaded, seconds = once.split("|")
    assert int(loaded) == len(contents), f"{loaded} of {len(contents)} files were loaded once"
    return float(seconds)


def _median(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the median of each figure, those within figures too."""
    found: dict[str, Any] = {}
    for name, value in rounds[0].items():
        values = [one[name] for one in rounds]
        if isinstance(value, Mapping):
            found[name] = _median(values)
        elif isinstance(value, list):
            found[name] = [statistics.median(places) for places in zip(*values, strict=True)]
        else:
            found[name] = statistics.median(values)
    return found


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print the tables."""
    console.print(f"this machine has {figures['cores']} cores; daemons beyond that share them")
    for way in ("core", "quarter"):
        for name, kind in figures.get(way, {}).items():
            title = f"{name} files of {kind['rows']:,} rows, a {way} for each daemon and its worker"
            table = Table("daemons", "files/s", "times", "CPU ms a file", "cores busy", "limit", title=title)
            for number, run in kind["daemons"].items():
                cpu = ", ".join(f"{part} {spent:.1f}" for part, spent in run["cpu_milliseconds"].items())
                busy = " ".join(f"{share:.0%}" for share in run["cores_busy"])
                speed = f"{run['files_per_second']:.1f}"
                table.add_row(number, speed, f"{kind['times_as_fast'][number]:.2f}", cpu, busy, run["limit"])
            console.print(table)
            console.print(f"two daemons in times of one: {told(kind['two_daemons'])}")
