"""How an attempt ends: owns the step from a parse report and a load to the one outcome that is committed and told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import ErrorRecord
from ingest.load.load import key_conflict
from ingest.output.report import REJECTED_FILE

from ..errors import RowsUnaccountedError, first_line
from ..ledger.jobs import REJECTS_KEPT, Outcome, RowCounts

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.load.statements import Loaded
    from ingest.output.report import ParsedRows, Report
    from ingest.spec.dataset import Dataset

    from ..executors.serialization import TaskResult

Records = tuple[dict[str, Any], ...]
TOO_MANY: Final = "table.too_many_bad_rows"


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
        reason=_reason(record),
        records=(record.as_dict(),),
        errors_total=1,
        codes={record.code: 1},
    )


def given_up(code: str, error: Exception) -> Outcome:
    """Return the outcome of a job that is dead for another reason than what is in its file."""
    record = ErrorRecord(code=code, message=first_line(error), hint="correct the cause, then submit the file again")
    return replace(refused_file(record), state="dead")


def refused_parse(result: TaskResult, rejection: ErrorRecord, records: Records) -> Outcome:
    """Return the outcome of a file that the parse refused as a whole."""
    report: Report = result.value
    return _refused_rows(result, rejection, records, report.errors_total, report.codes)


def loaded_rows(dataset: Dataset, result: TaskResult, records: Records, loaded: Loaded, load_seconds: float) -> Outcome:
    """Return the outcome of a load: `loaded`, `partial`, or `rejected` if its key conflicts pass the tolerance.

    A rejected outcome means that the transaction must be rolled back.

    Raises:
        RowsUnaccountedError: the conservation law does not hold; nothing may be committed.

    """
    report: Report = result.value
    parsed = report.rows
    conflicts = tuple(key_conflict(dataset, report.sheet, row).as_dict() for row in loaded.conflict_rows)
    merged = tuple(sorted((*records, *conflicts), key=lambda record: (record["row"] or 0, record["column"] or 0)))
    codes = Counter(report.codes)
    if loaded.conflicts:
        codes["row.key_conflict"] += loaded.conflicts
    total = report.errors_total + loaded.conflicts
    rejected = parsed.rejected + loaded.conflicts
    if loaded.conflicts and dataset.quarantine.exceeded(rejected, parsed.read - parsed.blank - parsed.footer):
        record = ErrorRecord(
            code=TOO_MANY,
            message=f"{rejected} of {parsed.read} rows are refused, {loaded.conflicts} of them because their key is "
            f"in table {dataset.load.table} already with other values",
            hint="correct the rows, use load mode upsert, or raise the dataset's quarantine limits",
            sheet=report.sheet,
            spec_version=dataset.version,
        )
        return _refused_rows(result, record, merged, total + 1, {**codes, TOO_MANY: 1})
    rows = RowCounts(
        read=parsed.read,
        inserted=loaded.inserted,
        updated=loaded.updated,
        unchanged=loaded.unchanged,
        duplicate=parsed.duplicate,
        rejected=rejected,
        blank=parsed.blank,
        footer=parsed.footer,
    )
    if rows.unaccounted():
        raise RowsUnaccountedError(f"{rows.unaccounted()} of {rows.read} rows are unaccounted for: {rows}")
    return Outcome(
        state="partial" if rejected else "loaded",
        rows=rows,
        reason=f"{rejected} rows rejected" if rejected else None,
        records=merged,
        errors_total=total,
        codes=codes,
        seconds={**report.seconds, "load": load_seconds},
        cpu_seconds=result.cpu_seconds,
        peak_rss_bytes=result.peak_rss_bytes,
    )


def _refused_rows(result: TaskResult, rejection: ErrorRecord, records: Records, total: int, codes: Any) -> Outcome:
    first = rejection.as_dict()
    return Outcome(
        state="rejected",
        rows=_nothing_loaded(result.value.rows),
        reason=_reason(rejection),
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


def _reason(record: ErrorRecord) -> str:
    return f"{record.code}: {record.message}; {record.hint}"
