"""A Headgate daemon of the benchmarks' own, and a client that hands files in and waits for their ends.

The client must not take the processor from what it measures: connections are kept, and ends are told by the stream of
events instead of being asked for.
"""

from __future__ import annotations

import http.client
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import psutil
from ports import free_port

if TYPE_CHECKING:
    from setting import Database

UPLOADS_AT_ONCE: Final = 4
START_SECONDS: Final = 60
LONGEST_SECONDS: Final = 600
LOOK_SECONDS: Final = 0.05
ENDED: Final = ("loaded", "partial", "rejected", "duplicate", "dead", "cancelled")
WARM: Final = {"executors": {"cpu_workers": 2, "idle_seconds": 3600}}
"""Workers stay, as the processes of the others do; what the first task after a rest costs is told apart."""
SECTOR_BYTES: Final = 512
"""Of the compound files that xls workbooks are: what lies behind the last one in use belongs to nothing."""


class Daemon:
    """A daemon with one dataset on a database, its API and its exporter; `prefix` begins its command."""

    def __init__(
        self, database: Database, dataset: str, settings: Mapping[str, Any] = WARM, *, prefix: Sequence[str] = ()
    ) -> None:
        folder = database.folder
        (folder / "orders.yml").write_text(dataset, encoding="utf-8")
        self.exporter_port = free_port()
        own = {
            "state_dir": str(folder / "var"),
            "datasets": ["orders.yml"],
            "database": {"url": database.daemon_url},
            "api": {"port": 0},
            "exporter": {"port": self.exporter_port},
        }
        (folder / "headgate.yml").write_text(json.dumps({**own, **settings}), encoding="utf-8")
        self._log = folder / "daemon.log"
        with self._log.open("wb") as log:
            command = [str(Path(sys.executable).with_name("headgate")), "run", "-c", str(folder / "headgate.yml")]
            self.process = subprocess.Popen([*prefix, *command], stdout=log, stderr=log)
        self._line("headgate ready")
        self.api = self._line("api listening").partition("url=")[2].split()[0]
        self.headers = {"Authorization": f"Bearer {(folder / 'var' / 'api.token').read_text().strip()}"}
        self._own = threading.local()

    def _line(self, event: str) -> str:
        """Return the line of the log that tells of an event, once it is there."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            for line in self._log.read_text(encoding="utf-8").splitlines():
                if event in line:
                    return line
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(self._log.read_text(encoding="utf-8"))

    # -- its processes -------------------------------------------------------------------------------

    def family(self) -> list[psutil.Process]:
        """Return the daemon's process and all below it."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def alone(self) -> list[psutil.Process]:
        """Return the daemon's process without its workers."""
        return self.family()[:1]

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes."""
        return [process for process in self.family() if process.name() == "headgate-worker"]

    # -- its API -------------------------------------------------------------------------------------

    def _connect(self) -> http.client.HTTPConnection:
        address = urlsplit(self.api)
        return http.client.HTTPConnection(str(address.hostname), address.port, timeout=LONGEST_SECONDS)

    def request(self, method: str, path: str, body: bytes | None = None, kind: str | None = None) -> dict[str, Any]:
        """Return the answer to a request below the API's address."""
        if not hasattr(self._own, "connection"):
            self._own.connection = self._connect()
        connection: http.client.HTTPConnection = self._own.connection
        headers = self.headers if kind is None else {**self.headers, "Content-Type": kind}
        connection.request(method, f"{urlsplit(self.api).path}{path}", body=body, headers=headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"{path}: {content}")
        return dict(content)

    def submit(self, content: bytes, name: str = "orders.xlsx") -> dict[str, Any]:
        """Hand a file in and return its job."""
        return self.request("POST", f"/jobs?name={quote(name)}", content)

    def load(self, contents: Sequence[bytes], name: str = "orders.xlsx") -> tuple[float, list[int]]:
        """Hand files in, several at once; return the seconds until the last one is committed, and their jobs."""
        with self._ends() as ends, ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            started = time.perf_counter()
            jobs = [job["id"] for job in pool.map(lambda content: self.submit(content, name), contents)]
            waiting, states = {*jobs}, set()
            for number, state in ends:
                if number in waiting:
                    waiting.remove(number)
                    states.add(state)
                if not waiting:
                    break
            seconds = time.perf_counter() - started
        assert states == {"loaded"}, (name, states, self.request("GET", f"/jobs/{jobs[0]}"))
        return seconds, jobs

    @contextmanager
    def _ends(self) -> Iterator[Iterator[tuple[int, str]]]:
        """Yield the ends of jobs, number and state, from now on."""
        connection = self._connect()
        connection.request("GET", f"{urlsplit(self.api).path}/events", headers=self.headers)
        answer = connection.getresponse()
        answer.readline()
        try:
            yield self._read_ends(answer)
        finally:
            answer.close()
            connection.close()

    def _read_ends(self, answer: http.client.HTTPResponse) -> Iterator[tuple[int, str]]:
        while line := answer.readline():
            if line.startswith(b"data: "):
                event = json.loads(line.removeprefix(b"data: "))
                if event["event"] in ENDED:
                    yield event["job_id"], event["event"]
        raise RuntimeError("the stream of events has ended")

    # -- its exporter --------------------------------------------------------------------------------

    def metrics(self) -> str:
        """Return the page of metrics."""
        connection = http.client.HTTPConnection("127.0.0.1", self.exporter_port, timeout=LONGEST_SECONDS)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        connection.close()
        return page

    def spent(self, histogram: str, label: str) -> tuple[float, int]:
        """Return the seconds and the times that one of its histograms has for a label so far."""
        lines = dict(line.rpartition(" ")[::2] for line in self.metrics().splitlines())
        seconds, times = (lines[f"headgate_{histogram}_{part}{{{label}}}"] for part in ("sum", "count"))
        return float(seconds), int(float(times))

    def stop(self) -> None:
        """End the daemon."""
        self.process.terminate()
        self.process.wait(START_SECONDS)


@contextmanager
def running_daemon(database: Database, dataset: str, settings: Mapping[str, Any] = WARM) -> Iterator[Daemon]:
    """Run a daemon while inside."""
    daemon = Daemon(database, dataset, settings)
    try:
        yield daemon
    finally:
        daemon.stop()


class Loader:
    """The daemon as one of those who take turns: from the first byte of the uploads to the last commit.

    The target table is dropped before; the files are the same rows each time, and never the same bytes, for which the
    daemon would have nothing to do.
    """

    def __init__(self, daemon: Daemon, database: Database, files: Sequence[Path]) -> None:
        self._daemon, self._database = daemon, database
        self._name, self._contents = files[0].name, [path.read_bytes() for path in files]
        self._numbers = itertools.count(1)

    def load(self) -> float:
        """Load the files into an empty table and return the seconds that it took."""
        self._database.execute("DROP TABLE IF EXISTS orders")
        number = next(self._numbers)
        return self._daemon.load([fresh(content, self._name, number) for content in self._contents], self._name)[0]


def fresh(content: bytes, name: str, number: int) -> bytes:
    """Return the same table as another file."""
    if content.startswith(b"PK"):  # a zip: its last two bytes are the length of the comment behind them
        comment = b"%016d" % number
        return content[:-2] + len(comment).to_bytes(2, "little") + comment
    return content + (b"\r\n" * number if name.endswith(".csv") else bytes(SECTOR_BYTES * number))
