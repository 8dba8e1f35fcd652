"""Faults of the machine below the real daemon: it stands still, its clock jumps."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Headgate

pytestmark = pytest.mark.fault

ROWS = 100
PARSE_SECONDS = 6
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


@contextmanager
def _standing_still(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop the daemon and all that it has started; the daemon is the last to stop and the first to go on."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in reversed(family):
        member.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.send_signal(signal.SIGCONT)


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
        with _standing_still(process):
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
