"""Faults of workers below the real daemon: rows 1 to 6 of the matrix, injected into real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import xlsxwriter
from daemon_processes import WORKER, fork_server, named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

pytestmark = pytest.mark.fault

ROWS = 200
APPLICATION = """\
import os, pathlib, signal, time

HERE = pathlib.Path(__file__).parent

def slow(frame):
    '''Take long once, then never again.'''
    (HERE / "begun").touch()
    while (HERE / "hold").exists():
        time.sleep(0.05)
    return frame

def explode(frame):
    os.abort()

def hang(frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass
"""


@pytest.fixture
def faulty(sqlite_headgate: Headgate, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Headgate]:
    """A daemon whose dataset `bad` calls a function of the test beside a sound one, in workers of its own."""

    def make(function: str = "slow", *, workers: int = 2, limits: str = "") -> Headgate:
        headgate = sqlite_headgate
        folder = headgate.folder / "application"
        folder.mkdir()
        (folder / "faulty.py").write_text(APPLICATION, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(folder))
        sound = (headgate.folder / "datasets" / "orders.yml").read_text(encoding="utf-8")
        bad = sound.replace("dataset: orders", f"dataset: bad\ntransform: faulty:{function}\n{limits}")
        bad = bad.replace('"orders*"', '"bad*"').replace("table: orders", "table: bad")
        (headgate.folder / "datasets" / "bad.yml").write_text(bad, encoding="utf-8")
        headgate.settings["executors"] = {"cpu_workers": workers}
        headgate.write_config()
        return headgate

    return make


def _workers(process: subprocess.Popen[bytes]) -> list[int]:
    return [worker.pid for worker in named(WORKER, process.pid)]


def _crashed(headgate: Headgate) -> float:
    return headgate.metric("headgate_executor_tasks_total", pool="cpu", kind="parse", outcome="crashed")


def _restarts(headgate: Headgate, reason: str) -> float:
    return headgate.metric("headgate_executor_worker_restarts_total", pool="cpu", reason=reason)


def _job(headgate: Headgate, file: str) -> dict[str, Any]:
    return next(job for job in headgate.jobs() if job["file"].endswith(file))


def _held(headgate: Headgate, orders: Callable[..., Path], process: subprocess.Popen[bytes]) -> int:
    """Hand in a file whose parse is held up in the middle, and return the pid of its worker."""
    folder = headgate.folder / "application"
    (folder / "hold").touch()
    orders(headgate.inbox / "bad.xlsx", ROWS)
    headgate.until((folder / "begun").exists, "the parse has begun", process=process)
    (worker,) = _workers(process)
    return worker


def test_a_busy_worker_that_dies_costs_one_try_and_no_other_job(
    faulty: Callable[..., Headgate], orders: Callable[..., Path]
) -> None:
    headgate = faulty()
    process = headgate.start_ready()
    worker = _held(headgate, orders, process)
    orders(headgate.inbox / "orders.xlsx", ROWS, start=10_000)
    headgate.until(lambda: any(job["state"] == "loaded" for job in headgate.jobs()), "the other job has loaded")
    os.kill(worker, signal.SIGKILL)
    (headgate.folder / "application" / "hold").unlink()
    headgate.until(lambda: headgate.all_finished(2), "both jobs have ended", process=process)
    bad, other = _job(headgate, "bad.xlsx"), _job(headgate, "orders.xlsx")
    assert (bad["state"], bad["attempt"], bad["crashes"]) == ("loaded", 2, 1)
    assert (other["state"], other["attempt"], other["crashes"]) == ("loaded", 1, 0)
    assert headgate.scalar("SELECT count(*) || '/' || count(DISTINCT order_no) FROM bad") == f"{ROWS}/{ROWS}"
    assert _restarts(headgate, "crash") == 1
    assert _crashed(headgate) == 1
    assert headgate.stop(process) == 0


def test_an_idle_worker_that_dies_is_replaced_silently(
    faulty: Callable[..., Headgate], orders: Callable[..., Path]
) -> None:
    headgate = faulty()
    process = headgate.start_ready()
    for number in range(5):
        orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
        headgate.until(partial(headgate.all_finished, number + 1), "the job has ended", process=process)
        for worker in _workers(process):
            os.kill(worker, signal.SIGKILL)
        headgate.until(lambda: not _workers(process), "the worker has gone", process=process)
    assert {(job["state"], job["attempt"], job["crashes"]) for job in headgate.jobs()} == {("loaded", 1, 0)}
    assert headgate.scalar("SELECT count(*) FROM orders") == str(5 * ROWS)
    assert _crashed(headgate) == 0
    assert headgate.stop(process) == 0


def test_a_file_that_aborts_workers_is_dead_after_two_and_charged_by_its_content(
    faulty: Callable[..., Headgate], orders: Callable[..., Path]
) -> None:
    headgate = faulty("explode")
    process = headgate.start_ready()
    book = orders(headgate.inbox / "bad.xlsx", ROWS)
    for number in range(4):
        orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=10_000 + number * ROWS)
    headgate.until(lambda: headgate.all_finished(5), "every job has ended", process=process)
    dead = _job(headgate, "bad.xlsx")
    assert (dead["state"], dead["crashes"], dead["attempt"]) == ("dead", 2, 2)
    _, shown = headgate.get(f"{headgate.api_url}/jobs/{dead['id']}", headgate.token)
    assert "file.worker_crash" in shown
    others = [job for job in headgate.jobs() if job["id"] != dead["id"]]
    assert {(job["state"], job["attempt"], job["crashes"]) for job in others} == {("loaded", 1, 0)}
    # The same bytes under another name get one more try, not a new account.
    (headgate.inbox / "bad-again.xlsx").write_bytes(book.read_bytes())
    headgate.until(lambda: headgate.all_finished(6), "the second submission has ended", process=process)
    again = _job(headgate, "bad-again.xlsx")
    assert (again["state"], again["crashes"], again["attempt"]) == ("dead", 3, 1)
    assert _crashed(headgate) == 3
    assert headgate.stop(process) == 0


def test_a_sheet_with_one_cell_in_each_far_corner_takes_no_worker_down(
    faulty: Callable[..., Headgate], orders: Callable[..., Path]
) -> None:
    """The small sparse workbook that makes readers allocate 17 billion cells and abort."""
    headgate = faulty()
    process = headgate.start_ready()
    with xlsxwriter.Workbook(headgate.inbox / ".sparse.part") as book:
        sheet = book.add_worksheet()
        sheet.write_string(0, 0, "订单号")
        sheet.write_string(1_048_575, 16_383, "x")
    (headgate.inbox / ".sparse.part").rename(headgate.inbox / "orders-sparse.xlsx")
    orders(headgate.inbox / "orders.xlsx", ROWS)
    headgate.until(lambda: headgate.all_finished(2), "both jobs have ended", process=process)
    assert _job(headgate, "orders-sparse.xlsx")["state"] == "rejected"
    assert _job(headgate, "orders.xlsx")["state"] == "loaded"
    assert _crashed(headgate) == 0
    assert headgate.stop(process) == 0


def test_a_parse_that_hangs_and_ignores_sigterm_is_killed_at_its_deadline(
    faulty: Callable[..., Headgate], orders: Callable[..., Path]
) -> None:
    headgate = faulty("hang", limits="limits: {parse_seconds: 2}")
    process = headgate.start_ready()
    orders(headgate.inbox / "bad.xlsx", ROWS)
    orders(headgate.inbox / "orders.xlsx", ROWS, start=10_000)
    headgate.until(lambda: headgate.all_finished(2), "both jobs have ended", process=process)
    hung = _job(headgate, "bad.xlsx")
    assert hung["state"] == "rejected"
    _, shown = headgate.get(f"{headgate.api_url}/jobs/{hung['id']}", headgate.token)
    assert "file.timeout" in shown
    assert (_job(headgate, "orders.xlsx")["state"], _job(headgate, "orders.xlsx")["attempt"]) == ("loaded", 1)
    # A parse that had less than half of its time on a core is tried once more.
    stalled = headgate.metric("headgate_ingest_retries_total", reason="pool_busy")
    assert stalled <= 1
    # Counted when the process has gone, which the end of the job does not wait for.
    headgate.until(lambda: _restarts(headgate, "timeout") == 1 + stalled, "its end is counted", process=process)
    headgate.until(lambda: len(_workers(process)) <= 1, "the hanging worker is gone", process=process)
    assert headgate.stop(process) == 0


@pytest.mark.parametrize("way", ["exit", "hang"])
def test_workers_that_cannot_start_are_a_clear_error_and_no_hang(
    sqlite_headgate: Headgate, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    headgate = sqlite_headgate
    folder = headgate.folder / "site"
    folder.mkdir()
    act = "os._exit(9)" if way == "exit" else "time.sleep(600)"
    (folder / "sitecustomize.py").write_text(
        f"import os, sys, time\nif 'headgate-forkserver' in sys.orig_argv:\n    {act}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    headgate.settings["executors"] = {"start_timeout_seconds": 2}
    headgate.write_config()
    done = headgate.command("run", "-c", headgate.config, timeout=60)
    assert done.returncode == 3
    assert ("fork server exited with code 9" if way == "exit" else "ready within 2 s") in done.stderr
    assert "Traceback" not in done.stderr


def test_workers_that_die_at_their_start_leave_jobs_queued_until_they_can(
    sqlite_headgate: Headgate, orders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    headgate = sqlite_headgate
    folder = headgate.folder / "site"
    folder.mkdir()
    cause = folder / "cause"
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'headgate-forkserver' in sys.orig_argv:\n"
        f"    os.register_at_fork(after_in_child=lambda: os.path.exists({str(cause)!r}) and os._exit(9))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    process = headgate.start_ready()
    cause.touch()
    orders(headgate.inbox / "orders.xlsx", ROWS)
    headgate.until(
        lambda: any("worker process ended" in str(job["reason"]) for job in headgate.jobs()),
        "the job says why it waits",
        process=process,
    )
    assert (headgate.jobs()[0]["attempt"], headgate.jobs()[0]["crashes"]) in {(0, 0), (1, 0)}
    cause.unlink()
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    job = headgate.jobs()[0]
    assert (job["state"], job["attempt"], job["crashes"]) == ("loaded", 1, 0)
    assert headgate.stop(process) == 0


def test_a_fork_server_that_dies_is_replaced_and_the_attempt_given_back(
    faulty: Callable[..., Headgate], orders: Callable[..., Path]
) -> None:
    headgate = faulty()
    process = headgate.start_ready()
    _held(headgate, orders, process)
    first = fork_server(process.pid)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    (headgate.folder / "application" / "hold").unlink()
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    job = headgate.jobs()[0]
    assert (job["state"], job["attempt"], job["crashes"]) == ("loaded", 1, 0)
    assert headgate.scalar("SELECT count(*) FROM bad") == str(ROWS)
    assert fork_server(process.pid) != first
    assert headgate.stop(process) == 0


def test_a_fork_server_that_is_stopped_is_replaced_and_the_attempt_given_back(
    faulty: Callable[..., Headgate], orders: Callable[..., Path]
) -> None:
    """Nothing noticed: /-/ready said 200, jobs stayed `running`."""
    headgate = faulty()
    process = headgate.start_ready()
    _held(headgate, orders, process)
    first = fork_server(process.pid)
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    (headgate.folder / "application" / "hold").unlink()
    headgate.until(lambda: fork_server(process.pid) not in {None, first}, "it is replaced", process=process)
    orders(headgate.inbox / "orders-second.xlsx", ROWS, start=10_000)
    headgate.until(lambda: headgate.all_finished(2), "the jobs have ended", process=process)
    assert {(job["state"], job["attempt"], job["crashes"]) for job in headgate.jobs()} == {("loaded", 1, 0)}
    assert headgate.metric("headgate_fork_servers_replaced_total", reason="hung") == 1
    assert headgate.stop(process) == 0


def test_a_fork_server_that_is_killed_at_its_start_does_not_end_the_daemon(faulty: Callable[..., Headgate]) -> None:
    headgate = faulty()
    process = headgate.start()
    killed: list[int] = []

    def kill_the_first() -> bool:
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if not killed and "headgate-forkserver" in " ".join(child.cmdline()):
                    child.kill()
                    killed.append(child.pid)
        return bool(killed)

    headgate.until(kill_the_first, "the first fork server is killed", process=process)
    headgate.until(headgate.ready, "the daemon is ready", process=process)
    assert headgate.stop(process) == 0


def test_a_drain_that_takes_too_long_gives_the_attempt_back_and_leaves_nothing(
    faulty: Callable[..., Headgate], orders: Callable[..., Path]
) -> None:
    headgate = faulty()
    headgate.settings["shutdown"] = {"drain_seconds": 1}
    headgate.write_config()
    process = headgate.start_ready()
    _held(headgate, orders, process)
    started = time.monotonic()
    assert headgate.stop(process) == 0
    assert 0.9 < time.monotonic() - started < 15
    assert headgate.rows("SELECT state, attempt, lost_leases FROM headgate_job") == [("queued", 0, 0)]
    (headgate.folder / "application" / "hold").unlink()
    process = headgate.start_ready()
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    # The folder is looked through anew: the file is known, and the one of another name is taken by the same look.
    orders(headgate.inbox / "orders.xlsx", ROWS, start=10_000)
    headgate.until(lambda: headgate.all_finished(2), "the other job has ended", process=process)
    assert {(job["dataset"], job["state"], job["attempt"]) for job in headgate.jobs()} == {
        ("bad", "loaded", 1),
        ("orders", "loaded", 1),
    }
    assert headgate.stop(process) == 0
    left = [path for path in (headgate.folder / "var" / "spool").rglob("*") if path.is_file()]
    assert not [path for path in left if path.suffix in {".xlsx", ""} and path.stat().st_size > 1000], left
