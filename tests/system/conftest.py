from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import xlsxwriter
import yaml
from gates import gate
from postgres_server import psql_program
from samples import samples_of, total
from storage_fixtures import place, s3

from .cluster_fixtures import cluster, parsing_there
from .machine_fixtures import control_group, mount, read_only, small_disk

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

__all__ = ["cluster", "control_group", "gate", "mount", "parsing_there", "place", "read_only", "s3", "small_disk"]
"""Fixtures of others; those below are at hand anyway."""

ORDERS_SPEC = """
dataset: orders
version: 1
match: {glob: "orders*"}
fields:
  - {name: order_no, type: string, header: [订单号], id: true, constraints: {required: true, pattern: "^[0-9]{18}$"}}
  - {name: buyer, type: string, header: [买家]}
  - {name: quantity, type: integer, header: [数量], constraints: {minimum: 1}}
  - {name: price, type: "decimal(12,2)", header: [单价]}
primaryKey: [order_no]
load: {table: orders, mode: upsert}
quarantine: {max_rows: 10, max_percent: 50}
"""


_BLOCKABLE = """
import signal, sys, time

signal.signal(signal.SIGUSR1, lambda *_: time.sleep({seconds}))  # runs in the main thread, as a callback that hangs

from daemon.cli.main import main

sys.exit(main())
"""

NO_OVERRIDE = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
"""Takes from root what lets it read and write whatever the rights say."""


def as_user(user: int) -> list[str]:
    """Return what makes a command another user's. It may still pass folders on its way to the interpreter.

    The capability for that lets it read, and gives it no leases on others' files.
    """
    passing = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    return ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups", *passing, "--"]


def write_orders(path: Path, rows: int, *, start: int = 0, bad: tuple[int, ...] = ()) -> Path:
    """Write an orders workbook; `bad` are 0-based data rows whose quantity is no number. Appears whole, by rename."""
    part = path.with_name(f".{path.name}.part")
    with xlsxwriter.Workbook(part) as book:
        sheet = book.add_worksheet("订单")
        sheet.write_row(0, 0, ["订单号", "买家", "数量", "单价"])
        for number in range(rows):
            quantity: object = "many" if number in bad else number % 7 + 1
            sheet.write_row(number + 1, 0, [f"{10**17 + start + number}", f"buyer {number}", quantity, 9.99])
    part.rename(path)
    return path


