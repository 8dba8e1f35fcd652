"""A daemon whose main loop is blocked for 10 s goes on telling, and tells that."""

from __future__ import annotations

import re
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Headgate

BLOCKED_SECONDS = 10
STALL_SECONDS = 4


def number(page: str, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)
    assert found, series
    return float(found[1])


def test_the_exporter_answers_while_the_main_loop_does_not(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    headgate.settings["exporter"]["stall_seconds"] = STALL_SECONDS
    headgate.write_config()
    process = headgate.start_blockable(seconds=BLOCKED_SECONDS)
    before = headgate.get(f"{headgate.exporter_url}/metrics")[1]
    process.send_signal(signal.SIGUSR1)
    started = time.monotonic()
    healthy: list[tuple[float, int]] = []
    silent: list[float] = []
    while (elapsed := time.monotonic() - started) < BLOCKED_SECONDS - 1:
        status, _ = headgate.get(f"{headgate.exporter_url}/-/healthy")
        healthy.append((elapsed, status))
        status, page = headgate.get(f"{headgate.exporter_url}/metrics")
        assert status == 200, "the metrics are there all the time"
        silent.append(time.time() - number(page, "headgate_loop_heartbeat_timestamp_seconds"))
        time.sleep(0.5)
    assert healthy[0][1] == 200
    assert {status for elapsed, status in healthy if elapsed > STALL_SECONDS + 1} == {503}
    assert not [elapsed for elapsed, status in healthy if status == 503 and elapsed < STALL_SECONDS - 1]
    assert max(silent) > STALL_SECONDS
    assert number(page, "headgate_loop_stall_limit_seconds") == STALL_SECONDS
    headgate.until(
        lambda: headgate.get(f"{headgate.exporter_url}/-/healthy")[0] == 200, "the loop goes on", process=process
    )
    after = headgate.get(f"{headgate.exporter_url}/metrics")[1]
    lag = "headgate_loop_lag_seconds_sum"
    assert number(after, lag) - number(before, lag) >= BLOCKED_SECONDS - 1
    slow = "headgate_loop_slow_callbacks_total"
    assert number(after, slow) > number(before, slow)
    told = headgate.log.read_text()
    assert "main loop held up" in told
    assert "blockable.py:4" in told
    assert f"time.sleep({BLOCKED_SECONDS})" in told
    assert headgate.stop(process) == 0
