"""Metrics that are read when they are scraped: const metrics from the parts' frozen `stats()` snapshots."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from . import resources

if TYPE_CHECKING:
    from prometheus_client import Metric

    from .executors import ExecutorStats, PoolStats
    from .histogram import HistogramSnapshot
    from .job_queries import BacklogSnapshot
    from .loopwatch import LoopStats
    from .pool_watch import DatabasePoolStats

logger = logging.getLogger(__name__)

DATABASE_POOL: Final = "main"

Collect = Callable[[], Iterable["Metric"]]


class Collectors:
    """Registers collectors one by one; each failure and each duration is a metric, and costs only its own part."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._parts: dict[str, _Part] = {}
        registry.register(_Scrape(self._parts))
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    def add(self, name: str, collect: Collect) -> None:
        """Add a collector under the name that its duration and success are told by."""
        self._parts[name] = _Part(collect)


class _Part:
    def __init__(self, collect: Collect) -> None:
        self._collect = collect
        self.seconds = 0.0
        self.succeeded = True

    def collect(self) -> list[Metric]:
        started = time.perf_counter()
        try:
            found = list(self._collect())
        except Exception:
            logger.exception("collector failed")
            found = []
            self.succeeded = False
        else:
            self.succeeded = True
        self.seconds = time.perf_counter() - started
        return found


