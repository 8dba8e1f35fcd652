"""Ingestion by dataset: whose files are late, refused or slow."""

from typing import Final

from colours import ORANGE, RED
from panels import ROWS as ROWS_PER_SECOND
from panels import SECONDS, SHARE, Query, Row, columns, lines, shares, stack
from promql import age, age_of_limit, by_label, happened, per_second, share_grown, slowest
from shell import Board

HERE: Final = ', dataset=~"$dataset"'
LAST: Final = "headgate_dataset_last_success_timestamp_seconds"
TARGET: Final = "headgate_dataset_freshness_target_seconds"
JOBS: Final = "headgate_ingest_jobs_total"
AGE: Final = age(LAST, by="dataset", where=HERE)

FRESH: Final = Row(
    title="Is the data fresh?",
    panels=(
        lines(
            "Age in shares of the freshness target",
            "100 % is the promise of the dataset's specification. Above it: ask the sender, look at refusals.",
            Query(expr=age_of_limit(LAST, TARGET, by="dataset", where=HERE), legend="{{dataset}}"),
            unit=SHARE,
            soft_top=1,
            decimals=1,
            steps=((0.8, ORANGE), (1, RED)),
            nothing="no dataset has a freshness target",
        ),
        lines(
            "Age of the last load",
            "Time since each dataset was last loaded. It falls to 0 with each file: the teeth are the sender's rhythm, "
            "from which a freshness target follows.",
            Query(expr=AGE, legend="{{dataset}}"),
            unit=SECONDS,
            nothing="nothing was loaded yet",
        ),
        lines(
            "Age of the last attempt",
            "Young here and old beside it: files come and are refused. Old in both: no file comes.",
            Query(
                expr=age("headgate_dataset_last_attempt_timestamp_seconds", by="dataset", where=HERE),
                legend="{{dataset}}",
            ),
            unit=SECONDS,
            nothing="nothing was tried yet",
        ),
        columns(
            "Attempts that were repeated",
            "Of all datasets together. transient: the database was away for a moment. worker_crash: a file kills its "
            "worker. pool_busy: more workers are needed. cluster_away: see the cluster on Executors.",
            happened("headgate_ingest_retries_total", by="reason"),
        ),
    ),
)

FILES: Final = Row(
    title="What became of the files?",
    panels=(
        columns(
            "Files, by outcome",
            "duplicate is harmless: the same file came again. rejected: send `headgate rejects ID` back. dead: "
            "`headgate job ID` says why.",
            happened(JOBS, by="outcome", where=HERE),
            nothing="no file ended",
        ),
        columns(
            "Files refused or given up, by dataset",
            "Whose files are bad. A dataset that is here at once with all its files has new titles or types: compare "
            "with the specification.",
            happened(JOBS, by="dataset", where=f'{HERE}, outcome=~"rejected|dead"'),
        ),
        columns(
            "Files that were only checked, by what they would have become",
            "Nothing of them was loaded, and they count nowhere else. Many rejected: people look before they load.",
            happened("headgate_ingest_checks_total", by="would_be", where=HERE),
            nothing="no file was checked",
        ),
        lines(
            "Share of files given up, over an hour",
            "What the error budget's alert judges; the dashed line is the objective. Refused files are their senders' "
            "concern and do not count: docs/runbooks.md#headgateingesterrorbudgetburn.",
            Query(
                expr=f"max by (dataset) (instance_dataset:headgate_ingest_jobs_failed:ratio_rate1h{{$sel{HERE}}})",
                legend="{{dataset}}",
            ),
            unit=SHARE,
            decimals=2,
            limit="scalar(global:headgate_ingest_error_budget:ratio) + 0 * count(up{$sel})",
            nothing="no file came",
        ),
        shares(
            "Share of files refused, by dataset, in the time that is shown",
            "More than half: the sender changed the layout, or sends the wrong file. The codes below say what.",
            Query(
                expr=share_grown(JOBS, "$__range", 'outcome="rejected"', by="dataset", where=HERE),
                legend="{{dataset}}",
            ),
            steps=((0.2, ORANGE), (0.5, RED)),
            nothing="no file came",
        ),
    ),
)

