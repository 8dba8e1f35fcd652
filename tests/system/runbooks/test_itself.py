"""Alerts on Headgate itself, and on whether it is watched: their causes are made, their runbooks followed."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import Headgate
    from .conftest import Called

BLOCKING = """
import signal, sys, time

signal.signal(signal.SIGUSR1, lambda *_: time.sleep(600))  # in the main thread, as a callback that does not come back

from daemon.cli.main import main

sys.exit(main())
"""


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
