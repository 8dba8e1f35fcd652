"""What is told of a dataset is what has happened to it, not what this process has seen: a restart forgets nothing."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

DAY_SECONDS = 86_400
ATTEMPT = "headgate_dataset_last_attempt_timestamp_seconds"
ERROR = "headgate_dataset_last_error_timestamp_seconds"
EXPECTED = "headgate_dataset_expected_timestamp_seconds"


def give_a_target(headgate: Headgate) -> None:
    spec = headgate.folder / "datasets" / "orders.yml"
    spec.write_text(f"{spec.read_text(encoding='utf-8')}freshness_seconds: {DAY_SECONDS}\n", encoding="utf-8")


def test_a_restart_forgets_neither_attempts_nor_errors(headgate: Headgate, orders: Callable[..., Path]) -> None:
    give_a_target(headgate)
    process = headgate.start_ready()
    orders(headgate.inbox / "orders-1.xlsx", 5, bad=(0, 1, 2, 3, 4))
    headgate.until(lambda: headgate.all_finished(1), "the file is refused", process=process)
    headgate.until(
        lambda: headgate.metric(ERROR, dataset="orders", code="cell.type") > 0, "its error is told", process=process
    )
    (job,) = headgate.jobs()
    attempt, error = headgate.metric(ATTEMPT, dataset="orders"), headgate.metric(ERROR, dataset="orders")
    assert headgate.stop(process) == 0
    time.sleep(1.1)
    process = headgate.start_ready()
    assert headgate.metric(ATTEMPT, dataset="orders") == pytest.approx(attempt, abs=1)
    assert headgate.metric(ERROR, dataset="orders", code="cell.type") == pytest.approx(error, abs=1)
    assert not [
        one for one in headgate.samples() if one.name == ERROR and one.labels == {"dataset": "orders", "code": "none"}
    ]
    assert headgate.metric(EXPECTED, dataset="orders") == pytest.approx(job["created_at"], abs=0.01)
    assert headgate.stop(process) == 0


def test_a_load_of_a_dataset_that_a_reload_brings_is_expected_since_then(sqlite_headgate: Headgate) -> None:
    """However long the daemon has run by then."""
    headgate = sqlite_headgate
    process = headgate.start_ready()
    assert headgate.metric(EXPECTED, dataset="orders") == 0, "it has no target"
    time.sleep(2)
    asked_at = time.time()
    give_a_target(headgate)
    process.send_signal(signal.SIGHUP)
    headgate.until(lambda: headgate.metric(EXPECTED, dataset="orders") > 0, "its target is known", process=process)
    since = headgate.metric(EXPECTED, dataset="orders")
    assert asked_at <= since <= time.time()
    assert headgate.metric("process_start_time_seconds") < since - 1
    assert headgate.stop(process) == 0
