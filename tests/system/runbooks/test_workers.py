"""Alerts on what waits for workers: their causes are made, their runbooks followed."""

from __future__ import annotations

import threading
import urllib.request
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import pytest

from .conftest import HOLD, add_to_dataset, give_application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ..conftest import Headgate
    from .conftest import Called

pytestmark = pytest.mark.timeout(300)

NAP: Final = """
import time

def nap():
    time.sleep(1)
"""
HASTE: Final = 120
"""By so much clocks run faster where a rule waits for ten minutes twice."""


@contextmanager
def callers(gate: Headgate, task: str, count: int) -> Iterator[None]:
    """Let so many ask for a registered task at the same time, each again and again."""
    over = threading.Event()
    request = urllib.request.Request(f"{gate.api_url}/tasks/{task}", data=b"", method="POST")  # noqa: S310  # loopback
    request.add_header("Authorization", f"Bearer {gate.token}")

    def call() -> None:
        while not over.wait(0.01):
            with suppress(OSError), urllib.request.urlopen(request, timeout=60):  # noqa: S310  # loopback only
                pass

    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_workers_that_cannot_keep_up(called: Called, sqlite_headgate: Headgate) -> None:
    """Each of fifteen waits for fourteen naps of a second."""
    gate = sqlite_headgate
    give_application(gate, NAP)
    gate.settings |= {"executors": {"cpu_workers": 1}, "tasks": {"nap": "application:nap"}}
    gate.write_config()
    with called("HeadgateExecutorSaturated", factor=HASTE) as operator, callers(gate, "nap", 15):
        operator.is_called()
        operator.reads("raise `executors.cpu_workers` if *CPU in use* (Resources) leaves room")
        gate.settings["executors"]["cpu_workers"] = 6
        gate.write_config()
        operator.reloads()
        operator.is_done()


def test_workers_that_do_nothing(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    """One kind of file holds the only worker: its job is cancelled, and what waited behind it is loaded once."""
    gate = sqlite_headgate
    (give_application(gate, HOLD) / "hold").touch()
    spec = (gate.folder / "datasets" / "orders.yml").read_text(encoding="utf-8")
    slow = spec.replace("dataset: orders", "dataset: returns").replace('"orders*"', '"returns*"')
    (gate.folder / "datasets" / "returns.yml").write_text(slow + "transform: application:hold\n", encoding="utf-8")
    gate.settings["executors"] = {"cpu_workers": 1}
    gate.write_config()
    with called("HeadgateExecutorStalled", factor=HASTE) as operator:
        orders(gate.inbox / "returns-1.xlsx", 5)
        gate.until(lambda: len(gate.jobs()) == 1, "it is taken", process=operator.process)
        orders(gate.inbox / "orders-1.xlsx", 5, start=10)
        operator.is_called()
        assert "returns-1.xlsx" in operator.runs("headgate jobs --state running")
        operator.runs("headgate cancel ID", ID=1)
        operator.restarts()
        operator.is_done()
        gate.until(lambda: gate.loaded_jobs() == 1, "what waited is loaded", process=operator.process)


def test_more_workbooks_than_are_loaded(
    called: Called,
    tmp_path: Path,
    postgres_database: str,
    headgate_at: Callable[[Path, str], Headgate],
    orders: Callable[..., Path],
) -> None:
    """Its workers are busy for ever: a second daemon that has the same spool loads what waits there."""
    gate, second = (headgate_at(tmp_path / name, postgres_database) for name in ("first", "second"))
    for one in (gate, second):
        give_application(one, HOLD)
        add_to_dataset(one, "transform: application:hold")
        one.settings |= {"state_dir": str(gate.folder / "var"), "executors": {"cpu_workers": 1, "queue_limit": 50}}
        one.settings["ledger"] |= {"beat_seconds": 0.5}
        one.settings["api"]["token_file"] = str(one.folder / "var" / "api.token")
        one.write_config()
    hold = gate.folder / "application" / "hold"
    hold.touch()
    del second.settings["intake"]
    second.write_config()
    with called("HeadgateBacklogFilling", gate, factor=HASTE) as operator:
        for number in range(12):
            orders(gate.inbox / f"orders-{number}.xlsx", 5, start=10 * number)
        operator.is_called()
        operator.reads("a second daemon on the same PostgreSQL, with the same `state_dir`")
        process = second.start_ready()
        operator.is_done()
        hold.unlink()
        gate.until(lambda: gate.loaded_jobs() == 12, "all are loaded", process=operator.process)
        assert second.stop(process) == 0
