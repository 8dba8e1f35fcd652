"""Resources: CPU, memory, pressure and disk of the control group or the machine, and of groups of processes."""

from typing import Final

from panels import ORANGE, RED, TEXT, Kind, Panel, Query, Row
from promql import happened
from shell import Board

CPU_IN_USE: Final = Panel(
    title="CPU in use",
    description="Share of the cores that may be used. Above the drawn threshold for long: fewer workers, or "
    "more cores.",
    unit="percentunit",
    top=1,
    limit='min(headgate_threshold_ratio{$sel, resource="cpu"})',
    queries=(
        Query(
            expr="sum by (instance, scope) (rate(headgate_system_cpu_seconds_total{$sel}[$rate])) "
            "/ sum by (instance, scope) (headgate_system_cpu_limit_cores{$sel})",
            legend="{{instance}} {{scope}}",
        ),
    ),
)

CPU: Final = Row(
    title="CPU",
    panels=(
        CPU_IN_USE,
        Panel(
            title="Cores in use",
            description="The drawn limit is the quota, or the machine's cores where there is none.",
            unit="none",
            decimals=2,
            limit="sum(headgate_system_cpu_limit_cores{$sel})",
            queries=(
                Query(
                    expr="sum by (instance) (rate(headgate_system_cpu_seconds_total{$sel}[$rate]))",
                    legend="{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Held back by the quota",
            description="Share of the quota's periods in which processes had to stop, and the seconds a second they "
            "stood. With tasks waiting: raise the quota.",
            unit="percentunit",
            steps=((0.25, ORANGE), (0.5, RED)),
            queries=(
                Query(
                    expr="sum by (instance) (rate(headgate_system_cpu_throttled_periods_total{$sel}[$rate])) "
                    "/ (sum by (instance) (rate(headgate_system_cpu_periods_total{$sel}[$rate])) > 0)",
                    legend="periods, {{instance}}",
                ),
                Query(
                    expr="sum by (instance) (rate(headgate_system_cpu_throttled_seconds_total{$sel}[$rate]))",
                    legend="seconds, {{instance}}",
                ),
            ),
        ),
    ),
)

MEMORY_IN_USE: Final = Panel(
    title="Memory in use",
    description="Share of the memory that may be used. Above the drawn threshold: fewer workers, or a lower "
    "executors.worker_memory_mb, before the kernel chooses.",
    unit="percentunit",
    top=1,
    limit='min(headgate_threshold_ratio{$sel, resource="memory"})',
    queries=(
        Query(
            expr="sum by (instance, scope) (headgate_system_memory_working_set_bytes{$sel}) "
            "/ sum by (instance, scope) (headgate_system_memory_limit_bytes{$sel})",
            legend="{{instance}} {{scope}}",
        ),
    ),
)

DISK_IN_USE: Final = Panel(
    title="The spool's disk in use",
    description="At 100 % uploads are answered with 507 and folders wait. Above the drawn threshold: delete "
    "what is not needed, or enlarge it.",
    unit="percentunit",
    top=1,
    span=24,
    height=5,
    limit='min(headgate_threshold_ratio{$sel, resource="disk"})',
    queries=(
        Query(
            expr="max by (instance) (1 - headgate_spool_disk_free_bytes{$sel} / headgate_spool_disk_size_bytes{$sel})",
            legend="{{instance}}",
        ),
    ),
)

MEMORY: Final = Row(
    title="Memory and disk",
    panels=(
        MEMORY_IN_USE,
        Panel(
            title="Working set",
            description="Memory that cannot be reclaimed at once, against the limit.",
            unit="bytes",
            limit="min(headgate_system_memory_limit_bytes{$sel})",
            queries=(
                Query(expr="sum by (instance) (headgate_system_memory_working_set_bytes{$sel})", legend="{{instance}}"),
            ),
        ),
        Panel(
            title="Times memory ran into a limit",
            description="oom_kill: the kernel killed a process; its job is repeated, then given up. Raise the limit.",
            unit="none",
            kind=Kind.COLUMNS,
            queries=(happened("headgate_system_memory_events_total", by="event"),),
            nothing="never",
        ),
        DISK_IN_USE,
    ),
)

PRESSURE: Final = Row(
    title="Pressure",
    panels=(
        Panel(
            title="Some task waited for it",
            description="Share of time in which work waited for CPU, memory or disk (PSI). The highest is the neck.",
            unit="percentunit",
            steps=((0.4, ORANGE), (0.8, RED)),
            queries=(
                Query(
                    expr="max by (resource) (rate(headgate_system_pressure_waiting_seconds_total{$sel}[$rate]))",
                    legend="{{resource}}",
                ),
            ),
            nothing="the kernel does not count it",
        ),
        Panel(
            title="Every task waited for it",
            description="Share of time in which nothing moved. Memory above a few percent: the machine is thrashing.",
            unit="percentunit",
            steps=((0.05, ORANGE), (0.2, RED)),
            queries=(
                Query(
                    expr="max by (resource) (rate(headgate_system_pressure_stalled_seconds_total{$sel}[$rate]))",
                    legend="{{resource}}",
                ),
            ),
            nothing="the kernel does not count it",
        ),
        Panel(
            title="Processes and threads of the machine",
            description="A line that only climbs: something starts processes and does not end them.",
            unit="none",
            base=TEXT,
            queries=(
                Query(expr="sum by (instance) (headgate_system_processes{$sel})", legend="processes, {{instance}}"),
                Query(expr="sum by (instance) (headgate_system_threads{$sel})", legend="threads, {{instance}}"),
            ),
        ),
    ),
)

GROUPS: Final = Row(
    title="Who uses it?",
    panels=(
        Panel(
            title="CPU by group",
            description="Cores in use by the daemon, its workers and the watched application processes.",
            unit="none",
            decimals=2,
            span=6,
            kind=Kind.STACK,
            queries=(
                Query(expr="sum by (group) (rate(headgate_group_cpu_seconds_total{$sel}[$rate]))", legend="{{group}}"),
            ),
        ),
        Panel(
            title="Resident memory by group",
            description="Pages that processes share are counted in each: the sum may exceed the working set.",
            unit="bytes",
            span=6,
            kind=Kind.STACK,
            queries=(Query(expr="sum by (group) (headgate_group_resident_bytes{$sel})", legend="{{group}}"),),
        ),
        Panel(
            title="Open files by group",
            description="A line that only climbs is a leak; a restart helps for now, report it.",
            unit="none",
            span=6,
            queries=(Query(expr="sum by (group) (headgate_group_open_fds{$sel})", legend="{{group}}"),),
        ),
        Panel(
            title="Processes by group",
            description="Workers come and go; the daemon is one, with its fork server.",
            unit="none",
            span=6,
            queries=(Query(expr="sum by (group) (headgate_group_processes{$sel})", legend="{{group}}"),),
        ),
    ),
)

RESOURCES: Final = Board(
    slug="resources",
    title="Resources",
    description="CPU, memory, pressure and disk, and who uses them",
    rows=(CPU, MEMORY, PRESSURE, GROUPS),
)
