"""Alerts on Headgate itself, and on whether it is watched: their causes are made, their runbooks followed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest

from .conftest import give_application

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import Headgate
    from .conftest import Called, Operator

pytestmark = pytest.mark.timeout(300)

BLOCKING = """
import signal, sys, time

signal.signal(signal.SIGUSR1, lambda *_: time.sleep(600))  # in the main thread, as a callback that does not come back

from daemon.cli.main import main

sys.exit(main())
"""
CHATTER: Final = """
import logging

def chat():
    for number in range(30_000):
        logging.getLogger("application").warning("line %d", number)
"""
"""More lines than the daemon keeps for a reader that hangs."""
FAKETIME: Final = next(Path("/usr").glob("lib/**/faketime/libfaketimeMT.so.1"), None)
DATASETS: Final = 60


def test_a_daemon_that_is_gone(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    gate = sqlite_headgate
    with called("HeadgateDown") as operator:
        gate.kill(operator.process)
        operator.is_called()
        status, _ = operator.asks("curl -s 127.0.0.1:9847/-/healthy")
        assert status == 0, "none that the process is gone"
        orders(gate.inbox / "orders-1.xlsx", 5)
        operator.starts()
        operator.is_done()
        operator.reads("files in watched folders stay where they are and are taken up afterwards")
        gate.until(lambda: gate.loaded_jobs() == 1, "what lay there is loaded", process=operator.process)


def is_seen(operator: Operator) -> bool:
    """Say whether Prometheus has met the daemon that runs now."""
    started = psutil.Process(operator.process.pid).create_time()
    return bool(operator.prometheus.query(f"process_start_time_seconds > {started - 1}"))


def test_a_daemon_that_ends_again_and_again(called: Called, sqlite_headgate: Headgate) -> None:
    """By a signal at a moment when it does nothing, and a supervisor starts it at once."""
    gate = sqlite_headgate
    with called("HeadgateRestarts", factor=20) as operator:
        for _ in range(4):
            gate.kill(operator.process)
            operator.process = gate.start_ready()
            gate.until(partial(is_seen, operator), "it is seen", process=operator.process)
        operator.is_called()
        operator.runs("headgate check")
        operator.reads("The alert ends by itself half an hour after the last starts")
        operator.is_done()


def test_a_job_of_prometheus_with_another_name(called: Called) -> None:
    def call(name: str) -> Callable[[dict[str, Any]], None]:
        def change(config: dict[str, Any]) -> None:
            config["scrape_configs"][0]["job_name"] = name

        return change

    with called("HeadgateAbsent") as operator:
        operator.prometheus.change(call("gate"))
        seen = operator.prometheus
        operator.gate.until(lambda: bool(seen.query('up{job="gate"} == 1')), "it is watched by another name")
        operator.is_called()
        operator.reads("Status / Targets")
        (target,) = operator.prometheus.ask("targets")["activeTargets"]
        assert target["scrapePool"] == "gate"
        operator.reads("The job must be called `headgate`: give the scrape configuration that `job_name`")
        operator.prometheus.change(call("headgate"))
        operator.is_done()


def test_a_reload_that_failed(called: Called) -> None:
    with called("HeadgateConfigReloadFailed") as operator:
        gate = operator.gate
        right = gate.config.read_text(encoding="utf-8")
        gate.config.write_text(right + "\nledgr: {}\n", encoding="utf-8")
        operator.process.send_signal(signal.SIGHUP)
        operator.is_called()
        assert "did you mean ledger?" in operator.runs("headgate check", returns=2)
        gate.config.write_text(right, encoding="utf-8")
        operator.runs("headgate check")
        operator.reloads()
        operator.is_done()


def test_a_main_loop_that_hangs(called: Called, sqlite_headgate: Headgate) -> None:
    gate = sqlite_headgate
    gate.settings["exporter"]["stall_seconds"] = 2
    gate.write_config()
    program = gate.folder / "blocking.py"
    program.write_text(BLOCKING, encoding="utf-8")
    daemon, gate.binary = gate.binary, program
    gate.prefix = [sys.executable]
    with called("HeadgateLoopWedged") as operator:
        gate.prefix, gate.binary = [], daemon
        operator.process.send_signal(signal.SIGUSR1)
        operator.is_called()
        status, _ = operator.asks("curl -s 127.0.0.1:9847/-/healthy")
        assert status == 503
        operator.reads("the log names the place where it hangs")
        gate.tells("blocking.py")
        operator.restarts()
        operator.is_done()


def test_more_datasets_than_series(
    called: Called,
    tmp_path: Path,
    sqlite_headgate: Headgate,
    headgate_at: Callable[[Path, str], Headgate],
    orders: Callable[..., Path],
) -> None:
    """Half of them move to a second daemon."""
    gate = sqlite_headgate
    names = [f"d{number:02}" for number in range(DATASETS)]
    spec = (gate.folder / "datasets" / "orders.yml").read_text(encoding="utf-8")
    for name in names:
        own = spec.replace("dataset: orders", f"dataset: {name}").replace('"orders*"', f'"{name}*"')
        (gate.folder / "datasets" / f"{name}.yml").write_text(own.replace("table: orders", f"table: {name}"))
    with called("HeadgateLabelOverflow", factor=360) as operator:
        orders(gate.inbox / f"{names[-1]}-1.xlsx", 5)
        operator.is_called()
        assert f"datasets beyond exporter.dataset_series (50): {DATASETS + 1 - 50}" in operator.runs("headgate check")
        operator.reads("More than 50 datasets: split them over two daemons")
        second = headgate_at(tmp_path / "second", f"sqlite+aiosqlite:///{tmp_path / 'second.db'}")
        for name in names[: DATASETS // 2]:
            (gate.folder / "datasets" / f"{name}.yml").rename(second.folder / "datasets" / f"{name}.yml")
        operator.reloads()
        gate.tells("configuration taken")
        process = second.start_ready()
        orders(gate.inbox / f"{names[-1]}-2.xlsx", 5, start=10)
        orders(second.inbox / f"{names[0]}-1.xlsx", 5)
        for one, jobs in ((gate, 2), (second, 1)):
            one.until(partial(one.all_loaded, jobs), "each loads its own")
        operator.is_done()
        gate.until(
            lambda: gate.metric("headgate_ingest_jobs_total", dataset=names[-1], outcome="loaded") == 1,
            "it is counted by its own name",
        )
        assert second.stop(process) == 0


def test_a_reader_of_the_log_that_hangs(called: Called, sqlite_headgate: Headgate) -> None:
    gate = sqlite_headgate
    give_application(gate, CHATTER)
    gate.settings["tasks"] = {"chat": {"call": "application:chat", "pool": "io"}}
    gate.write_config()
    pipe = gate.folder / "log.pipe"
    os.mkfifo(pipe)
    hanging = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    gate.prefix = ["/bin/sh", "-c", 'exec "$@" 2> "$0"', str(pipe)]
    with called("HeadgateLogLinesDropped") as operator:
        request = urllib.request.Request(f"{gate.api_url}/tasks/chat", data=b"", method="POST")  # noqa: S310  # loopback
        request.add_header("Authorization", f"Bearer {gate.token}")
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310  # loopback only
            pass
        operator.is_called()
        operator.reads("See what reads it: journald, a container's log driver, a collector behind a pipe. Restart that")
        os.close(hanging)
        with gate.log.open("ab") as log, subprocess.Popen(["cat", pipe], stdout=log) as reader:
            operator.reads("the daemon goes on writing by itself")
            operator.process.send_signal(signal.SIGHUP)
            gate.tells("configuration taken")
            operator.is_done()
            assert gate.stop(operator.process) == 0
            assert reader.wait(20) == 0, "the daemon has closed its end"


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
def test_a_clock_that_was_ahead(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    """Half an hour ahead, until the machine failed and was set right; then an hour goes by."""
    gate = sqlite_headgate
    clock = gate.folder / "clock"
    clock.write_text("+30m")
    preload = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_CACHE_DURATION=1"]
    gate.prefix = [*preload, "NO_FAKE_STAT=1"]
    gate.settings["ledger"] |= {"beat_seconds": 0.5}
    gate.write_config()
    process = gate.start_ready()
    orders(gate.inbox / "orders-1.xlsx", 5)
    gate.until(lambda: gate.loaded_jobs() == 1, "one is loaded ahead of its time", process=process)
    gate.kill(process)
    clock.write_text("+0")
    with called("HeadgateClockAhead") as operator:
        operator.is_called()
        operator.reads("The log says `clock was ahead`")
        gate.tells("clock was ahead")
        operator.reads("The alert ends by itself after an hour")
        clock.write_text("+61m")
        operator.is_done()
