"""`make soak MINUTES=10`: mixed tasks for a while, and whether memory, descriptors and threads stay flat.

Good tasks, failing ones, crashes, deadlines, cancellations, kills and reloads run in both pools, while each second
notes what the process and its workers hold. Writes .cache/soak.json, draws docs/soak.png and .svg, exits with 1 when
something grows.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import application_tasks
import executor_fixtures
import executor_tasks as tasks
import psutil
import uvloop

from daemon.errors import ExecutorError, TaskTimeoutError, WorkerCrashedError

ROOT = Path(__file__).resolve().parents[2]

if TYPE_CHECKING:
    from daemon.executors.executors import Executors

CALLERS = 6
MEGABYTE = 1 << 20
GROWTH = {"daemon_megabytes": 8.0, "descriptors": 6.0, "threads": 4.0, "workers_megabytes": 40.0}
"""How much the median of the last quarter may lie above that of the second: noise, and what is only warming up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was held, so many seconds after the start."""

    at: float
    daemon_megabytes: float
    workers_megabytes: float
    descriptors: int
    threads: int
    workers: int
    tasks: int


class Soak:
    """Callers that run tasks of all kinds, and one who disturbs them."""

    def __init__(self, executors: Executors, seconds: float) -> None:
        self._executors = executors
        self._chance = random.Random(4)
        self._until = time.monotonic() + seconds
        self._began = time.monotonic()
        self.outcomes: Counter[str] = Counter()
        self.moments: list[Moment] = []

    async def run(self) -> None:
        """Run until the time is over."""
        await asyncio.gather(self._watch(), self._disturb(), *(self._call() for _ in range(CALLERS)))

    def _over(self) -> bool:
        return time.monotonic() > self._until

    async def _call(self) -> None:
        while not self._over():
            try:
                await self._one()
            except (TaskTimeoutError, WorkerCrashedError, tasks.PlainError, MemoryError) as error:
                self.outcomes[type(error).__name__] += 1
            except asyncio.CancelledError:
                self.outcomes["cancelled"] += 1
            except ExecutorError as error:
                self.outcomes[type(error).__name__] += 1
            else:
                self.outcomes["ok"] += 1

    async def _one(self) -> None:
        run_cpu, run_io, chance = self._executors.run_cpu, self._executors.run_io, self._chance
        match chance.choices(range(8), (40, 20, 10, 6, 2, 2, 2, 20))[0]:
            case 0:
                assert await run_cpu(tasks.add, 1, 2) == 3
            case 1:
                content = os.urandom(chance.randrange(1, 2 * MEGABYTE))
                assert await run_cpu(tasks.echo, content) == content
            case 2:
                await run_cpu(tasks.arrow_table, chance.randrange(1, 50_000))
            case 3:
                await run_cpu(tasks.raise_plain, "as it should")
            case 4:
                await run_cpu(tasks.abort)
            case 5:
                await run_cpu(tasks.sleep, 5.0, timeout=0.05)
            case 6:
                running = asyncio.ensure_future(run_cpu(tasks.sleep, 5.0))
                await asyncio.sleep(chance.random() / 20)
                running.cancel()
                await running
            case _:
                await run_io(application_tasks.sleep, chance.random() / 50)

    async def _disturb(self) -> None:
        while not self._over():
            await asyncio.sleep(self._chance.random() * 4)
            stats = self._executors.stats()
            if stats.cpu.worker_pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._chance.choice(stats.cpu.worker_pids), signal.SIGKILL)
            self._executors.apply(replace(self._executors.limits, cpu_workers=self._chance.randrange(1, 4)))

    async def _watch(self) -> None:
        process = psutil.Process()
        while not self._over():
            await asyncio.sleep(1)
            workers = self._executors.stats().cpu.worker_pids
            self.moments.append(
                Moment(
                    at=time.monotonic() - self._began,
                    daemon_megabytes=process.memory_info().rss / MEGABYTE,
                    workers_megabytes=sum(_resident(pid) for pid in workers) / max(1, len(workers)) / MEGABYTE,
                    descriptors=process.num_fds(),
                    threads=process.num_threads(),
                    workers=len(workers),
                    tasks=self.outcomes.total(),
                )
            )


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def grown(moments: Sequence[Moment]) -> dict[str, float]:
    """Return how much each measure's last quarter lies above its second: the first is for warming up."""
    quarter = max(1, len(moments) // 4)
    early, late = moments[quarter : 2 * quarter], moments[-quarter:]
    return {
        name: statistics.median(getattr(moment, name) for moment in late)
        - statistics.median(getattr(moment, name) for moment in early)
        for name in GROWTH
    }


def draw(moments: Sequence[Moment]) -> None:
    """Draw each measure over time."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    minutes = [moment.at / 60 for moment in moments]
    titles = {
        "daemon_megabytes": "daemon, resident MB",
        "workers_megabytes": "a worker, resident MB",
        "descriptors": "descriptors",
        "threads": "threads",
    }
    chart, rows = pyplot.subplots(len(titles), 1, figsize=(8, 8), sharex=True)
    for axes, (name, title) in zip(rows, titles.items(), strict=True):
        axes.plot(minutes, [getattr(moment, name) for moment in moments], color="#1f6f54", linewidth=1)
        axes.set_ylabel(title)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    rows[-1].set_xlabel(f"minutes; {moments[-1].tasks:,} tasks, with crashes, deadlines, cancellations, kills, reloads")
    chart.tight_layout()
    # Nothing but the chart: no date, and no address of whoever drew it.
    nothing = {"png": ("Software",), "svg": ("Creator", "Date", "Format", "Type")}
    for form, names in nothing.items():
        chart.savefig(ROOT / "docs" / f"soak.{form}", dpi=150, metadata=dict.fromkeys(names))


async def soak(seconds: float) -> Soak:
    """Run both pools under mixed tasks for so long."""
    executors = executor_fixtures.build(
        cpu_workers=2, recycle_tasks=100, idle_seconds=2.0, preload=("ingest.preload:preload",), environ=os.environ
    )
    async with executors:
        run = Soak(executors, seconds)
        await run.run()
        health = await executors.check_health(timeout=30)
        assert health.cpu_ok, health.detail
        assert health.io_ok, health.detail
    left = psutil.Process().children(recursive=True)
    assert not left, left
    return run


def main() -> None:
    """Soak, say what grew, draw."""
    parser = argparse.ArgumentParser(description="A soak of the executors")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--no-chart", action="store_true", help="leave docs/soak.* as they are")
    given = parser.parse_args()
    run = uvloop.run(soak(given.minutes * 60))
    growth = grown(run.moments)
    too_much = {name: value for name, value in growth.items() if value > GROWTH[name]}
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    report = {"outcomes": dict(run.outcomes), "growth": growth, "moments": [asdict(moment) for moment in run.moments]}
    (cache / "soak.json").write_text(json.dumps(report), encoding="utf-8")
    if not given.no_chart:
        draw(run.moments)
    print(f"{run.outcomes.total():,} tasks in {given.minutes:g} minutes: {dict(run.outcomes)}")
    print("grown:", ", ".join(f"{name} {value:+.1f}" for name, value in growth.items()))
    if too_much:
        sys.exit(f"not flat: {too_much}")


if __name__ == "__main__":
    main()
