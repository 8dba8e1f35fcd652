"""Overview: one look that says whether anybody has to do anything, in the order in which an operator asks."""

from typing import Final

from panels import ORANGE, RED, TEXT, Kind, Panel, Query, Row
from promql import happened, per_second, quantile
from shell import Board

AGE: Final = "time() - max by (dataset) (headgate_dataset_last_success_timestamp_seconds{$sel} > 0)"

FRESH: Final = Row(
    title="Is the data fresh?",
    panels=(
        Panel(
            title="Alerts that fire",
            description="Anything but 0: open Prometheus' alerts; each links to its section of the runbooks.",
            unit="none",
            kind=Kind.STAT,
            steps=((1, RED),),
            span=4,
            queries=(
                Query(
                    expr='count(ALERTS{$sel, alertstate="firing", alertname=~"Headgate.+"}) or vector(0)',
                    legend="firing",
                ),
            ),
        ),
        Panel(
            title="Instances that do not answer",
            description="Anything but 0: look at the daemon's log and at `systemctl status headgate` on that machine.",
            unit="none",
            kind=Kind.STAT,
            steps=((1, RED),),
            span=4,
            queries=(Query(expr="count(up{$sel} == 0) or vector(0)", legend="down"),),
        ),
        Panel(
            title="Datasets past their freshness target",
            description="Each waits for a file that should have come: ask its sender, then look at what was refused.",
            unit="none",
            kind=Kind.STAT,
            steps=((1, RED),),
            span=4,
            queries=(
                Query(
                    expr=f"count(({AGE}) > max by (dataset) (headgate_dataset_freshness_target_seconds{{$sel}} > 0)) "
                    "or vector(0)",
                    legend="stale",
                ),
            ),
        ),
        Panel(
            title="Age of the last load",
            description="Time since each dataset was last loaded; one that was never loaded is not here. "
            "A dataset whose bar is longer than its sender's rhythm: open Ingestion by dataset.",
            unit="s",
            kind=Kind.BARS,
            steps=((86_400, ORANGE), (172_800, RED)),
            span=12,
            queries=(Query(expr=AGE, legend="{{dataset}}"),),
        ),
    ),
)

WAITING: Final = Row(
    title="Is anything waiting?",
    panels=(
        Panel(
            title="Jobs that wait or run",
            description="A line that only climbs: more comes in than goes out. Look at the workers below; add some.",
            unit="none",
            queries=(Query(expr="max by (job) (headgate_backlog_jobs{$sel})", legend="{{job}}"),),
        ),
        Panel(
            title="Waiting time of the oldest job",
            description="Grows while nothing is finished: are the workers busy, is the database the neck? "
            "`headgate jobs --state running` names the job.",
            unit="s",
            steps=((600, ORANGE), (1800, RED)),
            queries=(
                Query(
                    expr="max(time() - (headgate_backlog_oldest_timestamp_seconds{$sel} > 0)) or vector(0)",
                    legend="oldest",
                ),
            ),
        ),
        Panel(
            title="Bytes that wait",
            description="Few jobs and many bytes: one big workbook is at work; give it time before you add workers.",
            unit="bytes",
            span=4,
            queries=(Query(expr="max by (job) (headgate_backlog_bytes{$sel})", legend="{{job}}"),),
        ),
        Panel(
            title="Dead jobs",
            description="Jobs that used up their attempts and wait for a person: `headgate jobs --state dead`.",
            unit="none",
            kind=Kind.STAT,
            steps=((1, RED),),
            span=4,
            queries=(Query(expr="max(headgate_dead_jobs{$sel})", legend="dead"),),
        ),
    ),
)

REFUSED: Final = Row(
    title="What was refused, and why?",
    panels=(
        Panel(
            title="Jobs that ended, by outcome",
            description="rejected is the sender's fault, dead is ours. Many of either: open Ingestion by dataset.",
            unit="none",
            kind=Kind.COLUMNS,
            queries=(happened("headgate_ingest_jobs_total", by="outcome"),),
            nothing="no job ended",
        ),
        Panel(
            title="Errors in workbooks, by code",
            description="docs/errors.md says of every code what causes it and what the sender has to do.",
            unit="none",
            kind=Kind.COLUMNS,
            queries=(happened("headgate_ingest_rejects_total", by="code"),),
            nothing="no errors",
        ),
        Panel(
            title="Rows unaccounted for",
            description="Rows read less those loaded, rejected, blank and so on. Must be 0; anything else is a defect "
            "in what is counted: keep the log and the workbook and report it.",
            unit="none",
            kind=Kind.STAT,
            steps=((1, RED),),
            span=8,
            queries=(
                Query(
                    expr='abs(sum(increase(headgate_ingest_rows_total{$sel, result="read"}[$__range])) '
                    '- sum(increase(headgate_ingest_rows_total{$sel, result!="read"}[$__range])))',
                    legend="rows",
                ),
            ),
            decimals=0,
        ),
    ),
)

