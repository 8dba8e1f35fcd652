"""Real daemons under real load, watched by Prometheus with the shipped rules: owns the scenario.

`python tests/support/monitored_load.py FOLDER --minutes 20` runs five daemons, all healthy: two that are busy on one
PostgreSQL, an idle one, one without any dataset, and one that is restarted every minute. Two servers of Prometheus
scrape them, every 15 and every 60 seconds. At the end it prints what was pending or firing, and when. With `--troubles`
only the two busy daemons run, and things go wrong: files are bad, the database is gone for 40 seconds, a configuration
is wrong, a daemon is gone. FOLDER keeps what Prometheus recorded: `make dashboard-pictures` draws it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import xlsxwriter
import yaml
from ports import free_port
from postgres_server import Postgres, postgres_binaries, running_postgres
from prometheus_server import Prometheus, running_prometheus

ROOT: Final = Path(__file__).resolve().parents[2]
INTERVALS: Final = ("15s", "60s")
MINUTE: Final = 60.0
SEED: Final = 7
GONE_SECONDS: Final = 40.0
START_SECONDS: Final = 60.0
TITLES: Final = ("Order ID", "Shop", "Site", "Order date", "Paid at", "Product", "SKU", "Quantity", "Price")


@dataclass(slots=True, kw_only=True)
class Daemon:
    """One daemon of the scenario; `folder` has its configuration, its inbox and its state."""

    name: str
    folder: Path
    port: int
    api_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def inbox(self) -> Path:
        """Where its workbooks are put."""
        return self.folder / "inbox"

    def configure(self, url: str | None, datasets: Path | None) -> None:
        """Write its configuration: a database of its own unless one is named, and the demo's datasets."""
        settings: dict[str, Any] = {
            "state_dir": "var",
            "api": {"port": self.api_port},
            "exporter": {"port": self.port},
            "executors": {"cpu_workers": 2},
        }
        if url is not None:
            settings["database"] = {"url": url}
        if datasets is not None:
            settings["datasets"] = [str(datasets / "*.yml")]
            settings["intake"] = {"folders": ["inbox"], "scan_seconds": 1}
            for path in datasets.glob("*.yml"):
                (self.inbox / path.stem).mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "headgate.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    def start(self) -> None:
        """Start it and do not wait."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "daemon", "run", "-c", str(self.folder / "headgate.yml")],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it can be scraped: whoever is looked at sooner is down, and rightly told of."""
        end = time.monotonic() + START_SECONDS
        while not answers(f"http://127.0.0.1:{self.port}/-/healthy"):
            if time.monotonic() > end:
                sys.exit(f"{self.name} does not answer; its log: {self.folder / 'log'}")
            time.sleep(0.1)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self) -> None:
        """Stop it and wait for its end."""
        self.signal(signal.SIGTERM)
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(45)
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)


@dataclass(slots=True)
class Senders:
    """Those who send workbooks: always the same ones, in the same order."""

    choice: random.Random = field(default_factory=lambda: random.Random(SEED))
    orders: Iterator[int] = field(default_factory=lambda: itertools.count(10**17))
    files: Iterator[int] = field(default_factory=itertools.count)

    def send(self, daemon: Daemon, *, bad: bool) -> None:
        """Put the next workbook into an inbox; some of them have rows, titles or content that are refused."""
        number = next(self.files)
        dataset = "prices" if number % 5 == 4 else "orders"
        part = daemon.folder / "part.xlsx"
        with xlsxwriter.Workbook(part) as book:
            sheet = book.add_worksheet()
            if dataset == "prices":
                self._prices(sheet, "Tarif net" if bad and number % 15 == 14 else "Prix HT")
            else:
                mistakes = self.choice.choice((0, 0, 1, 2, 30)) if bad else 0
                self._orders(book, sheet, self.choice.choice((40, 120, 600)), mistakes)
        part.rename(daemon.inbox / dataset / f"{number:05}.xlsx")

    def send_many(self, daemon: Daemon, count: int) -> None:
        """Put many workbooks into an inbox at once."""
        for _ in range(count):
            self.send(daemon, bad=True)

    def _prices(self, sheet: Any, title: str) -> None:
        sheet.write_row(0, 0, ["Référence", "Désignation", title, "TVA"])
        for row in range(60):
            sheet.write_row(row + 1, 0, [f"R{row:04}", "article", round(1 + self.choice.random() * 90, 2), 0.2])

    def _orders(self, book: xlsxwriter.Workbook, sheet: Any, rows: int, mistakes: int) -> None:
        date = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, TITLES)
        day = datetime.now(UTC).date() - timedelta(days=1)
        for row in range(rows):
            quantity = 0 if row < mistakes else self.choice.randint(1, 9)
            price = round(self.choice.random() * 200, 2)
            product = (f"Product {row % 40}", f"S-{row % 40}")
            values = (str(next(self.orders)), "Shop", "SG", "", "", *product, quantity, price)
            sheet.write_row(row + 1, 0, values)
            sheet.write_datetime(row + 1, 3, day, date)


