"""A drain is seen from outside: not ready, no new work, and the last jobs are still counted."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

BUSY = 'headgate_executor_workers{pool="cpu",state="busy"} 1.0'


def test_the_exporter_answers_until_the_last_job_has_ended(
    sqlite_headgate: Headgate, orders: Callable[..., Path], tmp_path: Path
) -> None:
    headgate = sqlite_headgate
    headgate.settings["shutdown"] = {"drain_seconds": 90}
    headgate.write_config()
    process = headgate.start_ready()
    orders(tmp_path / "orders.xlsx", 100_000).replace(headgate.inbox / "orders.xlsx")

    def page() -> str:
        return headgate.get(f"{headgate.exporter_url}/metrics")[1]

    headgate.until(lambda: BUSY in page(), "a worker is at work", process=process)
    process.send_signal(signal.SIGTERM)
    seen: list[tuple[int, str, str]] = []
    while process.poll() is None:
        status, reason = headgate.get(f"{headgate.exporter_url}/-/ready")
        seen.append((status, reason.strip(), page()))
        time.sleep(0.1)
    assert process.wait(40) == 0
    stopping = [metrics for status, reason, metrics in seen if (status, reason) == (503, "stopping")]
    assert stopping, [(status, reason) for status, reason, _ in seen]
    assert any(BUSY in metrics for metrics in stopping), "the job goes on"
    assert any("headgate_stopping 1.0" in metrics for metrics in stopping)
    statuses = [status for status, _, _ in seen]
    assert 200 not in statuses[statuses.index(503) :]
    assert headgate.loaded_jobs() == 1
