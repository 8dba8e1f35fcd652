"""How an attempt ends: owns the step from a parse report and a load to the one outcome that is committed and told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import ErrorRecord
from ingest.messages import say
from ingest.output.report import REJECTED_FILE

from ..errors import RowsUnaccountedError, first_line
from ..ledger import reasons
from ..ledger.jobs import REJECTS_KEPT, Outcome, Preview, RowCounts
from .corrections import tells_rows_apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ingest.load.loaded import Loaded
    from ingest.output.report import ParsedRows, Report
    from ingest.spec.dataset import Dataset

    from ..executors.serialization import TaskResult
    from ..ledger.corrected_rows import Correction
    from ..ledger.jobs import State

Records = tuple[dict[str, Any], ...]
TOO_MANY: Final = "table.too_many_bad_rows"
_BY_THE_LOAD: Final = ("row.key_conflict", "row.db_")
SUPERSEDED: Final = Outcome(state="superseded", reason=reasons.SUPERSEDED)
"""The outcome of a job whose file in a watched folder is another by now."""


def is_of_the_load(record: Mapping[str, Any]) -> bool:
    """Say whether an error record is of a row that only the load refused: the parse has not written it."""
    return str(record["code"]).startswith(_BY_THE_LOAD)


def read_records(folder: Path) -> Records:
    """Return the first `REJECTS_KEPT` error records that a parse wrote. Blocking; for an I/O thread."""
    path = folder / REJECTED_FILE
    if not path.exists():
        return ()
    with path.open(encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in islice(lines, REJECTS_KEPT))


def refused_file(record: ErrorRecord) -> Outcome:
    """Return the outcome of a file that was refused before any of its rows was counted."""
    return Outcome(
        state="rejected",
        reason=reasons.reason_of(record),
        records=(record.as_dict(),),
        errors_total=1,
        codes={record.code: 1},
    )


def given_up(code: str, error: Exception) -> Outcome:
    """Return the outcome of a job that is dead for another reason than what is in its file."""
    record = ErrorRecord(
        code=code, message=first_line(error), hint=say("correct the cause, then submit the file again")
    )
    return replace(refused_file(record), state="dead")


def refused_parse(result: TaskResult, rejection: ErrorRecord, records: Records) -> Outcome:
    """Return the outcome of a file that the parse refused as a whole."""
    report: Report = result.value
    return _refused_rows(result, rejection, records, report.errors_total, report.codes)


def refused_load(result: TaskResult, rejection: ErrorRecord, records: Records) -> Outcome:
    """Return the outcome of a file that cannot be loaded as a whole."""
    report: Report = result.value
    codes = Counter(report.codes) + Counter({rejection.code: 1})
    return replace(_refused_rows(result, rejection, records, report.errors_total + 1, codes), table_refused=True)


def checked(outcome: Outcome) -> Outcome:
    """Return the outcome of a job that was only to check what this outcome would be; a cancelled one is none."""
    return replace(outcome, state="checked", would_be=outcome.state)


def loaded_rows(
    dataset: Dataset,
    result: TaskResult,
    records: Records,
    loaded: Loaded,
    load_seconds: float,
    *,
    correction: Correction | None = None,
) -> Outcome:
    """Return the outcome of a load: `loaded`, `partial`, or `rejected` if its refused rows pass the tolerance.

    `correction` is what the job corrects, if it does.
    A rejected outcome means that the transaction must be rolled back.

    Raises:
        RowsUnaccountedError: the conservation law does not hold; nothing may be committed.

    """
    report: Report = result.value
    parsed = report.rows
    refused = tuple(record.as_dict() for record in loaded.records)
    merged = tuple(sorted((*records, *refused), key=lambda record: (record["row"] or 0, record["column"] or 0)))
    codes = Counter(report.codes) + Counter(loaded.refused)
    total = report.errors_total + loaded.rejected
    rejected = parsed.rejected + loaded.rejected
    data = parsed.read - parsed.blank - parsed.footer
    if loaded.too_many or (loaded.rejected and dataset.quarantine.exceeded(rejected, data)):
        record = _too_many(dataset, report, loaded, rejected)
        outcome = _refused_rows(result, record, merged, total + 1, codes + Counter({TOO_MANY: 1}))
        return replace(outcome, table_refused=True)
    rows = RowCounts(
        read=parsed.read,
        inserted=loaded.inserted,
        updated=loaded.updated,
        unchanged=loaded.unchanged,
        skipped=loaded.skipped,
        duplicate=parsed.duplicate,
        rejected=rejected,
        blank=parsed.blank,
        footer=parsed.footer,
    )
    if rows.unaccounted():
        raise RowsUnaccountedError(f"{rows.unaccounted()} of {rows.read} rows are unaccounted for: {rows}")
    return Outcome(
        state="partial" if rejected else "loaded",
        spec_version=dataset.version,
        rows=rows,
        reason="; ".join(_remarks(dataset, report, loaded, correction, rejected)) or None,
        records=merged,
        errors_total=total,
        codes=codes,
        seconds={**report.seconds, "load": load_seconds},
        cpu_seconds=result.cpu_seconds,
        peak_rss_bytes=result.peak_rss_bytes,
        preview=Preview(columns=loaded.sample.columns, rows=loaded.sample.rows) if loaded.sample else None,
    )


def parsed_only(report: Report) -> Outcome:
    """Return what a file would come to if the table took every row; those count as inserted."""
    parsed, rejection, reason = report.rows, report.rejection, ""
    if rejection is None:
        state: State = "partial" if parsed.rejected else "loaded"
        rows = replace(_nothing_loaded(parsed), inserted=parsed.accepted, rejected=parsed.rejected)
        if parsed.rejected:
            reason = reasons.rows_rejected(parsed.rejected)
    else:
        state, rows, reason = "rejected", _nothing_loaded(parsed), reasons.reason_of(rejection)
    return Outcome(
        state=state,
        rows=rows,
        reason=reason or None,
        records=tuple(record.as_dict() for record in report.errors),
        errors_total=report.errors_total,
        codes=report.codes,
        seconds=report.seconds,
    )


def _remarks(
    dataset: Dataset, report: Report, loaded: Loaded, correction: Correction | None, rejected: int
) -> Iterator[str]:
    """Yield what people should know of a load that went through."""
    if rejected:
        yield reasons.rows_rejected(rejected)
    if loaded.skipped:
        yield reasons.rows_skipped(loaded.skipped, dataset.load.table)
    if report.loaded_before:
        yield reasons.rows_loaded_before(report.loaded_before)
    if correction is not None and correction.of_refused and report.handed_back:
        yield reasons.OF_A_REFUSED_FILE.format(job=correction.of_job)
    if correction is None and report.handed_back and tells_rows_apart(dataset):
        yield reasons.CORRECTS_NO_JOB
    if loaded.held_back:
        yield reasons.ROWS_KEPT
    if loaded.stayed:
        yield reasons.ROWS_STAYED.format(table=dataset.load.table)


def _too_many(dataset: Dataset, report: Report, loaded: Loaded, rejected: int) -> ErrorRecord:
    """Return why a file is refused whose rows the table does not take."""
    conflicts = loaded.refused.get("row.key_conflict", 0)
    table, first = dataset.load.table, loaded.records[0] if loaded.records else None
    if conflicts:
        why = say(
            "{rows} of them because their key is in table {table} already with other values",
            rows=conflicts,
            table=table,
        )
    elif first is None:
        why = say("{rows} of them by table {table}", rows=loaded.rejected, table=table)
    else:
        about = {"rows": loaded.rejected, "table": table, "reason": first.message}
        why = say("{rows} of them by table {table}: {reason}", **about)
    counts = {"rejected": rejected, "rows": report.rows.read, "why": why}
    return ErrorRecord(
        code=TOO_MANY,
        message=say("{rejected} of {rows} rows or more are refused, {why}", **counts)
        if loaded.too_many
        else say("{rejected} of {rows} rows are refused, {why}", **counts),
        hint=say("correct the rows, use load mode upsert, or raise the dataset's quarantine limits")
        if conflicts
        else say("correct the rows, or raise the dataset's quarantine limits"),
        sheet=report.sheet,
        spec_version=dataset.version,
    )


def _refused_rows(result: TaskResult, rejection: ErrorRecord, records: Records, total: int, codes: Any) -> Outcome:
    first = rejection.as_dict()
    return Outcome(
        state="rejected",
        rows=_nothing_loaded(result.value.rows),
        reason=reasons.reason_of(rejection),
        records=records if first in records else (first, *records),
        errors_total=max(1, total),
        codes=codes,
        seconds=result.value.seconds,
        cpu_seconds=result.cpu_seconds,
        peak_rss_bytes=result.peak_rss_bytes,
    )


def _nothing_loaded(parsed: ParsedRows) -> RowCounts:
    """Count the rows of a file that is refused as a whole: each that held data is rejected."""
    return RowCounts(
        read=parsed.read,
        duplicate=parsed.duplicate,
        rejected=parsed.accepted + parsed.rejected,
        blank=parsed.blank,
        footer=parsed.footer,
    )
