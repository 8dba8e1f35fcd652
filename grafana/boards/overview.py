"""Overview: one screen that says whether anybody has to do anything; each part leads to one that says more."""

from typing import Final

from colours import GREEN, ORANGE, RED
from looks import KEPT
from panels import SECONDS, SHARE, Column, Kind, Panel, Query, Row, columns, lines, shares, stat, table
from promql import age, age_of_limit, counted, happened, or_zero, quantile
from shell import Board

LAST: Final = "headgate_dataset_last_success_timestamp_seconds"
TARGET: Final = "headgate_dataset_freshness_target_seconds"
REAL: Final = ', dataset!~"_unmatched|_other"'
JOBS: Final = "headgate_ingest_jobs_total"
REFUSED: Final = f'{REAL}, outcome=~"rejected|dead"'
READ: Final = f'{REAL}, result="read"'
PRESENT: Final = f"{TARGET}{{$sel{REAL}}}"
FILES: Final = counted(JOBS, by="dataset", where=REAL)
USED: Final = age_of_limit(LAST, TARGET, by="dataset", where=REAL)
ALERTS: Final = 'ALERTS{$sel, alertstate="firing", alertname=~"Headgate.+", alertname!="HeadgateWatchdog"}'
UNACCOUNTED: Final = (
    'abs(sum by (instance, dataset) (headgate_ingest_rows_total{$sel, result="read"}) '
    '- sum by (instance, dataset) (headgate_ingest_rows_total{$sel, result!="read"}))'
)

ITSELF: Final = "/d/headgate-itself?${__url_time_range}&${job:queryparam}&var-instance=${__value.raw}"

STATS: Final = (
    Panel(
        kind=Kind.STAT,
        title="Instances",
        description="How many Prometheus expects, and how many of them do not answer. One is down: look at its log "
        "and at `systemctl status headgate` on its machine. No data: Prometheus knows no Headgate at all.",
        queries=(
            Query(expr="count(up{$sel}) - sum(up{$sel})", legend="down"),
            Query(expr="count(up{$sel})", legend="expected"),
        ),
        steps=((1, RED),),
        neutral=("expected",),
        decimals=0,
        span=3,
        height=3,
        board="itself",
    ),
    stat(
        "Database",
        "Down: an instance cannot write its ledger. Nothing is loaded, nothing is lost; see "
        "docs/runbooks.md#headgatedatabasedown.",
        "min(headgate_db_up{$sel})",
        words={"0": "down", "1": "up"},
        base=RED,
        steps=((1, GREEN),),
        board="database",
    ),
    stat(
        "Alerts that fire",
        "Listed below; each leads to its section of the runbooks.",
        or_zero(f"count({ALERTS})"),
        board="itself",
    ),
    stat(
        "Stale datasets",
        "Past their freshness target: ask the sender, then look at what was refused.",
        or_zero(f"count({USED} > 1)"),
        board="ingestion",
    ),
    stat(
        "Oldest job",
        "Grows while nothing is finished: are the workers busy, is the database the neck? "
        "`headgate jobs --state queued` names the job.",
        or_zero(age("headgate_backlog_oldest_timestamp_seconds")),
        unit=SECONDS,
        steps=((600, ORANGE), (900, RED)),
        board="executors",
    ),
    stat(
        "Dead jobs",
        "Jobs that used up their attempts and wait for a person: `headgate jobs --state dead`.",
        "max(headgate_dead_jobs{$sel})",
        board="ingestion",
    ),
    stat(
        "Files refused",
        "In the time that is shown, for their content: their senders see why on the page. Many at once: a sender "
        "changed the layout.",
        counted(JOBS, where=', outcome="rejected"'),
        steps=((1, ORANGE),),
        board="ingestion",
    ),
    stat(
        "Unaccounted",
        "Rows read less those loaded, rejected, blank and so on. Anything but 0 is a defect in what is counted: "
        "keep the log and the workbook and report it.",
        f"sum({UNACCOUNTED})",
        board="ingestion",
    ),
)

DATASETS: Final = table(
    "Datasets",
    "One row each, also those that were never loaded. A bar that is full is past its target: no recent error means "
    "that no file comes, so ask the sender; an error leads to its remedy.",
    {
        "last": f"1000 * min by (dataset) ({LAST}{{$sel{REAL}}} > 0)",
        "target": f"max by (dataset) ({TARGET}{{$sel{REAL}}})",
        "used": USED,
        "files": f"{FILES} and on (dataset) {PRESENT}",
        "rows": f"{counted('headgate_ingest_rows_total', by='dataset', where=READ)} and on (dataset) {PRESENT}",
        "refused": f"{counted(JOBS, by='dataset', where=REFUSED)} / ({FILES} > 0) and on (dataset) {PRESENT}",
        "error": "topk by (dataset) (1, max by (dataset, code) "
        f"(headgate_dataset_last_error_timestamp_seconds{{$sel{REAL}}} > 0))",
    },
    (
        Column(
            title="Dataset",
            source="dataset",
            link=("Ingestion of this dataset", f"/d/headgate-ingestion?{KEPT}&var-dataset=${{__value.raw}}"),
        ),
        Column(title="Last load", source="last", unit="dateTimeFromNow", nothing="never", width=130),
        Column(title="Target", source="target", unit=SECONDS, words={"0": "none"}, width=90),
        Column(
            title="Of the target used",
            source="used",
            unit=SHARE,
            decimals=0,
            steps=((0.8, ORANGE), (1, RED)),
            bar=True,
            width=170,
        ),
        Column(
            title="Files",
            source="files",
            decimals=0,
            width=80,
            nothing="0",
            link=("Its jobs on the page", "${page}/?dataset=${__data.fields.Dataset}"),
        ),
        Column(title="Rows", source="rows", decimals=0, nothing="0", width=90),
        Column(
            title="Files refused",
            source="refused",
            unit=SHARE,
            decimals=0,
            width=120,
            steps=((0.2, ORANGE), (0.5, RED)),
        ),
        Column(
            title="Latest error",
            source="code",
            link=("Its cause and remedy", "${docs}docs/errors.md#${__value.raw}"),
        ),
    ),
    height=7,
)

