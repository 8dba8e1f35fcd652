"""Resources: CPU, memory, pressure and disk of the control group or the machine, and of groups of processes."""

from typing import Final

from colours import ORANGE, RED
from panels import BYTES, COUNT, SECONDS, SHARE, Query, Row, columns, lines, shares, stack
from promql import by_label, happened, per_second
from shell import Board

CPU: Final = Row(
    title="CPU",
    panels=(
        shares(
            "CPU in use",
            "Share of the cores that may be used. Above the dashed threshold for long: fewer workers, or more cores.",
            Query(
                expr="sum by (instance, scope) (rate(headgate_system_cpu_seconds_total{$sel}[$rate])) "
                "/ sum by (instance, scope) (headgate_system_cpu_limit_cores{$sel})",
                legend="{{instance}} {{scope}}",
            ),
            limit='min(headgate_threshold_ratio{$sel, resource="cpu"})',
        ),
        lines(
            "Cores in use",
            "The dashed limit is the quota of each instance, or the machine's cores where there is none.",
            Query(
                expr="sum by (instance) (rate(headgate_system_cpu_seconds_total{$sel}[$rate]))", legend="{{instance}}"
            ),
            limit="min(headgate_system_cpu_limit_cores{$sel})",
            decimals=2,
        ),
        lines(
            "Held back by the quota",
            "Share of the quota's periods in which processes had to stop, and the seconds a second they stood. With "
            "tasks waiting: raise the quota.",
            Query(
                expr="sum by (instance) (rate(headgate_system_cpu_throttled_periods_total{$sel}[$rate])) "
                "/ (sum by (instance) (rate(headgate_system_cpu_periods_total{$sel}[$rate])) > 0)",
                legend="periods, {{instance}}",
            ),
            Query(
                expr="sum by (instance) (rate(headgate_system_cpu_throttled_seconds_total{$sel}[$rate]))",
                legend="time, {{instance}}",
            ),
            unit=SHARE,
            decimals=1,
            soft_top=1,
            steps=((0.25, ORANGE), (0.5, RED)),
            nothing="no quota",
        ),
        stack(
            "CPU by group",
            "Cores in use by the daemons, their workers and the watched application processes.",
            per_second("headgate_group_cpu_seconds_total", by="group"),
            unit=COUNT,
            decimals=2,
        ),
    ),
)

MEMORY: Final = Row(
    title="Memory and disk",
    panels=(
        shares(
            "Memory in use",
            "Share of the memory that may be used. Above the dashed threshold: fewer workers, or a lower "
            "executors.worker_memory_mb, before the kernel chooses.",
            Query(
                expr="sum by (instance, scope) (headgate_system_memory_working_set_bytes{$sel}) "
                "/ sum by (instance, scope) (headgate_system_memory_limit_bytes{$sel})",
                legend="{{instance}} {{scope}}",
            ),
            limit='min(headgate_threshold_ratio{$sel, resource="memory"})',
        ),
        stack(
            "Resident memory by group",
            "Pages that processes share are counted in each: the sum may exceed the working set.",
            by_label("group", "headgate_group_resident_bytes"),
            unit=BYTES,
        ),
        columns(
            "Times memory ran into a limit",
            "oom_kill: the kernel killed a process; its job is repeated, then given up. Raise the limit.",
            happened("headgate_system_memory_events_total", by="event"),
        ),
        shares(
            "The spool's disk in use",
            "At 100 % uploads are answered with 507 and folders wait. Above the dashed threshold: delete what is not "
            "needed, or enlarge it.",
            Query(
                expr="max by (instance) "
                "(1 - headgate_spool_disk_free_bytes{$sel} / headgate_spool_disk_size_bytes{$sel})",
                legend="{{instance}}",
            ),
            limit='min(headgate_threshold_ratio{$sel, resource="disk"})',
        ),
    ),
)

SHARED_SPOOL: Final = Row(
    title="Shared spool",
    panels=(
        lines(
            "The shared spool answers",
            "0: uploads get 503, jobs whose file is not here wait. /-/ready says why; see to the storage of spool.url.",
            Query(expr="min by (instance) (headgate_spool_shared_up{$sel})", legend="{{instance}}"),
            nothing="no spool.url",
        ),
        columns(
            "Operations that failed",
            "They are tried again. Many beside few that were done: the storage is overloaded, or refuses.",
            happened("headgate_spool_shared_failures_total", by="operation"),
        ),
        lines(
            "Operations a second",
            "put and get move whole files; look comes every 15 s from each daemon.",
            per_second("headgate_spool_shared_operations_total", by="operation"),
            decimals=2,
            nothing="no spool.url",
        ),
        lines(
            "Seconds an operation takes",
            "Of put, which is waited for before a file is acknowledged, with its reading back.",
            Query(
                expr="sum by (operation) (rate(headgate_spool_shared_seconds_total{$sel}[$rate])) "
                "/ (sum by (operation) (rate(headgate_spool_shared_operations_total{$sel}[$rate])) > 0)",
                legend="{{operation}}",
            ),
            unit=SECONDS,
            decimals=2,
            nothing="no spool.url",
        ),
    ),
)

PRESSURE: Final = Row(
    title="Pressure",
    panels=(
        lines(
            "Some task waited for it",
            "Share of time in which work waited for CPU, memory or disk (PSI). The highest is the neck.",
            Query(
                expr="max by (resource) (rate(headgate_system_pressure_waiting_seconds_total{$sel}[$rate]))",
                legend="{{resource}}",
            ),
            unit=SHARE,
            decimals=1,
            soft_top=1,
            steps=((0.4, ORANGE), (0.8, RED)),
            nothing="the kernel does not count it",
        ),
        lines(
            "Every task waited for it",
            "Share of time in which nothing moved. Memory above a few percent: the machine is thrashing.",
            Query(
                expr="max by (resource) (rate(headgate_system_pressure_stalled_seconds_total{$sel}[$rate]))",
                legend="{{resource}}",
            ),
            unit=SHARE,
            decimals=2,
            soft_top=0.1,
            steps=((0.05, ORANGE), (0.2, RED)),
            nothing="the kernel does not count it",
        ),
    ),
)

PROCESSES: Final = Row(
    title="Who uses it?",
    panels=(
        lines(
            "Open files by group",
            "A line that only climbs is a leak; a restart helps for now, report it.",
            by_label("group", "headgate_group_open_fds"),
        ),
        lines(
            "Processes by group",
            "Workers come and go; the daemon is one, with its fork server.",
            by_label("group", "headgate_group_processes"),
        ),
        lines(
            "Processes and threads of the machine",
            "A line that only climbs: something starts processes and does not end them.",
            Query(expr="max by (instance) (headgate_system_processes{$sel})", legend="processes, {{instance}}"),
            Query(expr="max by (instance) (headgate_system_threads{$sel})", legend="threads, {{instance}}"),
        ),
    ),
)

RESOURCES: Final = Board(
    slug="resources",
    title="Resources",
    description="CPU, memory, pressure and disk, and who uses them",
    rows=(CPU, MEMORY, SHARED_SPOOL, PRESSURE, PROCESSES),
)
