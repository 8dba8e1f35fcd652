"""Headgate itself: the main loop, the process, the scrape and what is installed."""

from typing import Final

from colours import GREEN, ORANGE, RED
from panels import BYTES, COUNT, PER_SECOND, SECONDS, Column, Query, Row, columns, lines, shares, table
from promql import by_label, grown, happened, per_second, quantiles
from shell import Board

BEAT: Final = "headgate_loop_heartbeat_timestamp_seconds"

LOOP: Final = Row(
    title="Is the loop alive?",
    panels=(
        lines(
            "Silence of the main loop",
            "At the scrape. Beyond the dashed limit /-/healthy fails. The log names what ran last; a restart gives its "
            "jobs back.",
            Query(
                expr=f"max by (instance) (headgate_clock_timestamp_seconds{{$sel}} - {BEAT}{{$sel}})",
                legend="{{instance}}",
            ),
            unit=SECONDS,
            limit="min(headgate_loop_stall_limit_seconds{$sel})",
        ),
        lines(
            "How late the loop wakes up",
            "Above a tenth of a second: something computes on the loop, or the machine has no CPU to give.",
            *quantiles("headgate_loop_lag_seconds"),
            unit=SECONDS,
            steps=((0.1, ORANGE), (1, RED)),
        ),
        columns(
            "Times the loop was held up",
            "Together with a low CPU: a blocking call; the log names it.",
            happened("headgate_loop_slow_callbacks_total", by="instance"),
        ),
        lines(
            "Tasks on the loop",
            "Grows without end: requests or jobs that never finish.",
            by_label("instance", "headgate_loop_tasks"),
        ),
    ),
)

PROCESS: Final = Row(
    title="The daemon's process, its workers not included",
    panels=(
        lines(
            "CPU",
            "Cores in use by the daemon's own process: it parses nothing, so little is right.",
            per_second("process_cpu_seconds_total", by="instance"),
            unit=COUNT,
            decimals=2,
        ),
        lines(
            "Memory",
            "Resident. A line that only climbs over days is a leak: report it.",
            by_label("instance", "process_resident_memory_bytes"),
            unit=BYTES,
        ),
        shares(
            "Open files, of those allowed",
            "At 100 % the daemon takes no connection any more: raise LimitNOFILE of the unit.",
            Query(
                expr="max by (instance) (process_open_fds{$sel} / process_max_fds{$sel})",
                legend="{{instance}}",
            ),
        ),
        lines(
            "Garbage collections",
            "By generation. Many of generation 2 cost CPU: something makes objects in a loop.",
            per_second("python_gc_collections_total", by="generation"),
            Query(expr="sum(rate(python_gc_objects_uncollectable_total{$sel}[$rate]))", legend="not collectable"),
            unit=PER_SECOND,
        ),
    ),
)

SCRAPE: Final = Row(
    title="Is it measured well?",
    panels=(
        lines(
            "Time of a scrape",
            "Near Prometheus' scrape timeout, series begin to miss: see which collector is slow.",
            by_label("instance", "scrape_duration_seconds", fold="max"),
            unit=SECONDS,
            steps=((1, ORANGE), (5, RED)),
        ),
        lines(
            "Time of each collector",
            "The slow one is what the scrape waits for.",
            by_label("collector", "headgate_scrape_collector_duration_seconds", fold="max"),
            unit=SECONDS,
        ),
        table(
            "Collectors that failed",
            "What they measure is missing from every panel; the log says why.",
            {"failed": "min by (instance, collector) (headgate_scrape_collector_success{$sel}) == 0"},
            (
                Column(title="Instance", source="instance"),
                Column(title="Collector", source="collector"),
            ),
            span=12,
            height=6,
            nothing="none failed",
        ),
        lines(
            "Series",
            "Exported by each instance. Above 1,500: a label has run away.",
            by_label("instance", "scrape_samples_scraped", fold="max"),
            steps=((1500, ORANGE), (3000, RED)),
            height=6,
        ),
    ),
)

SETUP: Final = Row(
    title="What runs?",
    panels=(
        table(
            "Instances",
            "On different versions longer than an upgrade takes: finish it. A start nobody knows of: look at the "
            "journal for what ended the process. Configuration refused: `headgate check` says what is wrong.",
            {
                "up": "max by (instance) (up{$sel})",
                "build": "max by (instance, version, python, host) (headgate_build_info{$sel})",
                "start": "1000 * max by (instance) (process_start_time_seconds{$sel})",
                "ok": "min by (instance) (headgate_config_last_reload_successful{$sel})",
                "taken": "1000 * max by (instance) (headgate_config_last_reload_success_timestamp_seconds{$sel})",
                "virtual": "max by (instance) (process_virtual_memory_bytes{$sel})",
                "held up": grown("headgate_loop_slow_callbacks_total", "$__range", by="instance"),
            },
            (
                Column(title="Instance", source="instance"),
                Column(
                    title="State", source="up", words={"0": "down", "1": "up"}, steps=((0, RED), (1, GREEN)), width=60
                ),
                Column(title="Machine", source="host", width=110),
                Column(title="Version", source="version", width=75),
                Column(title="Python", source="python", width=75),
                Column(title="Running since", source="start", unit="dateTimeFromNow", width=125),
                Column(
                    title="Configuration",
                    source="ok",
                    words={"0": "refused", "1": "in force"},
                    width=115,
                    steps=((0, RED), (1, GREEN)),
                ),
                Column(title="Taken", source="taken", unit="dateTimeFromNow", width=125),
                Column(title="Virtual memory", source="virtual", unit=BYTES, width=125),
                Column(title="Loop held up", source="held up", decimals=0, width=110),
            ),
            height=6,
        ),
    ),
)

ITSELF: Final = Board(
    slug="itself",
    title="Headgate itself",
    description="The main loop, the process, the scrape and what is installed",
    rows=(LOOP, PROCESS, SCRAPE, SETUP),
)