@dataclass
class Headgate:
    """One configuration and the daemon processes that a test runs with it."""

    binary: Path
    folder: Path
    database_url: str
    settings: dict[str, Any]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    prefix: list[str] = field(default_factory=list)
    """Words before the daemon's command, such as those that make it another user's."""
    more_environ: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "headgate.yml"

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    def add_without_key(self) -> None:
        """Let the rows of orders only be added, without a key: a second load shows as doubled rows."""
        spec = self.folder / "datasets" / "orders.yml"
        text = spec.read_text(encoding="utf-8").replace("primaryKey: [order_no]\n", "").replace("upsert", "insert")
        spec.write_text(text, encoding="utf-8")

    def write_config(self) -> None:
        self.config.write_text(yaml.safe_dump(self.settings, allow_unicode=True), encoding="utf-8")

    def environ(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
        return {**clean, "XDG_STATE_HOME": str(self.folder / "xdg"), **self.more_environ}

    def start(self, *program: object) -> subprocess.Popen[bytes]:
        """Start a daemon in a session of its own, so that what it leaves behind can be found."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*self.prefix, *(program or [self.binary]), "run", "-c", self.config],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self.environ(),
            )
        self.processes.append(process)
        return process

    def start_ready(self, *program: object) -> subprocess.Popen[bytes]:
        process = self.start(*program)
        self.until(self.ready, "the daemon is ready", process=process)
        return process

    def start_blockable(self, *, seconds: float) -> subprocess.Popen[bytes]:
        """Start a daemon whose main loop stands still for so long after a SIGUSR1."""
        program = self.folder / "blockable.py"
        program.write_text(_BLOCKABLE.format(seconds=seconds))
        return self.start_ready(sys.executable, program)

    def command(
        self, *arguments: object, timeout: float = 120, as_prefixed: bool = False
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*(self.prefix if as_prefixed else ()), self.binary, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=self.folder,
            env=self.environ(),
        )

    def get(self, url: str, token: str | None = None) -> tuple[int, str]:
        request = urllib.request.Request(url)  # noqa: S310  # loopback only
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  # loopback only
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def exporter_url(self) -> str:
        return f"http://127.0.0.1:{self.settings['exporter']['port']}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.settings['api']['port']}/api/v1"

    @property
    def token(self) -> str:
        """The first one of the file; its line may begin with a name and roles."""
        return (self.folder / "var" / "api.token").read_text().splitlines()[0].split()[-1]

    def ready(self) -> bool:
        return self.get(f"{self.exporter_url}/-/ready")[0] == 200

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's series that have these labels."""
        return total(self.samples(), name, **labels)

    def samples(self) -> list[Sample]:
        """Return all that the exporter tells."""
        return samples_of(self.get(f"{self.exporter_url}/metrics")[1])

    def why_not_ready(self) -> str:
        """Return what readiness says while it says no."""
        status, text = self.get(f"{self.exporter_url}/-/ready")
        return text if status == 503 else ""

    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            status, body = self.get(f"{self.api_url}/jobs?limit=500{cursor}", self.token)
            assert status == 200, body
            page = json.loads(body)
            found += page["jobs"]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def all_finished(self, at_least: int) -> bool:
        jobs = self.jobs()
        return len(jobs) >= at_least and all(job["state"] not in {"queued", "running"} for job in jobs)

    def all_loaded(self, at_least: int) -> bool:
        jobs = self.jobs()
        return len(jobs) >= at_least and {job["state"] for job in jobs} == {"loaded"}

    def until(
        self,
        condition: Callable[[], bool],
        what: str,
        *,
        seconds: float = 60,
        process: subprocess.Popen[bytes] | None = None,
        problem: Callable[[], object] = str,
    ) -> None:
        """Wait for a condition; `problem` says why it is not there."""
        deadline = time.monotonic() + seconds
        while not condition():
            if process is not None and process.poll() is not None:
                pytest.fail(f"the daemon ended with {process.returncode} before {what}:\n{self.tail()}")
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds} s: {what} {problem()}\n{self.tail()}")
            time.sleep(0.05)

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:]) if self.log.exists() else ""

    def stop(self, process: subprocess.Popen[bytes], *, timeout: float = 40) -> int:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout)
        self.assert_nothing_left(process)
        return code

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait(10)
        self.assert_nothing_left(process)

    def kill_what_runs(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait(10)

    def assert_nothing_left(self, process: subprocess.Popen[bytes]) -> None:
        self.until(lambda: not session_members(process.pid), f"session {process.pid} has no process left", seconds=10)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the target database by its own client, not by Headgate's code."""
        if self.database_url.startswith("sqlite"):
            path = self.database_url.partition(":///")[2]
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            try:
                return connection.execute(statement).fetchall()
            finally:
                connection.close()
        url = self.database_url.replace("+asyncpg", "")
        done = subprocess.run(
            [psql_program(), url, "-XAtF", "\t", "-c", statement],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def execute(self, statement: str) -> None:
        """Change the target database by its own client, as somebody else's tool would."""
        if self.database_url.startswith("sqlite"):
            with sqlite3.connect(self.database_url.partition(":///")[2], timeout=30) as connection:
                connection.execute(statement)
            connection.close()
        else:
            self.rows(statement)

    def scalar(self, statement: str) -> str:
        return str(self.rows(statement)[0][0])

    def tells(self, words: str) -> None:
        """Wait until the log says so: it leaves the daemon by a queue, after what it tells of."""
        self.until(lambda: words in self.log.read_text(), f"the log says «{words}»", seconds=60)

    def loaded_jobs(self) -> int:
        """Ask the ledger, past the daemon; 0 as long as it has not been made."""
        table = "headgate_job" if self.database_url.startswith("sqlite") else "headgate.job"
        try:
            return int(self.scalar(f"SELECT count(*) FROM {table} WHERE state = 'loaded'"))
        except (sqlite3.OperationalError, subprocess.CalledProcessError):
            return 0


def session_members(session: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (psutil.Error, OSError):
            continue
    return members


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'target.db'}"
    return str(request.getfixturevalue("postgres_database"))


def make_headgate(folder: Path, binary: Path, url: str, ports: tuple[int, int]) -> Headgate:
    (folder / "inbox").mkdir(exist_ok=True)
    (folder / "datasets").mkdir(exist_ok=True)
    (folder / "datasets" / "orders.yml").write_text(ORDERS_SPEC, encoding="utf-8")
    settings = {
        "datasets": ["datasets/*.yml"],
        "database": {"url": url},
        "intake": {"folders": [{"path": "inbox", "settle_seconds": 0.3}], "scan_seconds": 0.1},
        "ledger": {"poll_seconds": 0.2, "backoff_seconds": 0.2, "backoff_max_seconds": 1.0},
        "api": {"port": ports[0]},
        "exporter": {"port": ports[1]},
    }
    made = Headgate(binary=binary, folder=folder, database_url=url, settings=settings)
    made.write_config()
    return made


@pytest.fixture
def headgate(
    tmp_path: Path, headgate_binary: Path, target_url: str, free_port: Callable[[], int]
) -> Iterator[Headgate]:
    """A configured Headgate on each kind of database; whatever still runs at the end is killed."""
    made = make_headgate(tmp_path, headgate_binary, target_url, (free_port(), free_port()))
    yield made
    made.kill_what_runs()


@pytest.fixture
def sqlite_headgate(tmp_path: Path, headgate_binary: Path, free_port: Callable[[], int]) -> Iterator[Headgate]:
    """The same, on SQLite only: for what does not depend on the database."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'target.db'}"
    made = make_headgate(tmp_path, headgate_binary, url, (free_port(), free_port()))
    yield made
    made.kill_what_runs()


@pytest.fixture
def orders() -> Callable[..., Path]:
    return write_orders


@pytest.fixture
def headgate_at(headgate_binary: Path, free_port: Callable[[], int]) -> Iterator[Callable[[Path, str], Headgate]]:
    """Make further configurations in folders of their own, for tests with several daemons."""
    made: list[Headgate] = []

    def make(folder: Path, url: str) -> Headgate:
        folder.mkdir()
        made.append(make_headgate(folder, headgate_binary, url, (free_port(), free_port())))
        return made[-1]

    yield make
    for one in made:
        one.kill_what_runs()