@dataclass(slots=True, kw_only=True)
class Troubles:
    """What goes wrong, each at its share of the time."""

    daemons: list[Daemon]
    postgres: Postgres
    senders: Senders
    _done: set[str] = field(default_factory=set)

    def look(self, share: float) -> None:
        """Begin and end what is due."""
        one, other = self.daemons
        broken = one.folder / "headgate.yml"
        events: tuple[tuple[float, str, Callable[[], object]], ...] = (
            (0.15, "many at once", lambda: self.senders.send_many(one, 30)),
            (0.30, "the configuration is wrong", lambda: append(broken, "nonsense: 1\n")),
            (0.30, "and is read", lambda: one.signal(signal.SIGHUP)),
            (0.45, "the configuration is right", lambda: cut(broken, "nonsense: 1\n")),
            (0.45, "and is read again", lambda: one.signal(signal.SIGHUP)),
            (0.55, "the database goes", self.postgres.stop),
            (0.55, "the database is back", self._database_back),
            (0.70, "a daemon goes", other.stop),
            (0.80, "the daemon is back", other.start),
            (0.88, "many at once again", lambda: self.senders.send_many(other, 20)),
        )
        for at, name, event in events:
            if share >= at and name not in self._done:
                self._done.add(name)
                print(f"{datetime.now(UTC):%H:%M:%S} {name}", flush=True)
                event()

    def _database_back(self) -> None:
        time.sleep(GONE_SECONDS)
        self.postgres.start()


def append(path: Path, line: str) -> None:
    """Add a line at the end."""
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")


def cut(path: Path, line: str) -> None:
    """Take a line away."""
    path.write_text(path.read_text(encoding="utf-8").replace(line, ""), encoding="utf-8")


def answers(url: str) -> bool:
    """Say whether somebody answers there that all is well."""
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@contextmanager
def watching(folder: Path, daemons: list[Daemon]) -> Iterator[dict[str, Prometheus]]:
    """Run a Prometheus for each interval, with the shipped configuration but for its targets."""
    binary = shutil.which("prometheus")
    if binary is None:
        sys.exit("skipped: Prometheus is missing (make services)")

    def change(config: dict[str, Any]) -> None:
        (job,) = config["scrape_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{one.port}"]} for one in daemons]
        # Instances are called by their names, as they are where each has a machine of its own.
        job["relabel_configs"] = [
            {
                "source_labels": ["__address__"],
                "regex": f".*:{one.port}",
                "target_label": "instance",
                "replacement": one.name,
            }
            for one in daemons
        ]
        config["global"] |= {"scrape_timeout": "10s", "evaluation_interval": "15s"}

    with ExitStack() as stack:
        servers = {}
        for interval in INTERVALS:
            place = folder / interval
            place.mkdir()
            running = running_prometheus(
                Path(binary), place, target="", port=free_port(), interval=interval, change=change
            )
            servers[interval] = stack.enter_context(running)
        yield servers


def scenario(folder: Path, *, minutes: float, troubles: bool) -> dict[str, Any]:
    """Run everything for some minutes; return what was pending or firing at each interval."""
    with ExitStack() as stack:
        binaries = postgres_binaries()
        if binaries is None:
            sys.exit("skipped: PostgreSQL is missing (make services)")
        postgres = stack.enter_context(running_postgres(binaries))
        postgres.execute("CREATE DATABASE load")
        datasets = folder / "datasets"
        shutil.copytree(ROOT / "examples" / "datasets", datasets)
        names = ("busy-1", "busy-2") if troubles else ("busy-1", "busy-2", "idle", "empty", "restarted")
        daemons = [Daemon(name=one, folder=folder / one, port=free_port(), api_port=free_port()) for one in names]
        for daemon in daemons:
            busy = daemon.name.startswith("busy")
            daemon.configure(postgres.url("load") if busy else None, None if daemon.name == "empty" else datasets)
            daemon.start()
            stack.callback(daemon.stop)
        for daemon in daemons:
            daemon.wait()
        began = time.time()
        servers = stack.enter_context(watching(folder, daemons))
        senders = Senders()
        wrong = Troubles(daemons=daemons, postgres=postgres, senders=senders) if troubles else None
        end, restart_at = began + minutes * MINUTE, began + MINUTE
        for step in itertools.count():
            if time.time() >= end:
                break
            if wrong is not None:
                wrong.look((time.time() - began) / (end - began))
            elif time.time() >= restart_at:
                daemons[-1].stop()
                daemons[-1].start()
                restart_at += MINUTE
            busy_now = step % 120 < 40
            if step % (3 if busy_now else 10) == 0:
                senders.send(daemons[step % 2], bad=troubles or step % 30 == 0)
            time.sleep(1)
        found = {name: alerts(server, began, time.time()) for name, server in servers.items()}
        return {"from": began, "to": time.time(), "alerts": found}


def alerts(server: Prometheus, start: float, end: float) -> list[dict[str, Any]]:
    """Return each alert that was pending or firing, but the watchdog, with the seconds after the start."""
    found = server.ask("query_range", query='ALERTS{alertname!="HeadgateWatchdog"}', start=start, end=end, step=15)
    return [
        {
            **{name: value for name, value in one["metric"].items() if name not in {"__name__", "component", "job"}},
            "seen_at_seconds": [round(float(at) - start) for at, _ in one["values"]],
        }
        for one in found["result"]
    ]


def main() -> None:
    """Run the scenario in a folder."""
    parser = argparse.ArgumentParser(description="Daemons under load, watched by Prometheus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--troubles", action="store_true", help="let things go wrong")
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    outcome = scenario(folder, minutes=options.minutes, troubles=options.troubles)
    (folder / "outcome.json").write_text(json.dumps(outcome, indent=1), encoding="utf-8")
    for interval, seen in outcome["alerts"].items():
        print(f"scraped every {interval}: {len(seen)} alerts pending or firing, the watchdog aside")
        for one in seen:
            print(f"  {json.dumps(one)}")


if __name__ == "__main__":
    main()
