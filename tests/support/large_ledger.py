"""A ledger as years of work leave it, written by PostgreSQL itself: jobs that have ended, and jobs that wait."""

from __future__ import annotations

from typing import Final

DATASETS: Final = 20
SUBMITTERS: Final = 7
EVENTS_OF_A_JOB: Final = 3
PAST: Final = "past"
"""The daemon that the events of such jobs name."""

_COLUMNS: Final = """
dataset, spec_version, sha256, size_bytes, file, source, submitter, crashes, lost_leases, rows_read, rows_inserted,
rows_updated, rows_unchanged, rows_duplicate, rows_rejected, rows_blank, rows_footer, errors_total, seconds, attempt
"""
_REST: Final = f"""
1, md5('{{salt}}' || n) || md5('{{salt}}' || n + 1), 50000 + n % 1000,
'export-' || n || '.xlsx', 'http', 'shop-' || n % {SUBMITTERS}, 0, 0, 1000, 1000, 0, 0, 0, 0, 0, 0, 0,
'{{{{"read": 0.1, "load": 0.2}}}}'::json
"""
_NOW: Final = "extract(epoch FROM now())"
_HISTORY: Final = f"""
INSERT INTO headgate.job (
    {_COLUMNS}, state, first_job, spool_id, spool_key, run_at, created_at, started_at, finished_at
)
SELECT 'dataset-' || n % {DATASETS}, {_REST}, 1, state, CASE WHEN state = 'duplicate' THEN n - 1 END,
    '{{spool}}', CASE WHEN state IN ('dead', 'rejected', 'partial') AND n > {{jobs}} - {{kept}} THEN 'kept-' || n END,
    at, at, at, at
FROM (
    SELECT n, {_NOW} - {{seconds}} * (1 - n / {{jobs}}.0) AS at,
        CASE WHEN n % 9973 = 0 THEN 'dead' WHEN n % 97 = 0 THEN 'rejected' WHEN n % 53 = 0 THEN 'duplicate'
             WHEN n % 31 = 0 THEN 'partial' ELSE 'loaded' END AS state
    FROM generate_series(1, {{jobs}}) AS n
) AS made
"""
_EVENTS: Final = f"""
INSERT INTO headgate.event (job_id, at, event, attempt, daemon)
SELECT id, finished_at, event, 1, '{PAST}'
FROM headgate.job, LATERAL (VALUES ('queued'), ('running'), (state)) AS noted (event) ORDER BY id
"""
_RECORDS: Final = """
INSERT INTO headgate.reject (job_id, number, record)
SELECT id, 1, '{"code": "row.type", "message": "row 3 is no number"}' FROM headgate.job
WHERE state IN ('rejected', 'partial')
"""
_WAITING: Final = f"""
INSERT INTO headgate.job ({_COLUMNS}, state, spool_id, spool_key, run_at, created_at)
SELECT '{{dataset}}', {_REST}, 0, 'queued', '{{spool}}', 'waiting-' || n, {_NOW} - {{jobs}} + n, {_NOW} - {{jobs}} + n
FROM generate_series(1, {{jobs}}) AS n
"""


def history(jobs: int, *, spool: str, seconds: float, kept: int) -> tuple[str, ...]:
    """Return the statements that write jobs which ended within the last `seconds`, with their events and records.

    Of the last `kept` jobs those that were given up or have rejected rows still have their files in the spool. To be
    run in one session, by a superuser: the references between the rows are right, and are not looked at one by one.
    """
    return (
        "SET session_replication_role = replica",
        _HISTORY.format(jobs=jobs, spool=spool, seconds=seconds, kept=kept, salt="past"),
        _EVENTS,
        _RECORDS,
    )


def waiting(jobs: int, *, spool: str, dataset: str) -> str:
    """Return the statement that writes jobs which wait for a daemon of that spool, one of each second until now."""
    return _WAITING.format(jobs=jobs, spool=spool, dataset=dataset, salt=spool)
