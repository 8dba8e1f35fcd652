"""Faults of the machine below the real daemon: it stands still, has no descriptor left, its clock jumps."""

from __future__ import annotations

import http.client
import resource
import subprocess
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from daemon_processes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Headgate

pytestmark = pytest.mark.fault

ROWS = 100
PARSE_SECONDS = 12
APPLICATION = """\
import pathlib, time

HERE = pathlib.Path(__file__).parent

def hold(frame):
    (HERE / "begun").touch()
    while (HERE / "hold").exists():
        time.sleep(0.05)
    return frame
"""


def _held_up(headgate: Headgate, monkeypatch: pytest.MonkeyPatch, dataset: str) -> Path:
    """Let parses wait for the file `hold` to go, and return the folder that it lies in."""
    folder = headgate.folder / "application"
    folder.mkdir()
    (folder / "holding.py").write_text(APPLICATION, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    spec = headgate.folder / "datasets" / "orders.yml"
    sound = spec.read_text(encoding="utf-8")
    spec.write_text(sound.replace("dataset: orders", f"dataset: orders\ntransform: holding:hold\n{dataset}"))
    (folder / "hold").touch()
    headgate.write_config()
    return folder


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the daemon and all that it has started; the daemon is the last to stop and the first to go on."""
    daemon = psutil.Process(process.pid)
    return [*reversed(daemon.children(recursive=True)), daemon]


def _job(headgate: Headgate) -> dict[str, Any]:
    (job,) = headgate.jobs()
    return job


def test_deadlines_that_pass_while_the_machine_stands_still_cost_the_file_nothing(
    headgate: Headgate, orders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was paused twice made a sound file `rejected` with file.timeout."""
    folder = _held_up(headgate, monkeypatch, f"limits: {{parse_seconds: {PARSE_SECONDS}}}")
    process = headgate.start_ready()
    orders(headgate.inbox / "orders.xlsx", ROWS)
    headgate.until((folder / "begun").exists, "the parse has begun", process=process)
    for _ in range(2):
        with frozen(_family(process)):
            time.sleep(PARSE_SECONDS + 1)
        headgate.until(headgate.ready, "it goes on", process=process)
        headgate.until(lambda: _job(headgate)["state"] == "running", "the file is being read", process=process)
    (folder / "hold").unlink()
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    job = _job(headgate)
    assert (job["state"], job["attempt"], job["reason"]) == ("loaded", 1, None)
    assert headgate.scalar("SELECT count(*) FROM orders") == str(ROWS)
    assert headgate.stop(process) == 0


def test_a_parse_is_bound_by_the_time_that_tasks_have(
    sqlite_headgate: Headgate, orders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    headgate = sqlite_headgate
    headgate.settings["executors"] = {"task_timeout_seconds": 2}
    _held_up(headgate, monkeypatch, "limits: {parse_seconds: 300}")
    process = headgate.start_ready()
    orders(headgate.inbox / "orders.xlsx", ROWS)
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    job = _job(headgate)
    assert job["state"] == "rejected"
    assert job["reason"].startswith("file.timeout: reading orders.xlsx took longer than 2 s")
    assert "executors.task_timeout_seconds" in job["reason"]
    assert headgate.stop(process) == 0


def _use_up_descriptors(process: subprocess.Popen[bytes]) -> None:
    """Let the daemon keep the descriptors that it has, and get no other: the limit is one of their numbers."""
    used = {int(entry.name) for entry in Path(f"/proc/{process.pid}/fd").iterdir()}
    first_free = next(number for number in count() if number not in used)
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (first_free, hard))


class _Caller:
    """Somebody who is connected already."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.connect()

    def call(self, path: str, *, token: str = "", body: bytes | None = None) -> tuple[int, str | None, str]:
        """Return status, Retry-After and body."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection.request("GET" if body is None else "POST", path, body=body, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.headers["Retry-After"], answer.read().decode()


def test_descriptors_that_are_used_up_are_waited_for(headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate.settings["ledger"] |= {"beat_seconds": 0.5}
    headgate.write_config()
    process = headgate.start_ready()
    api, exporter = (_Caller(headgate.settings[part]["port"]) for part in ("api", "exporter"))
    hand_in = partial(api.call, "/api/v1/jobs?name=orders-uploaded.xlsx", token=headgate.token)
    body = orders(headgate.folder / "orders-uploaded.xlsx", ROWS, start=2 * ROWS).read_bytes()
    assert exporter.call("/metrics")[0] == 200
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    answers = []
    for number in range(20):
        _use_up_descriptors(process)
        orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
        answers.append(hand_in(body=body))
        assert exporter.call("/metrics")[0] == 200
        time.sleep(0.3)
    assert process.poll() is None, headgate.tail()
    refused = [answer for answer in answers if answer[0] != 201]
    assert len(refused) > 10
    assert {(status, retry) for status, retry, _ in refused} == {(503, "5")}
    assert all("descriptor" in words for _, _, words in refused)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
    assert hand_in(body=body)[0] == 201
    expected = 20 + len(answers) - len(refused) + 1
    headgate.until(lambda: headgate.all_finished(expected), "all is loaded", process=process)
    assert {(job["state"], job["attempt"]) for job in headgate.jobs()} <= {("loaded", 1), ("duplicate", 0)}
    assert headgate.scalar("SELECT count(*) FROM orders") == str(20 * ROWS)
    assert headgate.stop(process) == 0
    told = headgate.log.read_text()
    assert "Traceback" not in told
    assert "never retrieved" not in told
    assert len([line for line in told.splitlines() if "Too many open files" in line]) < 20, told
    assert told.count("request failed") == 1
    assert "status=500" not in told


FAKETIME = next(Path("/usr").glob("lib/**/faketime/libfaketimeMT.so.1"), None)


def _measured(headgate: Headgate, name: str, **labels: str) -> float:
    (found,) = [one for one in headgate.samples() if one.name == name and labels.items() <= one.labels.items()]
    return found.value


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
@pytest.mark.parametrize("minutes", [30, 24 * 60])
def test_jobs_of_a_clock_that_was_ahead_are_loaded_once_it_is_right(
    headgate: Headgate, orders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """A clock half an hour ahead let jobs wait for half an hour, and one a day ahead hid stale datasets for a day."""
    clock = headgate.folder / "clock"
    clock.write_text(f"+{minutes}m")
    headgate.prefix = [
        "env",
        f"LD_PRELOAD={FAKETIME}",
        f"FAKETIME_TIMESTAMP_FILE={clock}",
        "FAKETIME_CACHE_DURATION=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "NO_FAKE_STAT=1",
    ]
    headgate.settings["ledger"] |= {"beat_seconds": 0.5}
    headgate.settings["executors"] = {"cpu_workers": 1}
    folder = _held_up(headgate, monkeypatch, "freshness_seconds: 3600")
    (folder / "hold").unlink()
    process = headgate.start_ready()
    orders(headgate.inbox / "orders-before.xlsx", ROWS)
    headgate.until(lambda: headgate.loaded_jobs() == 1, "one is loaded ahead of its time", process=process)
    (folder / "hold").touch()
    for number in range(6):
        orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
    headgate.until(lambda: len(headgate.jobs()) == 7, "the others are taken", process=process)
    queued = [job for job in headgate.jobs() if job["state"] == "queued"]
    assert queued
    clock.write_text("+0")
    seen = partial(_measured, headgate, "headgate_loop_heartbeat_timestamp_seconds")
    headgate.until(lambda: seen() <= time.time() + 1, "the daemon's clock is right", process=process)
    (folder / "hold").unlink()
    headgate.until(lambda: headgate.all_finished(7), "the others are loaded", process=process)
    assert headgate.scalar("SELECT count(*) FROM orders") == str(6 * ROWS)
    by_its_clock = headgate.database_url.startswith("sqlite")  # PostgreSQL's clock was right
    ahead = partial(_measured, headgate, "headgate_clock_ahead_seconds")
    headgate.until(lambda: (ahead() > minutes * 60 - 60) is by_its_clock, "it is told", process=process)
    assert ("clock was ahead" in headgate.log.read_text()) is by_its_clock
    loaded_at = partial(_measured, headgate, "headgate_dataset_last_success_timestamp_seconds", dataset="orders")
    headgate.until(lambda: loaded_at() <= time.time(), "no load is of a time to come", process=process)
    assert headgate.stop(process) == 0
