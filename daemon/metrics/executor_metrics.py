"""The metrics of the executors: what each is called, and its numbers from a frozen snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..executors.forkserver_client import END_REASONS
from ..executors.stats import OUTCOMES, RESIDENT_BYTES, RESTART_REASONS, SECONDS
from .definitions import Definitions, Measured, counter, define, gauge, histogram

if TYPE_CHECKING:
    from ..executors.executors import ExecutorStats
    from ..executors.stats import PoolStats

POOLS: Final = ("cpu", "io", "cluster")
"""The last is that of this daemon's calls to a Dask cluster, where it has one."""
KINDS: Final = "what the task is for, at most 8"

DEFINITIONS: Final[Definitions] = define(
    gauge("executor_workers", "Workers by state.", pool=POOLS, state=("busy", "idle")),
    gauge("executor_workers_max", "Workers at most.", pool=POOLS),
    gauge("executor_queued", "Tasks that wait.", pool=POOLS),
    gauge("executor_queue_limit", "Tasks that may wait.", pool=POOLS),
    gauge("executor_task_timeout_seconds", "How long a task may take that sets itself no other limit.", pool=POOLS),
    gauge(
        "executor_oldest_queued_timestamp_seconds",
        "Since when the task that waits longest has waited; 0 if none waits.",
        pool=POOLS,
    ),
    counter("executor_busy_seconds_total", "Worker seconds spent on tasks, those in flight included.", pool=POOLS),
    counter(
        "executor_tasks_total",
        "Tasks ended, by outcome; refused are those that never began, for want of a place or of a worker.",
        pool=POOLS,
        kind=KINDS,
        outcome=OUTCOMES,
    ),
    counter(
        "executor_worker_restarts_total",
        "Workers that were ended or lost, by reason; threads are not.",
        pool=("cpu",),
        reason=RESTART_REASONS,
    ),
    counter("fork_servers_replaced_total", "Fork servers that died or hung, and were replaced.", reason=END_REASONS),
    histogram("executor_queue_wait_seconds", "Time tasks waited for a worker.", SECONDS, pool=POOLS),
    histogram("executor_task_duration_seconds", "Time tasks ran.", SECONDS, pool=POOLS, kind=KINDS),
    histogram(
        "executor_worker_peak_resident_bytes",
        "The most memory a worker held during a task.",
        RESIDENT_BYTES,
        pool=("cpu", "cluster"),
    ),
)


def executor_metrics(
    stats: ExecutorStats, cluster: PoolStats | None = None, *, task_timeout_seconds: float
) -> Measured:
    """Return the numbers of both pools, and of that of a cluster."""
    pools = (stats.cpu, stats.io, *(() if cluster is None else (cluster,)))
    busy = {(pool.pool, "busy"): pool.workers_busy for pool in pools}
    idle = {(pool.pool, "idle"): pool.workers_idle for pool in pools}
    return {
        "executor_workers": {**busy, **idle},
        "executor_workers_max": {(pool.pool,): pool.workers_max for pool in pools},
        "executor_queued": {(pool.pool,): pool.queued for pool in pools},
        "executor_queue_limit": {(pool.pool,): pool.queue_limit for pool in pools},
        "executor_task_timeout_seconds": {(pool.pool,): task_timeout_seconds for pool in pools},
        "executor_oldest_queued_timestamp_seconds": {(pool.pool,): pool.oldest_queued_at or 0.0 for pool in pools},
        "executor_busy_seconds_total": {(pool.pool,): pool.busy_seconds_total for pool in pools},
        "executor_tasks_total": {(pool.pool, *key): count for pool in pools for key, count in pool.tasks.items()},
        "executor_worker_restarts_total": {("cpu", reason): count for reason, count in stats.cpu.restarts.items()},
        "fork_servers_replaced_total": {(reason,): count for reason, count in stats.fork_server_replacements.items()},
        "executor_queue_wait_seconds": {(pool.pool,): pool.queue_wait for pool in pools},
        "executor_task_duration_seconds": {
            (pool.pool, kind): snapshot for pool in pools for kind, snapshot in pool.task_duration.items()
        },
        "executor_worker_peak_resident_bytes": {
            (pool.pool,): pool.peak_resident for pool in pools if pool is not stats.io
        },
    }
