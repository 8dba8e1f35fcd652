"""A Headgate daemon of the benchmarks' own, and a client that hands files in and waits for their ends.

The client must not take the processor from what it measures: connections are kept, and ends are told by the stream of
events instead of being asked for.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ports import free_port
from workbooks import specification

UPLOADS_AT_ONCE: Final = 4
START_SECONDS: Final = 30
LONGEST_SECONDS: Final = 600
ENDED: Final = ("loaded", "partial", "rejected", "duplicate", "dead", "cancelled")


class Daemon:
    """A daemon with two CPU workers on a database, and its API."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "orders.yml").write_text(specification(), encoding="utf-8")
        self._exporter_port = free_port()
        settings = {
            "state_dir": str(folder / "var"),
            "datasets": ["orders.yml"],
            "database": {"url": url},
            "api": {"port": 0},
            "exporter": {"port": self._exporter_port},
            # Workers stay, as the processes of the others do; what the first task after a rest costs is told apart.
            "executors": {"cpu_workers": 2, "idle_seconds": 3600},
        }
        (folder / "headgate.yml").write_text(json.dumps(settings))
        self._log = folder / "daemon.log"
        with self._log.open("wb") as log:
            command = [str(Path(sys.executable).with_name("headgate")), "run", "-c", str(folder / "headgate.yml")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self._api = urlsplit(self._find_api())
        self._headers = {"Authorization": f"Bearer {(folder / 'var' / 'api.token').read_text().strip()}"}
        self._own = threading.local()

    def _find_api(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in self._log.read_text().splitlines():
                if "api listening" in line:
                    return next(part for part in line.replace('"', " ").replace("=", " ").split() if "http://" in part)
            time.sleep(0.05)
        raise RuntimeError(self._log.read_text())

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(str(self._api.hostname), self._api.port, timeout=LONGEST_SECONDS)

    def _request(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        if not hasattr(self._own, "connection"):
            self._own.connection = self._connect()
        connection: http.client.HTTPConnection = self._own.connection
        connection.request(method, f"{self._api.path}{path}", body=body, headers=self._headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"{path}: {content}")
        return dict(content)

    def submit(self, content: bytes) -> dict[str, Any]:
        """Hand a file in and return its job."""
        return self._request("POST", "/jobs?name=orders.xlsx", content)

    def job(self, number: int) -> dict[str, Any]:
        """Return a job."""
        return self._request("GET", f"/jobs/{number}")

    def seconds_of(self, operation: str) -> float:
        """Return the seconds that an operation at the database has taken so far, by the daemon's own metric."""
        connection = http.client.HTTPConnection("127.0.0.1", self._exporter_port, timeout=LONGEST_SECONDS)
        connection.request("GET", "/metrics")
        wanted = f'headgate_db_operation_seconds_sum{{op="{operation}"'
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))

    def load(self, contents: Sequence[bytes]) -> float:
        """Hand files in, several at once, and return the seconds until the last one is committed."""
        with self._ends() as ends, ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            started = time.perf_counter()
            waiting = {job["id"] for job in pool.map(self.submit, contents)}
            states = set()
            for number, state in ends:
                if number in waiting:
                    waiting.remove(number)
                    states.add(state)
                if not waiting:
                    break
            seconds = time.perf_counter() - started
        assert states == {"loaded"}, states
        return seconds

    @contextmanager
    def _ends(self) -> Iterator[Iterator[tuple[int, str]]]:
        """Yield the ends of jobs, number and state, from now on."""
        connection = self._connect()
        connection.request("GET", f"{self._api.path}/events", headers=self._headers)
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

    def stop(self) -> None:
        """End the daemon."""
        self.process.terminate()
        self.process.wait(60)