class _Scrape(Collector):
    """One collector for all parts, so that what each cost is told in the same scrape."""

    def __init__(self, parts: dict[str, _Part]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        for part in self._parts.values():
            yield from part.collect()
        duration = GaugeMetricFamily(
            "headgate_scrape_collector_duration_seconds", "Time a collector took.", labels=("collector",)
        )
        success = GaugeMetricFamily(
            "headgate_scrape_collector_success", "1 if a collector succeeded.", labels=("collector",)
        )
        for name, part in self._parts.items():
            duration.add_metric((name,), part.seconds)
            success.add_metric((name,), float(part.succeeded))
        yield duration
        yield success


def _gauge(name: str, text: str, labels: Iterable[str], samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(f"headgate_{name}", text, labels=tuple(labels))
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _counter(name: str, text: str, labels: Iterable[str], samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = CounterMetricFamily(f"headgate_{name}", text, labels=tuple(labels))
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _histogram(
    name: str, text: str, labels: Iterable[str], samples: Iterable[tuple[tuple[str, ...], HistogramSnapshot]]
) -> Metric:
    family = HistogramMetricFamily(f"headgate_{name}", text, labels=tuple(labels))
    for values, snapshot in samples:
        bounds = [*(f"{bound:g}" for bound in snapshot.bounds), "+Inf"]
        family.add_metric(values, list(zip(bounds, map(float, snapshot.counts), strict=True)), snapshot.sum)
    return family


def executor_metrics(stats: ExecutorStats) -> Iterator[Metric]:
    """Yield the metrics of both pools."""
    pools: tuple[PoolStats, ...] = (stats.cpu, stats.io)
    states = [((p.pool, "busy"), p.workers_busy) for p in pools] + [((p.pool, "idle"), p.workers_idle) for p in pools]
    yield _gauge("executor_workers", "Workers by state.", ("pool", "state"), states)
    yield _gauge("executor_workers_max", "Workers at most.", ("pool",), (((p.pool,), p.workers_max) for p in pools))
    yield _gauge("executor_queued", "Tasks that wait.", ("pool",), (((p.pool,), p.queued) for p in pools))
    yield _gauge("executor_queue_limit", "Tasks that may wait.", ("pool",), (((p.pool,), p.queue_limit) for p in pools))
    yield _gauge(
        "executor_oldest_queued_timestamp_seconds",
        "Since when the task that waits longest has waited; 0 if none waits.",
        ("pool",),
        (((p.pool,), p.oldest_queued_at or 0.0) for p in pools),
    )
    yield _counter(
        "executor_busy_seconds",
        "Worker seconds spent on tasks, those in flight included.",
        ("pool",),
        (((p.pool,), p.busy_seconds_total) for p in pools),
    )
    yield _counter(
        "executor_tasks",
        "Tasks ended, by outcome.",
        ("pool", "kind", "outcome"),
        (((p.pool, *key), count) for p in pools for key, count in p.tasks.items()),
    )
    yield _counter(
        "executor_worker_restarts",
        "Workers that were ended or lost, by reason.",
        ("pool", "reason"),
        ((("cpu", reason), count) for reason, count in stats.cpu.restarts.items()),
    )
    yield _histogram(
        "executor_queue_wait_seconds",
        "Time tasks waited for a worker.",
        ("pool",),
        (((p.pool,), p.queue_wait) for p in pools),
    )
    yield _histogram(
        "executor_task_duration_seconds",
        "Time tasks ran.",
        ("pool", "kind"),
        (((p.pool, kind), snapshot) for p in pools for kind, snapshot in p.task_duration.items()),
    )
    yield _histogram(
        "executor_worker_peak_resident_bytes",
        "The most memory a worker held during a task.",
        ("pool",),
        ((("cpu",), stats.cpu.peak_resident),),
    )


def database_metrics(stats: DatabasePoolStats) -> Iterator[Metric]:
    """Yield the metrics of the connection pool."""
    pool = (DATABASE_POOL,)
    yield _gauge(
        "db_pool_connections",
        "Connections by state.",
        ("pool", "state"),
        (((*pool, "idle"), stats.idle), ((*pool, "used"), stats.used)),
    )
    gauges = (
        ("db_pool_size", "Connections kept open.", stats.size),
        ("db_pool_max", "Connections at most.", stats.max),
        ("db_pool_overflow", "Connections beyond the size, open now.", stats.overflow),
        ("db_pool_pending", "Callers that wait for a connection.", stats.pending),
        ("db_pool_leaked", "Connections held for longer than the limit.", stats.leaked),
        ("db_pool_timeout_seconds", "How long a caller waits at most.", stats.timeout_seconds),
    )
    for name, text, value in gauges:
        yield _gauge(name, text, ("pool",), ((pool, value),))
    counters = (
        ("db_pool_used_seconds", "Connection seconds in use, those in flight included.", stats.used_seconds_total),
        ("db_pool_timeouts", "Callers that waited in vain.", stats.timeouts_total),
        ("db_pool_invalidations", "Connections thrown away because they failed.", stats.invalidations_total),
        ("db_pool_connections_opened", "Connections opened.", stats.opened_total),
        ("db_pool_connections_closed", "Connections closed.", stats.closed_total),
    )
    for name, text, value in counters:
        yield _counter(name, text, ("pool",), ((pool, value),))
    yield _histogram(
        "db_pool_wait_seconds",
        "Time callers waited for a connection, its creation not included.",
        ("pool", "outcome"),
        (((*pool, outcome), snapshot) for outcome, snapshot in stats.wait.items()),
    )
    yield _histogram("db_pool_create_seconds", "Time to open a connection.", ("pool",), ((pool, stats.create),))
    yield _histogram("db_pool_use_seconds", "Time connections were held.", ("pool",), ((pool, stats.use),))
    yield _histogram(
        "db_operation_seconds",
        "Duration of transactions.",
        ("op",),
        (((operation,), snapshot) for operation, snapshot in stats.operations.items()),
    )


def loop_metrics(stats: LoopStats) -> Iterator[Metric]:
    """Yield the main loop's pulse."""
    yield _histogram("loop_lag_seconds", "How late the main loop woke up.", (), (((), stats.lag),))
    yield _gauge("loop_tasks", "Tasks on the main loop.", (), (((), stats.tasks),))
    yield _gauge(
        "loop_heartbeat_timestamp_seconds", "When the main loop last woke up.", (), (((), stats.heartbeat_at),)
    )
    yield _counter(
        "loop_slow_callbacks", "Times the main loop was held up noticeably.", (), (((), stats.slow_callbacks_total),)
    )


def backlog_metrics(backlog: BacklogSnapshot) -> Iterator[Metric]:
    """Yield what waits in the ledger."""
    gauges = (
        ("backlog_jobs", "Jobs queued or running.", backlog.jobs),
        ("backlog_bytes", "Bytes of their workbooks.", backlog.bytes),
        ("backlog_oldest_timestamp_seconds", "When the oldest of them came; 0 if none waits.", backlog.oldest_at or 0),
        ("dead_jobs", "Jobs given up, waiting for a person.", backlog.dead_jobs),
    )
    for name, text, value in gauges:
        yield _gauge(name, text, (), (((), value),))


def system_metrics(cgroup: resources.Cgroup, limit_cores: float) -> Iterator[Metric]:
    """Yield CPU, memory and pressure of the cgroup or the host."""
    cpu, memory = resources.cpu_use(cgroup), resources.memory_use(cgroup)
    scope = (cpu.scope,)
    yield _gauge("system_cpu_limit_cores", "Cores that may be used.", ("scope",), ((scope, limit_cores),))
    counters = (
        ("system_cpu_seconds", "CPU seconds used.", cpu.seconds_total),
        ("system_cpu_throttled_seconds", "Seconds the quota held processes back.", cpu.throttled_seconds_total),
        ("system_cpu_periods", "Quota periods.", cpu.periods_total),
        ("system_cpu_throttled_periods", "Quota periods with throttling.", cpu.throttled_periods_total),
    )
    for name, text, value in counters:
        yield _counter(name, text, ("scope",), ((scope, value),))
    scope = (memory.scope,)
    yield _gauge(
        "system_memory_working_set_bytes",
        "Memory that cannot be reclaimed at once.",
        ("scope",),
        ((scope, memory.working_set_bytes),),
    )
    yield _gauge("system_memory_limit_bytes", "Memory at most.", ("scope",), ((scope, memory.limit_bytes),))
    yield _counter(
        "system_memory_events",
        "Times memory ran into a limit, by kind.",
        ("scope", "event"),
        (((*scope, event), count) for event, count in memory.events.items()),
    )
    pressures = resources.pressures(cgroup)
    yield _counter(
        "system_pressure_waiting_seconds",
        "Seconds in which some task waited for the resource.",
        ("resource",),
        (((pressure.resource,), pressure.waiting_seconds_total) for pressure in pressures),
    )
    yield _counter(
        "system_pressure_stalled_seconds",
        "Seconds in which every task waited for the resource.",
        ("resource",),
        (((pressure.resource,), pressure.stalled_seconds_total) for pressure in pressures),
    )
    processes, threads = resources.process_counts()
    yield _gauge("system_processes", "Processes on the machine.", (), (((), processes),))
    yield _gauge("system_threads", "Threads on the machine.", (), (((), threads),))


def group_metrics(groups: Iterable[resources.GroupUse]) -> Iterator[Metric]:
    """Yield what groups of processes use; children are invisible to `process_*`."""
    uses = tuple(groups)
    yield _counter(
        "group_cpu_seconds", "CPU seconds used.", ("group",), (((use.group,), use.cpu_seconds) for use in uses)
    )
    gauges: tuple[tuple[str, str, Callable[[resources.GroupUse], float]], ...] = (
        ("group_resident_bytes", "Resident memory.", lambda use: use.resident_bytes),
        ("group_open_fds", "Open file descriptors.", lambda use: use.open_fds),
        ("group_processes", "Processes.", lambda use: use.processes),
    )
    for name, text, value in gauges:
        yield _gauge(name, text, ("group",), (((use.group,), value(use)) for use in uses))