ROWS: Final = Row(
    title="What became of the rows?",
    panels=(
        stack(
            "Rows by what became of them",
            "Many unchanged: the sender sends everything each time; that is fine, but slow.",
            per_second("headgate_ingest_rows_total", by="result", where=f'{HERE}, result!="read"'),
            unit=ROWS_PER_SECOND,
            decimals=1,
        ),
        stack(
            "Rows read, by dataset",
            "The dataset on top is the one to look at when the workers are busy.",
            per_second("headgate_ingest_rows_total", by="dataset", where=f'{HERE}, result="read"'),
            unit=ROWS_PER_SECOND,
            decimals=1,
        ),
        lines(
            "Share of rows rejected, by dataset",
            "A jump: the sender changed something. The codes beside say what; docs/errors.md what to do.",
            Query(
                expr=f'sum by (dataset) (rate(headgate_ingest_rows_total{{$sel{HERE}, result="rejected"}}[$rate])) '
                f'/ (sum by (dataset) (rate(headgate_ingest_rows_total{{$sel{HERE}, result="read"}}[$rate])) > 0)',
                legend="{{dataset}}",
            ),
            unit=SHARE,
            decimals=1,
            soft_top=0.1,
            steps=((0.01, ORANGE), (0.05, RED)),
            nothing="no rows read",
        ),
        columns(
            "Errors in workbooks, by code",
            "Of all datasets together. docs/errors.md has cause and remedy of each code.",
            happened("headgate_ingest_rejects_total", by="code"),
        ),
        stack(
            "Rows that were only checked, by what would become of them",
            "Of all datasets together. None of them is in the table, unless the file was loaded later.",
            per_second("headgate_ingest_checked_rows_total", by="result", where=', result!="read"'),
            unit=ROWS_PER_SECOND,
            decimals=1,
        ),
        lines(
            "Rows unaccounted for, by dataset",
            "The conservation law: rows read less those told of. Anything but 0 is a defect: report it.",
            Query(
                expr="max by (dataset) (abs("
                f'sum by (instance, dataset) (headgate_ingest_rows_total{{$sel{HERE}, result="read"}}) - '
                f'sum by (instance, dataset) (headgate_ingest_rows_total{{$sel{HERE}, result!="read"}})))',
                legend="{{dataset}}",
            ),
            steps=((1, RED),),
        ),
        stack(
            "Bytes of workbooks, by dataset",
            "Of the files whose jobs ended. Many bytes and few rows: a workbook that is mostly formatting; ask for a "
            "plain export.",
            per_second("headgate_ingest_bytes_total", by="dataset", where=HERE),
            unit="Bps",
        ),
    ),
)

STAGES: Final = Row(
    title="Where does the time go?",
    panels=(
        stack(
            "Workers in each stage",
            "How many work on it at a time, on average. read and validate want cores, load and commit a faster "
            "database, receive a faster disk.",
            per_second("headgate_ingest_stage_seconds_sum", by="stage"),
            decimals=2,
        ),
        lines(
            "Time of a stage, 95 % are below",
            "A stage that grew overnight: compare with the size of the files and with the database's load.",
            slowest("headgate_ingest_stage_seconds", by="stage"),
            unit=SECONDS,
        ),
        lines(
            "Jobs that wait or run",
            "A line that only climbs: more comes in than goes out.",
            Query(expr="max by (job) (headgate_backlog_jobs{$sel})", legend="{{job}}"),
        ),
        lines(
            "Bytes that wait",
            "Few jobs and many bytes: one big workbook is at work; give it time before you add workers.",
            Query(expr="max by (job) (headgate_backlog_bytes{$sel})", legend="{{job}}"),
            unit="bytes",
        ),
        columns(
            "Datasets counted under _other",
            "More datasets than have series of their own, or names nobody configured: look for a mistake in the "
            "configuration.",
            happened("headgate_label_overflow_total", by="label"),
        ),
    ),
)

FOLDERS: Final = Row(
    title="Watched folders",
    panels=(
        lines(
            "Folders that can be read",
            "0: the folder is gone, its mount is, or rights keep Headgate out. No file of it is taken.",
            Query(
                expr="min by (folder) (headgate_folder_readable{$sel} * headgate_folder_mounted{$sel})",
                legend="{{folder}}",
            ),
            nothing="no folder is watched",
        ),
        lines(
            "Age of the last look",
            "It climbs where a network file system hangs, or while very many files are taken.",
            Query(expr=age("headgate_folder_last_look_timestamp_seconds", by="folder"), legend="{{folder}}"),
            unit=SECONDS,
            nothing="no folder is watched",
        ),
        lines(
            "Files that cannot be read or moved",
            "Mostly rights: the sender's umask, or a folder that Headgate may not write. The log names one of them.",
            by_label("folder", "headgate_folder_unreadable_files", fold="max"),
            nothing="no folder is watched",
        ),
        lines(
            "Unfinished files",
            "Files that are waited for. A line that stays up: their writer hangs, or their done marker never came.",
            by_label("folder", "headgate_folder_unfinished_files", fold="max"),
            nothing="no folder is watched",
        ),
        columns(
            "Times another folder stood in its place",
            "A mount, an unmount, or a folder that was made anew: from then on the new one is watched.",
            happened("headgate_folder_replaced_total", by="folder"),
        ),
        lines(
            "Folders with writers that cannot be seen",
            "There a file is taken when it is quiet for settle_seconds. Better: let senders rename files into the "
            "folder, or give the daemon CAP_LEASE; docs/reliability.md.",
            by_label("folder", "headgate_folder_blind", fold="max"),
        ),
    ),
)

