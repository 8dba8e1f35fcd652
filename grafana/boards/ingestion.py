"""Ingestion by dataset: whose files are late, refused or slow."""

from typing import Final

from panels import ORANGE, RED, TEXT, Kind, Panel, Query, Row
from promql import happened, per_second, quantile
from shell import Board

HERE: Final = ', dataset=~"$dataset"'
SUCCESS: Final = f"max by (dataset) (headgate_dataset_last_success_timestamp_seconds{{$sel{HERE}}} > 0)"
TARGET: Final = f"max by (dataset) (headgate_dataset_freshness_target_seconds{{$sel{HERE}}} > 0)"

FRESH: Final = Row(
    title="Is the data fresh?",
    panels=(
        Panel(
            title="Age in shares of the freshness target",
            description="1 is the promise of the dataset's specification. Above it: ask the sender, look at refusals.",
            unit="percentunit",
            steps=((0.8, ORANGE), (1, RED)),
            queries=(Query(expr=f"(time() - {SUCCESS}) / {TARGET}", legend="{{dataset}}"),),
            nothing="no dataset has a freshness target",
        ),
        Panel(
            title="Age of the last load",
            description="Time since each dataset was last loaded. It falls to 0 with each file: the teeth are the "
            "sender's rhythm, from which a freshness target follows.",
            unit="s",
            queries=(Query(expr=f"time() - {SUCCESS}", legend="{{dataset}}"),),
        ),
        Panel(
            title="Age of the last attempt",
            description="Young here and old beside it: files come and are refused. Old in both: no file comes.",
            unit="s",
            queries=(
                Query(
                    expr="time() - max by (dataset) "
                    f"(headgate_dataset_last_attempt_timestamp_seconds{{$sel{HERE}}} > 0)",
                    legend="{{dataset}}",
                ),
            ),
        ),
    ),
)

JOBS: Final = Row(
    title="What became of the files?",
    panels=(
        Panel(
            title="Jobs that ended, by outcome",
            description="duplicate is harmless: the same file came again. rejected: send `headgate rejects ID` back. "
            "dead: `headgate job ID` says why.",
            unit="none",
            kind=Kind.COLUMNS,
            span=6,
            queries=(happened("headgate_ingest_jobs_total", by="outcome", where=HERE),),
            nothing="no job ended",
        ),
        Panel(
            title="Files refused or given up, by dataset",
            description="Whose files are bad. A dataset that is here at once with all its files has new titles or "
            "types: compare with the specification.",
            unit="none",
            kind=Kind.COLUMNS,
            span=6,
            queries=(happened("headgate_ingest_jobs_total", by="dataset", where=f'{HERE}, outcome=~"rejected|dead"'),),
            nothing="none refused",
        ),
        Panel(
            title="Share of files that failed, over an hour",
            description="Rejected or dead, of those that were not sent twice. It is what the error budget's alert "
            "judges: docs/runbooks.md#headgateingesterrorbudgetburn.",
            unit="percentunit",
            top=1,
            span=6,
            queries=(
                Query(
                    expr=f"max by (dataset) (instance_dataset:headgate_ingest_jobs_failed:ratio_rate1h{{$sel{HERE}}})",
                    legend="{{dataset}}",
                ),
            ),
            nothing="no file came",
        ),
        Panel(
            title="Attempts that were repeated",
            description="transient: the database was away for a moment. worker_crash: a file kills its worker. "
            "pool_busy: more workers are needed.",
            unit="none",
            kind=Kind.COLUMNS,
            span=6,
            queries=(happened("headgate_ingest_retries_total", by="reason"),),
            nothing="none repeated",
        ),
        Panel(
            title="Folders with writers that cannot be seen",
            description="There a file is taken when it is quiet for settle_seconds. Better: let senders rename files "
            "into the folder, or give the daemon CAP_LEASE; docs/reliability.md.",
            unit="none",
            span=6,
            queries=(Query(expr="max by (instance) (headgate_intake_blind_folders{$sel})", legend="{{instance}}"),),
        ),
    ),
)

