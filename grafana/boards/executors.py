"""Executors: worker processes and threads, what they do and what waits for them."""

from typing import Final

from colours import ORANGE, RED
from panels import BYTES, COUNT, SECONDS, Query, Row, columns, lines, shares, stack
from promql import age, by_label, happened, quantile, slowest
from shell import Board

OLDEST: Final = "headgate_executor_oldest_queued_timestamp_seconds"

BUSY: Final = Row(
    title="Are the workers busy?",
    panels=(
        shares(
            "Share of the workers' time that is used",
            "Of the workers that may run here. At 100 % while tasks wait: raise executors.cpu_workers or "
            "executors.io_workers, or give the machine cores.",
            Query(
                expr='sum by (pool) (rate(headgate_executor_busy_seconds_total{$sel, pool!="cluster"}[$rate])) '
                '/ sum by (pool) (headgate_executor_workers_max{$sel, pool!="cluster"})',
                legend="{{pool}}",
            ),
        ),
        shares(
            "Share of the processes' time that is used, by instance",
            "One instance busy and the others not: its folders get all the files.",
            Query(
                expr='sum by (instance) (rate(headgate_executor_busy_seconds_total{$sel, pool="cpu"}[$rate])) '
                '/ sum by (instance) (headgate_executor_workers_max{$sel, pool="cpu"})',
                legend="{{instance}}",
            ),
        ),
        stack(
            "Worker processes",
            "Of all instances. Workers start on demand and end when idle; the dashed limit is how many there may be.",
            by_label("state", "headgate_executor_workers", where=', pool="cpu"'),
            limit='sum(headgate_executor_workers_max{$sel, pool="cpu"})',
        ),
        stack(
            "Threads",
            "Of all instances; they wait for files. All busy for long: a disk or a network share is slow.",
            by_label("state", "headgate_executor_workers", where=', pool="io"'),
            limit='sum(headgate_executor_workers_max{$sel, pool="io"})',
        ),
    ),
)

QUEUE: Final = Row(
    title="Does anything wait for them?",
    panels=(
        lines(
            "Tasks that wait",
            "Of all instances. Climbs without end: add workers before the queue is full.",
            by_label("pool", "headgate_executor_queued"),
        ),
        shares(
            "Share of the queue that is used",
            "The fullest instance. At 100 % new tasks wait for a place, then are refused: add workers before that.",
            Query(
                expr="max by (pool) (headgate_executor_queued{$sel} / headgate_executor_queue_limit{$sel})",
                legend="{{pool}}",
            ),
        ),
        lines(
            "Waiting time of the oldest task",
            "Grows without end: the pool is stuck. Look at the log for workers that do not start; on a cluster, at the "
            "logs of its workers.",
            Query(
                expr=f"{age(OLDEST, by='pool')} or max by (pool) ({OLDEST}{{$sel}})",
                legend="{{pool}}",
            ),
            unit=SECONDS,
            steps=((30, ORANGE), (60, RED)),
        ),
        lines(
            "Wait for a worker, 95 % are below",
            "What a file pays for all workers being busy. Longer than a file takes: add workers.",
            slowest("headgate_executor_queue_wait_seconds", by="pool"),
            unit=SECONDS,
        ),
    ),
)

TASKS: Final = Row(
    title="What became of the tasks?",
    panels=(
        columns(
            "Tasks that ended, by outcome",
            "timeout and crashed cost a worker each: `headgate jobs` names the files.",
            happened("headgate_executor_tasks_total", by="outcome"),
        ),
        columns(
            "Tasks that failed, by kind",
            "Everything but ok: which kind of work fails. The log has each failure with its reason.",
            happened("headgate_executor_tasks_total", by="kind", where=', outcome!="ok"'),
        ),
        lines(
            "Time of a task, 95 % are below",
            "By kind. One that nears executors.task_timeout_seconds will be killed there.",
            slowest("headgate_executor_task_duration_seconds", by="pool, kind"),
            unit=SECONDS,
        ),
        columns(
            "Workers ended, by reason",
            "recycle and idle are as intended. crash, memory, timeout: a file or a task does it; a job whose content "
            "crashes workers twice is given up.",
            happened("headgate_executor_worker_restarts_total", by="reason"),
        ),
    ),
)

WORKERS: Final = Row(
    title="Are the worker processes healthy?",
    panels=(
        lines(
            "Most memory held during a task",
            "Near executors.worker_memory_mb big files will fail: raise it, or ask for smaller files.",
            Query(expr=quantile(0.5, "headgate_executor_worker_peak_resident_bytes"), legend="half are below"),
            Query(expr=quantile(0.99, "headgate_executor_worker_peak_resident_bytes"), legend="99 % are below"),
            unit=BYTES,
        ),
        lines(
            "CPU of the worker processes",
            "Cores in use by the workers of each instance. Busy workers that use little CPU wait for a disk.",
            Query(
                expr='sum by (instance) (rate(headgate_group_cpu_seconds_total{$sel, group="cpu_workers"}[$rate]))',
                legend="{{instance}}",
            ),
            unit=COUNT,
            decimals=2,
        ),
    ),
)

NO_CLUSTER: Final = "executors.engine is local"

CLUSTER: Final = Row(
    title="Is the cluster there?",
    panels=(
        lines(
            "The scheduler answers",
            "0: jobs wait, and go on by themselves. See to the Dask scheduler of executors.scheduler.",
            Query(expr="min by (instance) (headgate_cluster_up{$sel})", legend="{{instance}}"),
            nothing=NO_CLUSTER,
        ),
        lines(
            "Dask workers",
            "Those that do not fit run another version of Headgate, or none: no file goes there.",
            Query(expr="max by (fit) (headgate_cluster_workers{$sel})", legend="fit: {{fit}}"),
            nothing=NO_CLUSTER,
        ),
        lines(
            "Places of the cluster",
            "Of all daemons. All taken while tasks wait: start more workers.",
            Query(expr="max(headgate_cluster_places{$sel})", legend="places"),
            Query(expr="max(headgate_cluster_places_busy{$sel})", legend="busy"),
            Query(
                expr='sum(headgate_executor_workers{$sel, pool="cluster", state="busy"})',
                legend="busy for these instances",
            ),
            nothing=NO_CLUSTER,
        ),
        columns(
            "Connections to the scheduler that were lost",
            "Each sends the files that were parsed back to the queue.",
            happened("headgate_cluster_connections_lost_total", by="instance"),
        ),
    ),
)

EXECUTORS: Final = Board(
    slug="executors",
    title="Executors",
    description="Worker processes and threads, what they do and what waits for them",
    rows=(BUSY, QUEUE, TASKS, WORKERS, CLUSTER),
)
