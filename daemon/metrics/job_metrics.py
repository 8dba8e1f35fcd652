"""Every metric that an event changes, one definition each; what can be read at scrape is in collectors."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ingest.errors import CATALOGUE

from ..histogram import Histogram
from ..ledger.jobs import ENDS, REJECTS_KEPT, UNMATCHED, RowCounts
from ..version import VERSION
from . import folder_metrics, mail_metrics, source_metrics
from .definitions import Definitions, Measured, counter, define, gauge, histogram
from .values import MetricValues

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

OTHER: Final = "_other"
DATASETS_MAX: Final = 50
"""Names that get series of their own unless the settings say otherwise; a mistake must not make thousands."""

RESULTS: Final = tuple(RowCounts.__slots__)
VERDICTS: Final = ("loaded", "partial", "rejected", "duplicate", "dead")
"""What a checked workbook would have become."""
STAGES: Final = ("receive", "sniff", "read", "validate", "spool", "load", "commit")
STAGE: Final = "ingest_stage_seconds"
STAGE_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
WAIT_REASONS: Final = (
    "cluster_away",
    "database_access",
    "database_away",
    "database_full",
    "database_read_only",
    "disk_full",
    "machine",
    "spool_away",
)
"""What the database, the machine, a shared spool or a cluster lacks; waiting for it spends no attempt."""
RETRY_REASONS: Final = ("transient", "worker_crash", "pool_busy", *WAIT_REASONS)
RARE_CODES: Final = frozenset(
    {
        "file.unreadable",
        "file.unstable",
        "file.quote_ambiguous",
        "file.corrupt_xml",
        "file.encoding_ambiguous",
        "file.spec_ambiguous",
        "sheet.ambiguous",
        "sheet.hidden_only",
        "table.reconcile_mismatch",
        "table.transform_failed",
        "load.replace_incomplete",
        "row.extra_cells",
        "row.open_quote",
        "row.db_type",
        "row.db_length",
        "row.db_range",
        "row.db_precision",
        "row.db_not_null",
        "row.db_check",
        "row.db_unique",
        "row.db_partition",
        "row.db_policy",
        "row.db_raised",
        "row.db_foreign_key",
        "row.db_refused",
    }
)
"""Codes counted as `_other`, so that the label keeps to 40 values; the job itself names each."""
REJECT_CODES: Final = tuple(
    code for code, entry in CATALOGUE.items() if entry.severity == "error" and code not in RARE_CODES
)


FINDINGS: Final = ("problem", "advice")
"""What a comparison of a dataset with its table finds."""
NO_ERROR: Final = "none"
DATASET: Final = "a configured dataset (the first `exporter.dataset_series`), _unmatched, _other"
FOLLOWED: Final = "a configured dataset that declares a target, or has series of its own; _unmatched, _other"

DEFINITIONS: Final[Definitions] = define(
    counter("ingest_jobs_total", "Jobs ended, by outcome.", dataset=DATASET, outcome=ENDS),
    counter(
        "ingest_rows_total",
        "Physical data rows by what became of them; read is the sum of the others.",
        dataset=DATASET,
        result=RESULTS,
    ),
    counter(
        "ingest_checks_total",
        "Jobs that only checked a workbook, by what it would have become.",
        dataset=DATASET,
        would_be=VERDICTS,
    ),
    counter(
        "ingest_checked_rows_total",
        "Physical data rows of workbooks that were only checked, by what would become of them; read is the sum of the "
        "others.",
        result=RESULTS,
    ),
    counter("ingest_rejects_total", "Errors found in workbooks, by code.", code=(*REJECT_CODES, OTHER)),
    counter("ingest_bytes_total", "Bytes of workbooks whose jobs ended.", dataset=DATASET),
    counter("ingest_retries_total", "Attempts that failed and are repeated.", reason=RETRY_REASONS),
    histogram(STAGE, "Time a job spent in each stage.", STAGE_SECONDS, stage=STAGES),
    gauge(
        "dataset_last_success_timestamp_seconds",
        "When the dataset was last loaded, by whichever daemon; 0 if the ledger knows of no load.",
        dataset=FOLLOWED,
    ),
    gauge(
        "dataset_last_attempt_timestamp_seconds",
        "When a job of the dataset was last begun, by whichever daemon; 0 if the ledger knows of none.",
        dataset=FOLLOWED,
    ),
    gauge(
        "dataset_expected_timestamp_seconds",
        "Since when a load of the dataset is expected: since this daemon knows its target, or since its first job in "
        "the ledger if that came earlier; 0 without a target.",
        dataset=FOLLOWED,
    ),
    gauge(
        "dataset_freshness_target_seconds",
        "How old the last load of the dataset may be; 0 if it may be of any age.",
        dataset=FOLLOWED,
    ),
    gauge(
        "dataset_last_error_timestamp_seconds",
        "When the latest workbook of the dataset with errors ended, at whichever daemon; 0 if the ledger knows of "
        "none.",
        dataset=DATASET,
        code=f"the error that was most frequent in it (of its first {REJECTS_KEPT} where only the ledger tells), "
        f"{NO_ERROR} if there was none",
    ),
    gauge(
        "dataset_table_findings",
        "What the dataset's table says against it: a problem keeps every file from being loaded, advice some rows.",
        dataset=DATASET,
        finding=FINDINGS,
    ),
    counter(
        "label_overflow_total", "Label values beyond the allowed number, counted under _other.", label=("dataset",)
    ),
    gauge(
        "threshold_ratio", "Use of a resource from which on operators want to know.", resource=("cpu", "memory", "disk")
    ),
    gauge(
        "build_info",
        "Always 1; the labels say what runs and where.",
        version="Headgate's",
        python="the interpreter's",
        host="the machine's name",
    ),
    gauge("config_last_reload_successful", "1 if the last configuration was taken."),
    gauge("config_last_reload_success_timestamp_seconds", "When a configuration was last taken."),
)


def is_error(code: str) -> bool:
    """Say whether a code of the catalogue costs a row or a workbook; one that is unknown does."""
    return code not in CATALOGUE or CATALOGUE[code].severity == "error"


def label_of(code: str) -> str:
    """Return the value of the label `code` that a code is counted under."""
    return code if code in REJECT_CODES else OTHER


class Metrics:
    """Counters and gauges in a registry of their own; every label combination is there at 0 from the start."""

    def __init__(self) -> None:
        self.folders = folder_metrics.FolderMetrics()
        self.sources = source_metrics.SourceMetrics()
        self.mails = mail_metrics.MailMetrics()
        self._datasets: set[str] = set()
        self._followed: set[str] = set()
        self._loaded_at: dict[str, float] = {}
        self._attempt_at: dict[str, float] = {}
        self._error_at: dict[str, float] = {}
        self._expected_since: dict[str, float] = {}
        self._values = {name: MetricValues(definition) for name, definition in DEFINITIONS.items() if name != STAGE}
        self._jobs = self._values["ingest_jobs_total"]
        self._rows = self._values["ingest_rows_total"]
        self._checks = self._values["ingest_checks_total"]
        self._checked_rows = self._values["ingest_checked_rows_total"]
        self._rejects = self._values["ingest_rejects_total"]
        self._bytes = self._values["ingest_bytes_total"]
        self._retries = self._values["ingest_retries_total"]
        self._stages = {stage: Histogram(STAGE_SECONDS) for stage in STAGES}
        self._last_success = self._values["dataset_last_success_timestamp_seconds"]
        self._last_attempt = self._values["dataset_last_attempt_timestamp_seconds"]
        self._last_error = self._values["dataset_last_error_timestamp_seconds"]
        self._expected = self._values["dataset_expected_timestamp_seconds"]
        self._findings = self._values["dataset_table_findings"]
        self._target = self._values["dataset_freshness_target_seconds"]
        self._overflow = self._values["label_overflow_total"]
        self._threshold = self._values["threshold_ratio"]
        self._reload_ok = self._values["config_last_reload_successful"]
        self._reload_at = self._values["config_last_reload_success_timestamp_seconds"]
        self._values["build_info"].set(1, VERSION, platform.python_version(), platform.node())
        for result in RESULTS:
            self._checked_rows.prepare(result)
        self.set_datasets({})

    @cached_property
    def registry(self) -> CollectorRegistry:
        """What an exporter asks; who has none, as a command that loads a file, does without Prometheus's library."""
        from .families import registry_of  # noqa: PLC0415

        return registry_of(
            (DEFINITIONS, self.measured),
            (folder_metrics.DEFINITIONS, self.folders.measured),
            (source_metrics.DEFINITIONS, self.sources.measured),
            (mail_metrics.DEFINITIONS, self.mails.measured),
        )

    def measured(self) -> Measured:
        """Return what has been counted until now; called by the exporter's thread."""
        stages = {(stage,): histogram.snapshot() for stage, histogram in self._stages.items()}
        all_values = {name: values.snapshot() for name, values in self._values.items()}
        return {**all_values, STAGE: stages}

    # -- what happened -------------------------------------------------------------------------------

    def set_datasets(self, targets: Mapping[str, float | None], *, most: int = DATASETS_MAX) -> None:
        """Make the series of the configured datasets, at 0; beyond `most` they share `_other`. Others' series end.

        `targets` says for each dataset how old its last load may be, in seconds; None for any age. One that declares
        such a target comes first, and has series of its freshness in any case: nobody else would see it go stale. From
        then on a load of it is expected; one that had a target before has been expected all along.
        """
        followed = [name for name, seconds in targets.items() if seconds]
        # Who has series already keeps them, as long as there is room.
        first = list(dict.fromkeys((*followed, *(name for name in targets if name in self._datasets), *targets)))
        counted, known = self._datasets, self._followed
        self._datasets = {*first[:most], UNMATCHED}
        self._followed = {*followed, *self._datasets, OTHER}
        self._end_series(counted - self._datasets, known - self._followed)
        now = time.time()
        self._expected_since = {name: self._expected_since.get(name, now) for name in followed}
        for name in sorted(self._followed):
            self._target.set(targets.get(name) or 0.0, name)
            self._expected.set(self._expected_since.get(name, 0.0), name)
            for values in (self._last_success, self._last_attempt):
                values.prepare(name)
        for name in [*sorted(self._datasets), OTHER]:
            for outcome in ENDS:
                self._jobs.prepare(name, outcome)
            for verdict in VERDICTS:
                self._checks.prepare(name, verdict)
            for result in RESULTS:
                self._rows.prepare(name, result)
            self._bytes.prepare(name)
            self._last_error.prepare_first(name, NO_ERROR)
            for finding in FINDINGS:
                self._findings.prepare(name, finding)

    def _end_series(self, counted: set[str], followed: set[str]) -> None:
        """Take away what is told of datasets that are counted apart, or whose freshness is told, no more."""
        for name in counted:
            for values in (self._jobs, self._checks, self._rows, self._bytes, self._last_error, self._findings):
                values.drop(name)
            self._error_at.pop(name, None)
        for name in followed:
            for values in (self._target, self._expected, self._last_success, self._last_attempt):
                values.drop(name)
            self._loaded_at.pop(name, None)
            self._attempt_at.pop(name, None)

    def _dataset(self, name: str) -> str:
        if name in self._datasets:
            return name
        self._overflow.add(1, "dataset")
        return OTHER

    def job_finished(
        self,
        *,
        dataset: str,
        outcome: str,
        rows: Mapping[str, int],
        codes: Mapping[str, int],
        size_bytes: int,
        stage_seconds: Mapping[str, float],
    ) -> None:
        """Count the one outcome of a job."""
        name = self._dataset(dataset)
        self._jobs.add(1, name, outcome)
        self._bytes.add(size_bytes, name)
        self._rows.add_all(rows, name)
        for code, count in codes.items():
            self._count_code(code, count)
        if any(map(is_error, codes)):
            self.failed_at(name, time.time(), codes)
        for stage, seconds in stage_seconds.items():
            self.stage(stage, seconds)
        if outcome in {"loaded", "partial"}:
            self.loaded_at(dataset if dataset in self._followed else name, time.time())

    def job_checked(self, *, dataset: str, would_be: str, rows: Mapping[str, int]) -> None:
        """Count a workbook that was only checked, apart from those that were to be loaded."""
        name = self._dataset(dataset)
        self._checks.add(1, name, would_be)
        self._checked_rows.add_all(rows)

    def _count_code(self, code: str, count: int) -> None:
        if is_error(code):
            self._rejects.add(count, label_of(code))

    def stage(self, stage: str, seconds: float) -> None:
        """Observe a stage, one of `STAGES`; some come before there is a job, such as `receive`."""
        self._stages[stage].observe(seconds)

    def job_retried(self, reason: str) -> None:
        """Count a failed attempt that is repeated; `reason` is one of `RETRY_REASONS`."""
        self._retries.add(1, reason)

    def attempt(self, dataset: str, at: float) -> None:
        """Note when a job of a dataset was begun, in seconds since the epoch."""
        self.attempted_at(dataset if dataset in self._followed else self._dataset(dataset), at)

    # Of these an earlier process or another daemon may tell, too: what is older than is known changes nothing. A
    # configured dataset that has no series of its own is `_other`, which is no overflow each time it is told of.

    def loaded_at(self, dataset: str, at: float) -> None:
        """Note a success."""
        name = dataset if dataset in self._followed else OTHER
        if _is_news(self._loaded_at, name, at):
            self._last_success.set(at, name)

    def attempted_at(self, dataset: str, at: float) -> None:
        """Note that a job of a dataset was begun."""
        name = dataset if dataset in self._followed else OTHER
        if _is_news(self._attempt_at, name, at):
            self._last_attempt.set(at, name)

    def failed_at(self, dataset: str, at: float, codes: Mapping[str, int]) -> None:
        """Note when a workbook with errors ended, and how often it had each code; warnings count for nothing.

        Of errors that are equally frequent it is the first by its name: all daemons say the same.
        """
        name = dataset if dataset in self._datasets else OTHER
        errors = sorted(code for code in codes if is_error(code))
        if _is_news(self._error_at, name, at):
            self._last_error.replace(at, name, label_of(max(errors, key=codes.__getitem__)) if errors else OTHER)

    def expected_since(self, dataset: str, first_at: float | None) -> None:
        """Note when the first job of a dataset was handed in, None if there is none: it may have waited for longer.

        A moment that lies in the future was told by a clock that was ahead.
        """
        known = self._expected_since.get(dataset)
        if known is not None:
            now = time.time()
            self._expected_since[dataset] = since = min(known, now if first_at is None else first_at, now)
            self._expected.set(since, dataset)

    def set_thresholds(self, *, cpu: float, memory: float, disk: float) -> None:
        """Export the operators' thresholds as ratios, so that rules copy no configuration."""
        self._threshold.set(cpu, "cpu")
        self._threshold.set(memory, "memory")
        self._threshold.set(disk, "disk")

    def set_table_findings(self, found: Mapping[str, Mapping[str, int]]) -> None:
        """Export how much there is of each of `FINDINGS` for the datasets whose tables were looked at."""
        totals: Counter[tuple[str, str]] = Counter()
        for dataset, counts in found.items():
            for finding, count in counts.items():
                totals[dataset if dataset in self._datasets else OTHER, finding] += count
        for name in (*self._datasets, OTHER):
            for finding in FINDINGS:
                self._findings.set(totals[name, finding], name, finding)

    def configuration_taken(self) -> None:
        """Note that a configuration was read and is in force."""
        self._reload_ok.set(1)
        self._reload_at.set(time.time())

    def configuration_refused(self) -> None:
        """Note that a configuration could not be taken; the one before stays in force."""
        self._reload_ok.set(0)


def _is_news(known_at: dict[str, float], name: str, at: float) -> bool:
    """Say whether a moment is later than what is known of a name, and keep it then.

    What is known and lies in the future was told by a clock that was ahead.
    """
    known = known_at.get(name, 0.0)
    news = at > known or known > time.time()
    if news:
        known_at[name] = at
    return news
