"""Executors: worker processes and threads, what they do and what waits for them."""

from typing import Final

from panels import ORANGE, RED, TEXT, Kind, Panel, Query, Row
from promql import happened, quantile
from shell import Board

WORKERS_BUSY: Final = Panel(
    title="Share of the workers' time that is used",
    description="Of the workers that may run. At 100 % while tasks wait: raise executors.cpu_workers or "
    "executors.io_workers, or give the machine cores.",
    unit="percentunit",
    top=1,
    steps=((0.8, ORANGE), (0.95, RED)),
    queries=(
        Query(
            expr="sum by (pool) (rate(headgate_executor_busy_seconds_total{$sel}[$rate])) "
            "/ sum by (pool) (headgate_executor_workers_max{$sel})",
            legend="{{pool}}",
        ),
    ),
)

BUSY: Final = Row(
    title="Are the workers busy?",
    panels=(
        WORKERS_BUSY,
        Panel(
            title="Worker processes",
            description="Workers start on demand and end when idle; the drawn limit is how many there may be.",
            unit="none",
            kind=Kind.STACK,
            limit='sum(headgate_executor_workers_max{$sel, pool="cpu"})',
            queries=(Query(expr='sum by (state) (headgate_executor_workers{$sel, pool="cpu"})', legend="{{state}}"),),
        ),
        Panel(
            title="Threads",
            description="Threads that wait for files. All busy for long: a disk or a network share is slow.",
            unit="none",
            kind=Kind.STACK,
            limit='sum(headgate_executor_workers_max{$sel, pool="io"})',
            queries=(Query(expr='sum by (state) (headgate_executor_workers{$sel, pool="io"})', legend="{{state}}"),),
        ),
    ),
)

TASKS_THAT_WAIT: Final = Panel(
    title="Tasks that wait",
    description="At the drawn limit new tasks wait for a place, then are refused: add workers before that.",
    unit="none",
    limit="min(headgate_executor_queue_limit{$sel})",
    queries=(Query(expr="sum by (pool) (headgate_executor_queued{$sel})", legend="{{pool}}"),),
)

QUEUE: Final = Row(
    title="Does anything wait for them?",
    panels=(
        TASKS_THAT_WAIT,
        Panel(
            title="Waiting time of the oldest task",
            description="Grows without end: the pool is stuck. Look at the log for workers that do not start.",
            unit="s",
            steps=((30, ORANGE), (60, RED)),
            queries=(
                Query(
                    expr="max by (pool) (time() - (headgate_executor_oldest_queued_timestamp_seconds{$sel} > 0)) "
                    "or max by (pool) (headgate_executor_oldest_queued_timestamp_seconds{$sel})",
                    legend="{{pool}}",
                ),
            ),
        ),
        Panel(
            title="Wait for a worker, 95 % are below",
            description="What a file pays for all workers being busy. Longer than a file takes: add workers.",
            unit="s",
            queries=(Query(expr=quantile(0.95, "headgate_executor_queue_wait_seconds", by="pool"), legend="{{pool}}"),),
        ),
    ),
)

TASKS: Final = Row(
    title="What became of the tasks?",
    panels=(
        Panel(
            title="Tasks that ended, by outcome",
            description="timeout and crashed cost a worker each: `headgate jobs` names the files.",
            unit="none",
            kind=Kind.COLUMNS,
            queries=(happened("headgate_executor_tasks_total", by="outcome"),),
            nothing="no task ended",
        ),
        Panel(
            title="Tasks that failed, by kind",
            description="Everything but ok: which kind of work fails. The log has each failure with its reason.",
            unit="none",
            kind=Kind.COLUMNS,
            queries=(happened("headgate_executor_tasks_total", by="kind", where=', outcome!="ok"'),),
            nothing="none failed",
        ),
        Panel(
            title="Time of a task, 95 % are below",
            description="By kind. One that nears executors.task_timeout_seconds will be killed there.",
            unit="s",
            queries=(
                Query(
                    expr=quantile(0.95, "headgate_executor_task_duration_seconds", by="pool, kind"),
                    legend="{{pool}} {{kind}}",
                ),
            ),
        ),
    ),
)

WORKERS: Final = Row(
    title="Are the worker processes healthy?",
    panels=(
        Panel(
            title="Workers ended, by reason",
            description="recycle and idle are as intended. crash, memory, timeout: a file or a task does it; a job "
            "whose content crashes workers twice is given up.",
            unit="none",
            kind=Kind.COLUMNS,
            queries=(happened("headgate_executor_worker_restarts_total", by="reason"),),
            nothing="none ended",
        ),
        Panel(
            title="Most memory held during a task",
            description="Near executors.worker_memory_mb big files will fail: raise it, or ask for smaller files.",
            unit="bytes",
            base=TEXT,
            queries=(
                Query(expr=quantile(0.5, "headgate_executor_worker_peak_resident_bytes"), legend="half are below"),
                Query(expr=quantile(0.99, "headgate_executor_worker_peak_resident_bytes"), legend="99 % are below"),
            ),
        ),
        Panel(
            title="CPU of the worker processes",
            description="Cores in use by the workers. Busy workers that use little CPU wait for a disk.",
            unit="none",
            decimals=2,
            queries=(
                Query(
                    expr='sum by (group) (rate(headgate_group_cpu_seconds_total{$sel, group="cpu_workers"}[$rate]))',
                    legend="{{group}}",
                ),
            ),
        ),
    ),
)

EXECUTORS: Final = Board(
    slug="executors",
    title="Executors",
    description="Worker processes and threads, what they do and what waits for them",
    rows=(BUSY, QUEUE, TASKS, WORKERS),
)
