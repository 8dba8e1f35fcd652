"""Headgate itself: the main loop, the process, the scrape and what is installed."""

from typing import Final

from panels import GREEN, ORANGE, RED, TEXT, Kind, Panel, Query, Row
from promql import per_second, quantiles
from shell import Board

SILENCE_OF_THE_LOOP: Final = Panel(
    title="Silence of the main loop",
    description="Beyond the drawn limit /-/healthy fails. The log names what ran last; a restart gives its jobs back.",
    unit="s",
    limit="min(headgate_loop_stall_limit_seconds{$sel})",
    queries=(
        Query(
            expr="max by (instance) (time() - headgate_loop_heartbeat_timestamp_seconds{$sel})",
            legend="{{instance}}",
        ),
    ),
)

LOOP: Final = Row(
    title="Is the loop alive?",
    panels=(
        SILENCE_OF_THE_LOOP,
        Panel(
            title="How late the loop wakes up",
            description="Above a tenth of a second: something computes on the loop, or the machine has no CPU to give.",
            unit="s",
            steps=((0.1, ORANGE), (1, RED)),
            queries=quantiles("headgate_loop_lag_seconds"),
        ),
        Panel(
            title="Times the loop was held up",
            description="A second. Together with a low CPU: a blocking call; the log names it.",
            unit="ops",
            span=4,
            queries=(per_second("headgate_loop_slow_callbacks_total", by="instance"),),
        ),
        Panel(
            title="Tasks on the loop",
            description="Grows without end: requests or jobs that never finish.",
            unit="none",
            base=TEXT,
            span=4,
            queries=(Query(expr="sum by (instance) (headgate_loop_tasks{$sel})", legend="{{instance}}"),),
        ),
    ),
)

PROCESS: Final = Row(
    title="The daemon's process, its workers not included",
    panels=(
        Panel(
            title="Running since",
            description="A start nobody knows of: look at the journal for what ended the process before.",
            unit="dateTimeFromNow",
            kind=Kind.STAT,
            base=TEXT,
            span=4,
            queries=(Query(expr="1000 * min(process_start_time_seconds{$sel})", legend="start"),),
        ),
        Panel(
            title="CPU",
            description="Cores in use by the daemon's own process: it parses nothing, so little is right.",
            unit="none",
            decimals=2,
            span=5,
            queries=(per_second("process_cpu_seconds_total", by="instance"),),
        ),
        Panel(
            title="Memory",
            description="A line that only climbs over days is a leak: report it.",
            unit="bytes",
            base=TEXT,
            span=5,
            queries=(
                Query(expr="sum by (instance) (process_resident_memory_bytes{$sel})", legend="resident, {{instance}}"),
                Query(expr="sum by (instance) (process_virtual_memory_bytes{$sel})", legend="virtual, {{instance}}"),
            ),
        ),
        Panel(
            title="Open files",
            description="At the drawn limit the daemon takes no connection any more: raise LimitNOFILE of the unit.",
            unit="none",
            span=5,
            limit="min(process_max_fds{$sel})",
            queries=(Query(expr="sum by (instance) (process_open_fds{$sel})", legend="{{instance}}"),),
        ),
        Panel(
            title="Garbage collections",
            description="A second, by generation. Many of generation 2 cost CPU: something makes objects in a loop.",
            unit="ops",
            base=TEXT,
            span=5,
            queries=(
                per_second("python_gc_collections_total", by="generation"),
                Query(expr="sum(rate(python_gc_objects_uncollectable_total{$sel}[$rate]))", legend="not collectable"),
            ),
        ),
    ),
)

SCRAPE: Final = Row(
    title="Is it measured well?",
    panels=(
        Panel(
            title="Time of a scrape",
            description="Near Prometheus' scrape timeout, series begin to miss: see which collector is slow.",
            unit="s",
            steps=((1, ORANGE), (5, RED)),
            queries=(Query(expr="max by (instance) (scrape_duration_seconds{$sel})", legend="{{instance}}"),),
        ),
        Panel(
            title="Time of each collector",
            description="The slow one is what the scrape waits for.",
            unit="s",
            queries=(
                Query(
                    expr="max by (collector) (headgate_scrape_collector_duration_seconds{$sel})",
                    legend="{{collector}}",
                ),
            ),
        ),
        Panel(
            title="Collectors",
            description="One that failed leaves its metrics out; the log says why.",
            unit="none",
            kind=Kind.STAT,
            base=RED,
            steps=((1, GREEN),),
            words={"0": "failed", "1": "fine"},
            queries=(
                Query(expr="min by (collector) (headgate_scrape_collector_success{$sel})", legend="{{collector}}"),
            ),
        ),
        Panel(
            title="Series",
            description="Exported by each instance. Above 1,500: a label has run away.",
            unit="none",
            steps=((1500, ORANGE), (3000, RED)),
            span=24,
            height=5,
            queries=(Query(expr="max by (instance) (scrape_samples_scraped{$sel})", legend="{{instance}}"),),
        ),
    ),
)

SETUP: Final = Row(
    title="What runs?",
    panels=(
        Panel(
            title="Versions",
            description="Instances on different versions longer than an upgrade takes: finish it.",
            unit="none",
            kind=Kind.TABLE,
            base=TEXT,
            span=12,
            queries=(
                Query(expr="count by (instance, version, python) (headgate_build_info{$sel})", legend="instances"),
            ),
        ),
        Panel(
            title="Configuration",
            description="Refused: the old one is still in force; `headgate check` says what is wrong with the new one.",
            unit="none",
            kind=Kind.STAT,
            base=RED,
            steps=((1, GREEN),),
            words={"0": "refused", "1": "in force"},
            span=6,
            queries=(
                Query(expr="min by (instance) (headgate_config_last_reload_successful{$sel})", legend="{{instance}}"),
            ),
        ),
        Panel(
            title="Configuration taken",
            description="Older than your last change: send SIGHUP, or POST /-/reload.",
            unit="dateTimeFromNow",
            kind=Kind.STAT,
            base=TEXT,
            span=6,
            queries=(
                Query(
                    expr="1000 * min by (instance) (headgate_config_last_reload_success_timestamp_seconds{$sel})",
                    legend="{{instance}}",
                ),
            ),
        ),
    ),
)

ITSELF: Final = Board(
    slug="itself",
    title="Headgate itself",
    description="The main loop, the process, the scrape and what is installed",
    rows=(LOOP, PROCESS, SCRAPE, SETUP),
)