GRAPHS: Final = (
    columns(
        "Files, by outcome",
        "rejected is the sender's concern, dead is ours. Many of either: open Ingestion by dataset.",
        happened(JOBS, by="outcome"),
        span=6,
        height=6,
        board="ingestion",
    ),
    lines(
        "Jobs that wait or run",
        "A line that only climbs: more comes in than goes out. See the workers beside it; add some.",
        Query(expr="max by (job) (headgate_backlog_jobs{$sel})", legend="{{job}}"),
        span=6,
        height=6,
        legend=False,
        board="executors",
    ),
    shares(
        "Workers and connections busy",
        "Which of them is at 100 % is the neck: workers, or the database.",
        Query(
            expr='sum by (pool) (rate(headgate_executor_busy_seconds_total{$sel, pool!="cluster"}[$rate])) '
            '/ sum by (pool) (headgate_executor_workers_max{$sel, pool!="cluster"})',
            legend="{{pool}} workers",
        ),
        Query(
            expr="sum(rate(headgate_db_pool_used_seconds_total{$sel}[$rate])) / sum(headgate_db_pool_max{$sel})",
            legend="connections",
        ),
        span=6,
        height=6,
        board="database",
    ),
    shares(
        "Machine",
        "The fullest of all instances. For long above the thresholds of the configuration: open Resources.",
        Query(
            expr="max(sum by (instance, scope) (rate(headgate_system_cpu_seconds_total{$sel}[$rate])) "
            "/ sum by (instance, scope) (headgate_system_cpu_limit_cores{$sel}))",
            legend="CPU",
        ),
        Query(
            expr="max(headgate_system_memory_working_set_bytes{$sel} / headgate_system_memory_limit_bytes{$sel})",
            legend="memory",
        ),
        Query(
            expr="max(1 - headgate_spool_disk_free_bytes{$sel} / headgate_spool_disk_size_bytes{$sel})", legend="disk"
        ),
        span=6,
        height=6,
        board="resources",
    ),
)

INSTANCES: Final = table(
    "Instances",
    "One row each. Down, or busy for long: open its own dashboards by its name.",
    {
        # 0 down, 1 up and not ready, 2 ready.
        "up": "max by (instance) (up{$sel}) "
        "+ (max by (instance) (headgate_ready{$sel}) or max by (instance) (0 * up{$sel}))",
        "build": "max by (instance, version) (headgate_build_info{$sel})",
        "lag": quantile(0.99, "headgate_loop_lag_seconds", by="instance"),
        "workers": 'sum by (instance) (rate(headgate_executor_busy_seconds_total{$sel, pool="cpu"}[$rate])) '
        '/ sum by (instance) (headgate_executor_workers_max{$sel, pool="cpu"})',
        "connections": 'sum by (instance) (headgate_db_pool_connections{$sel, state="used"}) '
        "/ sum by (instance) (headgate_db_pool_max{$sel})",
        "memory": "max by (instance) (headgate_system_memory_working_set_bytes{$sel} "
        "/ headgate_system_memory_limit_bytes{$sel})",
    },
    (
        Column(
            title="Instance",
            source="instance",
            link=("Headgate itself", ITSELF),
        ),
        Column(
            title="State",
            source="up",
            words={"0": "down", "1": "not ready", "2": "ready"},
            steps=((0, RED), (1, ORANGE), (2, GREEN)),
            width=80,
        ),
        Column(title="Version", source="version", width=70),
        Column(title="Loop lag", source="lag", unit=SECONDS, decimals=0, steps=((0.1, ORANGE), (1, RED)), width=80),
        Column(title="Workers", source="workers", unit=SHARE, decimals=0, steps=((0.8, ORANGE),), width=80),
        Column(title="Connections", source="connections", unit=SHARE, decimals=0, steps=((0.8, ORANGE),), width=95),
        Column(title="Memory", source="memory", unit=SHARE, decimals=0, steps=((0.85, ORANGE),), width=75),
    ),
    span=13,
    height=5,
)

FIRING: Final = table(
    "Alerts",
    "What fires now. The name leads to what to do, the instance to its dashboard.",
    {"alerts": f"max by (alertname, severity, instance, dataset) ({ALERTS})"},
    (
        Column(
            title="Alert",
            source="alertname",
            width=240,
            link=("What to do", "${docs}docs/runbooks.md#${__value.raw}"),
        ),
        Column(title="Severity", source="severity", width=80),
        Column(
            title="On",
            source="instance",
            width=110,
            link=("Headgate itself", ITSELF),
        ),
        Column(title="Of", source="dataset", width=90),
    ),
    span=11,
    height=5,
    nothing="nothing fires",
)

OVERVIEW: Final = Board(
    slug="overview",
    title="Overview",
    description="Is the data fresh, is anything waiting, what was refused, who is the neck",
    rows=(Row(title="", panels=(*STATS, DATASETS, *GRAPHS, INSTANCES, FIRING)),),
)
