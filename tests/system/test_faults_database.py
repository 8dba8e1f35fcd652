"""Row 11 of the matrix: a database that is slow, locked or has no connection left; the daemon waits, then says so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from postgres_server import locked_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

pytestmark = pytest.mark.fault

ROWS = 300


@pytest.fixture
def small(
    tmp_path: Path, postgres_database: str, headgate_at: Callable[[Path, str], Headgate], orders: Callable[..., Path]
) -> Headgate:
    """A daemon with two connections and little patience, that has loaded one file."""
    headgate = headgate_at(tmp_path / "headgate", postgres_database)
    headgate.settings["database"] |= {
        "pool_size": 1,
        "max_overflow": 1,
        "pool_timeout_seconds": 1,
        "lock_timeout_seconds": 2,
    }
    headgate.settings["ledger"] |= {"beat_seconds": 0.5, "lease_seconds": 30}
    headgate.write_config()
    orders(headgate.inbox / "orders-first.xlsx", ROWS)
    return headgate


def test_a_locked_target_is_waited_for_told_and_loaded_once(small: Headgate, orders: Callable[..., Path]) -> None:
    headgate = small
    process = headgate.start_ready()
    headgate.until(lambda: headgate.all_loaded(1), "the first file is loaded", process=process)
    with locked_table(headgate.database_url, "orders"):
        orders(headgate.inbox / "orders-second.xlsx", ROWS, start=10_000)
        headgate.until(
            lambda: any("lock timeout" in str(job["reason"]) for job in headgate.jobs()),
            "the job says that it waits for a lock",
            process=process,
        )
        assert headgate.ready(), "a locked target is one job's trouble"
        headgate.until(
            lambda: headgate.metric("headgate_ingest_retries_total", reason="transient") >= 1,
            "the retry is counted",
            process=process,
        )
    headgate.until(lambda: headgate.all_loaded(2), "it is loaded once the lock is gone", process=process)
    assert headgate.scalar("SELECT count(*) || '/' || count(DISTINCT order_no) FROM orders") == f"{2 * ROWS}/{2 * ROWS}"
    assert headgate.stop(process) == 0


def test_a_locked_ledger_ends_readiness_and_requests_with_a_clear_error(
    small: Headgate, orders: Callable[..., Path]
) -> None:
    headgate = small
    process = headgate.start_ready()
    headgate.until(lambda: headgate.all_loaded(1), "the first file is loaded", process=process)
    with locked_table(headgate.database_url, "headgate.job, headgate.daemon"):
        headgate.until(lambda: not headgate.ready(), "readiness says so", seconds=20, process=process)
        status, text = headgate.get(f"{headgate.exporter_url}/-/ready")
        assert status == 503
        assert "database" in text or "ledger is locked" in text
        started = time.monotonic()
        status, problem = headgate.get(f"{headgate.api_url}/jobs", headgate.token)
        assert status == 503, problem
        assert "try again" in problem
        assert time.monotonic() - started < 9, "a request waits, but not for ever"
        headgate.until(
            lambda: headgate.metric("headgate_db_pool_timeouts_total") > 0,
            "the metric of the alert DbPoolTimeouts has moved",
            process=process,
        )
        assert headgate.get(f"{headgate.exporter_url}/-/healthy")[0] == 200, "it is not the daemon that hangs"
        orders(headgate.inbox / "orders-second.xlsx", ROWS, start=10_000)
    headgate.until(headgate.ready, "readiness is back", process=process)
    headgate.until(lambda: headgate.all_loaded(2), "everything is loaded", process=process)
    assert headgate.scalar("SELECT count(*) || '/' || count(DISTINCT order_no) FROM orders") == f"{2 * ROWS}/{2 * ROWS}"
    assert headgate.stop(process) == 0
