"""PostgreSQL crashes below the running daemon: the jobs wait, then load once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

pytestmark = pytest.mark.fault

FILES, ROWS = 12, 3000


def test_a_crash_of_the_server_costs_no_row_and_doubles_none(
    tmp_path: Path,
    own_postgres: Any,
    headgate_at: Callable[[Path, str], Headgate],
    orders: Callable[..., Path],
) -> None:
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    headgate.add_without_key()
    headgate.settings["ledger"] |= {"lease_seconds": 3, "beat_seconds": 0.5}
    headgate.write_config()
    process = headgate.start_ready()
    for number in range(FILES):
        orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
    for _ in range(3):
        time.sleep(0.7)
        own_postgres.stop("immediate")
        headgate.until(lambda: not headgate.ready(), "readiness says that the database is gone", process=process)
        own_postgres.start()
        headgate.until(headgate.ready, "readiness says that it is back", process=process)
    headgate.until(lambda: headgate.all_finished(FILES), "every job has ended", seconds=90, process=process)
    assert {job["state"] for job in headgate.jobs()} == {"loaded"}
    assert headgate.scalar("SELECT count(*) FROM orders") == str(FILES * ROWS)
    assert headgate.scalar("SELECT count(DISTINCT order_no) FROM orders") == str(FILES * ROWS)
    assert headgate.stop(process) == 0