ERRORS_BY_CODE: Final = Panel(
    title="Errors in workbooks, by code",
    description="Of all datasets together. docs/errors.md has cause and remedy of each code.",
    unit="none",
    kind=Kind.COLUMNS,
    queries=(happened("headgate_ingest_rejects_total", by="code"),),
    nothing="no errors",
)

ROWS: Final = Row(
    title="What became of the rows?",
    panels=(
        Panel(
            title="Rows by what became of them",
            description="Rows a second. Many unchanged: the sender sends everything each time; that is fine, but slow.",
            unit="rps",
            kind=Kind.STACK,
            queries=(per_second("headgate_ingest_rows_total", by="result", where=f'{HERE}, result!="read"'),),
        ),
        Panel(
            title="Share of rows rejected, by dataset",
            description="A jump: the sender changed something. The codes beside say what; docs/errors.md what to do.",
            unit="percentunit",
            steps=((0.01, ORANGE), (0.05, RED)),
            queries=(
                Query(
                    expr=f'sum by (dataset) (rate(headgate_ingest_rows_total{{$sel{HERE}, result="rejected"}}[$rate])) '
                    f'/ (sum by (dataset) (rate(headgate_ingest_rows_total{{$sel{HERE}, result="read"}}[$rate])) > 0)',
                    legend="{{dataset}}",
                ),
            ),
            nothing="no rows read",
        ),
        ERRORS_BY_CODE,
        Panel(
            title="Rows unaccounted for, by dataset",
            description="The conservation law: rows read less those told of. Anything but 0 is a defect: report it.",
            unit="none",
            steps=((1, RED),),
            queries=(
                Query(
                    expr="abs("
                    f'sum by (dataset) (increase(headgate_ingest_rows_total{{$sel{HERE}, result="read"}}[$rate])) - '
                    f'sum by (dataset) (increase(headgate_ingest_rows_total{{$sel{HERE}, result!="read"}}[$rate])))',
                    legend="{{dataset}}",
                ),
            ),
        ),
        Panel(
            title="Rows read, by dataset",
            description="Rows a second. The dataset on top is the one to look at when the workers are busy.",
            unit="rps",
            kind=Kind.STACK,
            queries=(per_second("headgate_ingest_rows_total", by="dataset", where=f'{HERE}, result="read"'),),
        ),
        Panel(
            title="Bytes of workbooks, by dataset",
            description="Bytes a second of the files whose jobs ended. Many bytes and few rows: a workbook that is "
            "mostly formatting; ask for a plain export.",
            unit="Bps",
            kind=Kind.STACK,
            queries=(per_second("headgate_ingest_bytes_total", by="dataset", where=HERE),),
        ),
    ),
)

STAGES: Final = Row(
    title="Where does the time go?",
    panels=(
        Panel(
            title="Seconds spent in each stage",
            description="Of each second, summed over all workers. read and validate want cores, load and commit a "
            "faster database, receive a faster disk.",
            unit="s",
            kind=Kind.STACK,
            span=12,
            queries=(per_second("headgate_ingest_stage_seconds_sum", by="stage"),),
        ),
        Panel(
            title="Time of a stage, 95 % are below",
            description="A stage that grew overnight: compare with the size of the files and with the database's load.",
            unit="s",
            span=12,
            queries=(Query(expr=quantile(0.95, "headgate_ingest_stage_seconds", by="stage"), legend="{{stage}}"),),
        ),
        Panel(
            title="Datasets counted under _other",
            description="More datasets than have series of their own, or names nobody configured: look for a mistake "
            "in the configuration.",
            unit="none",
            base=TEXT,
            span=24,
            height=5,
            steps=((1, ORANGE),),
            queries=(
                Query(expr="sum by (label) (increase(headgate_label_overflow_total{$sel}[$rate]))", legend="{{label}}"),
            ),
        ),
    ),
)

INGESTION: Final = Board(
    slug="ingestion",
    title="Ingestion by dataset",
    description="Whose files are late, refused or slow",
    rows=(FRESH, JOBS, ROWS, STAGES),
    variables=("dataset",),
)
