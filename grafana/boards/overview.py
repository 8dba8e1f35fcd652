"""Overview: one look that says whether anybody has to do anything, in the order in which an operator asks."""

from dataclasses import replace
from typing import Final

from panels import ORANGE, RED, TEXT, Kind, Panel, Query, Row
from promql import happened, per_second, quantile
from shell import Board

from .database import CALLERS_THAT_WAIT
from .executors import TASKS_THAT_WAIT, WORKERS_BUSY
from .ingestion import ERRORS_BY_CODE
from .itself import SILENCE_OF_THE_LOOP
from .resources import CPU_IN_USE, DISK_IN_USE, MEMORY_IN_USE

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
            base=TEXT,
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
        ERRORS_BY_CODE,
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
    title="Are the workers busy?",
    panels=(
        WORKERS_BUSY,
        TASKS_THAT_WAIT,
        Panel(
            title="Wait for a worker and for a connection, 95 % are below",
            description="Which of the two is longer is the neck: workers, or the database.",
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

DATABASE: Final = Row(
    title="Is the database the neck?",
    panels=(
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
        CALLERS_THAT_WAIT,
        Panel(
            title="Time of a load, 95 % are below",
            description="Of the transaction that puts rows into the target table. It grew: look at the table's "
            "indexes, at locks, and at the server's disk.",
            unit="s",
            queries=(Query(expr=quantile(0.95, "headgate_db_operation_seconds", where=', op="load"'), legend="load"),),
        ),
    ),
)

LOOP: Final = Row(
    title="Is the loop alive?",
    panels=(
        replace(SILENCE_OF_THE_LOOP, span=12),
        Panel(
            title="How late the loop wakes up, 99 % are below",
            description="Above a tenth of a second: something computes on the loop, or the machine has no CPU to give.",
            unit="s",
            span=12,
            steps=((0.1, ORANGE), (1, RED)),
            queries=(Query(expr=quantile(0.99, "headgate_loop_lag_seconds", by="instance"), legend="{{instance}}"),),
        ),
    ),
)

MACHINE: Final = Row(
    title="Is the machine well?",
    panels=(
        CPU_IN_USE,
        MEMORY_IN_USE,
        replace(DISK_IN_USE, span=8, height=7),
    ),
)

HEADGATE: Final = Row(
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
    rows=(FRESH, WAITING, REFUSED, BUSY, DATABASE, LOOP, MACHINE, HEADGATE),
)
