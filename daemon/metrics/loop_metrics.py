"""The metrics of the main loop and of what waits in the ledger and the spool, from frozen snapshots."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ..lifecycle.loop_watch import LAG_SECONDS
from .definitions import Definitions, Measured, counter, define, gauge, histogram

if TYPE_CHECKING:
    from ..ledger.backlog import BacklogSnapshot
    from ..lifecycle.loop_watch import LoopStats

DEFINITIONS: Final[Definitions] = define(
    histogram("loop_lag_seconds", "How late the main loop woke up.", LAG_SECONDS),
    gauge("loop_tasks", "Tasks on the main loop."),
    gauge("loop_heartbeat_timestamp_seconds", "When the main loop last woke up."),
    gauge(
        "clock_timestamp_seconds",
        "What this machine's clock says: ages of moments that the daemon tells are taken by it.",
    ),
    gauge("loop_stall_limit_seconds", "How long the main loop may hang before /-/healthy fails."),
    counter("loop_slow_callbacks_total", "Times the main loop was held up noticeably."),
)
BACKLOG_DEFINITIONS: Final[Definitions] = define(
    gauge("backlog_jobs", "Jobs queued or running."),
    gauge("backlog_bytes", "Bytes of their workbooks."),
    gauge("backlog_oldest_timestamp_seconds", "When the oldest of them came; 0 if none waits."),
    gauge("dead_jobs", "Jobs given up, waiting for a person."),
    gauge("waiting_jobs", "Jobs put back for what the database or a machine lacks; each says for what."),
)


def loop_metrics(stats: LoopStats, stall_limit_seconds: float) -> Measured:
    """Return the main loop's pulse. A clock that is set while the loop hangs makes that neither longer nor shorter."""
    now = time.time()
    return {
        "loop_lag_seconds": {(): stats.lag},
        "loop_tasks": {(): stats.tasks},
        "loop_heartbeat_timestamp_seconds": {(): now - stats.silent_seconds},
        "clock_timestamp_seconds": {(): now},
        "loop_stall_limit_seconds": {(): stall_limit_seconds},
        "loop_slow_callbacks_total": {(): stats.slow_callbacks_total},
    }


def backlog_metrics(backlog: BacklogSnapshot) -> Measured:
    """Return what waits in the ledger, since when by this machine's clock."""
    oldest_at = 0.0 if backlog.oldest_at is None else backlog.oldest_at - backlog.clock_ahead_seconds
    return {
        "backlog_jobs": {(): backlog.jobs},
        "backlog_bytes": {(): backlog.bytes},
        "backlog_oldest_timestamp_seconds": {(): oldest_at},
        "dead_jobs": {(): backlog.dead_jobs},
        "waiting_jobs": {(): backlog.waiting_jobs},
    }