SOURCES: Final = Row(
    title="Sources",
    panels=(
        lines(
            "Sources that can be read",
            "0: the storage refuses, does not answer, or has no such bucket or folder. No file of it is taken.",
            by_label("source", "headgate_source_readable", fold="min"),
            nothing="no source is configured",
        ),
        columns(
            "What sources fail by",
            "refused: credentials or rights. unreachable: no answer. not_found: the bucket or folder of the URL.",
            happened("headgate_source_errors_total", by="kind"),
        ),
        lines(
            "Age of the last look at a source",
            "It climbs while a very large file is taken over a slow line.",
            Query(expr=age("headgate_source_last_look_timestamp_seconds", by="source"), legend="{{source}}"),
            unit=SECONDS,
            nothing="no source is configured",
        ),
        lines(
            "Age of the last whole look at a source",
            "By whichever daemon of a ledger: they take turns.",
            Query(
                expr=age("headgate_source_last_success_timestamp_seconds", by="source", which="min"),
                legend="{{source}}",
            ),
            unit=SECONDS,
            nothing="no source is configured",
        ),
        columns(
            "Files taken from sources",
            "Files that became jobs. None while some wait: the log names one of them and the reason.",
            happened("headgate_source_taken_total", by="source"),
        ),
        lines(
            "Bytes per second from sources",
            "Of the files that became jobs; what listing costs is not counted.",
            Query(
                expr="sum by (source) (rate(headgate_source_taken_bytes_total{$sel}[$__rate_interval]))",
                legend="{{source}}",
            ),
            unit="Bps",
        ),
        lines(
            "Files in sources",
            "What the last look found. It climbs without end where nobody tidies up and `after` is `keep`.",
            by_label("source", "headgate_source_listed_files", fold="max"),
            nothing="no source is configured",
        ),
        lines(
            "Files of sources that wait",
            "Too large, without rights, or replaced while they were read. The log names one of them and the reason.",
            by_label("source", "headgate_source_waiting_files", fold="max"),
            nothing="no source is configured",
        ),
        lines(
            "Time spent on a source",
            "As a part of the time: at 100 % one look follows the other, and poll_seconds is too short.",
            Query(
                expr="sum by (source) (rate(headgate_source_look_seconds_total{$sel}[$__rate_interval]))",
                legend="{{source}}",
            ),
            unit="percentunit",
        ),
    ),
)

MAILBOXES: Final = Row(
    title="Mailboxes",
    panels=(
        lines(
            "Age of the last look at a mailbox",
            "It climbs while the server is away or refuses the login: no message of it is taken.",
            Query(expr=age("headgate_mailbox_last_look_timestamp_seconds", by="mailbox"), legend="{{mailbox}}"),
            unit=SECONDS,
            nothing="no mailbox is read",
        ),
        columns(
            "Looks and messages that failed, by kind",
            "connection and login: the whole mailbox. folder: it is missing, or messages cannot be moved. command: the "
            "server refuses something.",
            happened("headgate_mailbox_errors_total", by="kind"),
        ),
        columns(
            "Messages, by outcome",
            "refused: the sender is not in the allow-list, not authentic, or has attached nothing. The log says which.",
            happened("headgate_mailbox_messages_total", by="outcome"),
            nothing="no message came",
        ),
        columns(
            "Attachments, by outcome",
            "refused: archives, too large, damaged on the way. The sender is told.",
            happened("headgate_mailbox_attachments_total", by="outcome"),
            nothing="no attachment came",
        ),
        columns(
            "Tries at replies, by outcome",
            "put_off again and again: the mail server is away or knows the login not. refused: an address is wrong.",
            happened("headgate_mailbox_replies_total", by="outcome"),
            nothing="nobody was answered",
        ),
    ),
)

INGESTION: Final = Board(
    slug="ingestion",
    title="Ingestion by dataset",
    description="Whose files are late, refused or slow",
    rows=(FRESH, FILES, ROWS, FOLDERS, SOURCES, MAILBOXES, STAGES),
    variables=("dataset",),
)