BUSY: Final = Row(
    title="Are the workers busy? Is the database the neck?",
    panels=(
        Panel(
            title="Workers busy",
            description="At 100 % for long while jobs wait: raise executors.cpu_workers, or give the machine cores.",
            unit="percentunit",
            steps=((0.8, ORANGE), (0.95, RED)),
            top=1,
            queries=(
                Query(
                    expr="sum by (pool) (rate(headgate_executor_busy_seconds_total{$sel}[$rate])) "
                    "/ sum by (pool) (headgate_executor_workers_max{$sel})",
                    legend="{{pool}}",
                ),
            ),
        ),
        Panel(
            title="Database connections in use",
            description="Near 100 % with callers waiting: open Database pool; a slow database or a leak holds them.",
            unit="percentunit",
            steps=((0.8, ORANGE), (0.95, RED)),
            top=1,
            queries=(
                Query(
                    expr='max by (instance) (headgate_db_pool_connections{$sel, state="used"}) '
                    "/ max by (instance) (headgate_db_pool_max{$sel})",
                    legend="{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Wait for a worker and for a connection",
            description="Which of the two is longer is the neck. 95 % of the waits were shorter than this.",
            unit="s",
            queries=(
                Query(expr=quantile(0.95, "headgate_executor_queue_wait_seconds", by="pool"), legend="{{pool}} worker"),
                Query(
                    expr=quantile(0.95, "headgate_db_pool_wait_seconds", where=', outcome="ok"'), legend="connection"
                ),
            ),
        ),
    ),
)

ALIVE: Final = Row(
    title="Is the loop alive? Is the machine well?",
    panels=(
        Panel(
            title="Silence of the main loop",
            description="Time since the loop last moved. Beyond the drawn limit /-/healthy fails: the log names what "
            "ran last; a restart gives its jobs back.",
            unit="s",
            limit="min(headgate_loop_stall_limit_seconds{$sel})",
            queries=(
                Query(
                    expr="max by (instance) (time() - headgate_loop_heartbeat_timestamp_seconds{$sel})",
                    legend="{{instance}}",
                ),
            ),
        ),
        Panel(
            title="CPU in use",
            description="Share of the cores that may be used; the threshold is the configured one. Open Resources.",
            unit="percentunit",
            top=1,
            limit='min(headgate_threshold_ratio{$sel, resource="cpu"})',
            queries=(
                Query(
                    expr="sum by (instance) (rate(headgate_system_cpu_seconds_total{$sel}[$rate])) "
                    "/ sum by (instance) (headgate_system_cpu_limit_cores{$sel})",
                    legend="{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Memory in use",
            description="Share of the memory that may be used; the threshold is the configured one. Open Resources.",
            unit="percentunit",
            top=1,
            limit='min(headgate_threshold_ratio{$sel, resource="memory"})',
            queries=(
                Query(
                    expr="sum by (instance) (headgate_system_memory_working_set_bytes{$sel}) "
                    "/ sum by (instance) (headgate_system_memory_limit_bytes{$sel})",
                    legend="{{instance}}",
                ),
            ),
        ),
    ),
)

ITSELF: Final = Row(
    title="Is Headgate itself well?",
    panels=(
        Panel(
            title="Collectors that failed",
            description="What they measure is missing from every panel; the log says why. Open Headgate itself.",
            unit="none",
            kind=Kind.STAT,
            steps=((1, RED),),
            queries=(Query(expr="count(headgate_scrape_collector_success{$sel} == 0) or vector(0)", legend="failed"),),
        ),
        Panel(
            title="Configuration",
            description="Refused: the old one is still in force; `headgate check` says what is wrong with the new one.",
            unit="none",
            kind=Kind.STAT,
            base=RED,
            steps=((1, "green"),),
            words={"0": "refused", "1": "in force"},
            queries=(Query(expr="min(headgate_config_last_reload_successful{$sel})", legend="configuration"),),
        ),
        Panel(
            title="Rows taken in",
            description="Rows read in a second: the flow that all of this is about. For long none: ask whether "
            "anything is sent.",
            unit="rps",
            base=TEXT,
            queries=(per_second("headgate_ingest_rows_total", by="job", where=', result="read"'),),
        ),
    ),
)

OVERVIEW: Final = Board(
    slug="overview",
    title="Overview",
    description="Is the data fresh, is anything waiting, what was refused, who is the neck",
    rows=(FRESH, WAITING, REFUSED, BUSY, ALIVE, ITSELF),
)
