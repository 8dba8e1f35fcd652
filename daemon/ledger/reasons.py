"""Why a job is in its state, in the words that the ledger keeps: owns their templates, and how people are told.

The ledger keeps reasons as English texts alone: whoever shows one has it known again, as far as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ingest.errors import ErrorRecord, told_record
from ingest.languages import ENGLISH, in_language
from ingest.messages import Message, in_a_row, recognised, say, say_n

from .jobs import WAITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .jobs import Job

SAME_CONTENT: Final = say("the same content is job {job}")
SAME_CONTENT_CHECKED: Final = say("the same content is job {job}: it is not loaded again")
COMES_AFTER: Final = say("comes after job {job}")
SAME_FILE: Final = say("the same file was found again")
LOAD_REQUESTED: Final = say("as job {job}, by {name}")
RESOLVED: Final = say("resolved by job {job}")
BY: Final = say("by {name}")
CANCELLED: Final = say("cancelled by {name}")
CANCELLED_RUNNING: Final = say("cancelled while it ran")
DISMISSED: Final = say("dismissed by {name}; it had ended with: {reason}")
DAEMONS_DIED: Final = say("load.retry_exhausted: {daemons} daemons died while they held this job")
SUPERSEDED: Final = say("the file was changed while the job ran: nothing was loaded, it is taken anew")
MACHINE_LACKS: Final = say("waits: the machine lacks what it takes: {reason}")
OF_A_REFUSED_FILE: Final = say("job {job} was refused as a whole: rows that were good there are not among these")
CORRECTS_NO_JOB: Final = say(
    "these are rejected rows that were handed back, and came without the number of their job (fixes): those that come "
    "back once more are loaded twice"
)
ROWS_KEPT: Final = say("rows that the file does not have were kept: not every rejected row is known by its key")
ROWS_STAYED: Final = say(
    "rows that the file does not have are still in table {table}: row security, a trigger or a rule keeps them from "
    "being deleted; where they are only marked as deleted, write load.key_where"
)
STATE_WORDS: Final[Mapping[str, str]] = {
    "queued": say("queued"),
    "running": say("running"),
    "loaded": say("loaded"),
    "partial": say("partial"),
    "rejected": say("rejected"),
    "duplicate": say("duplicate"),
    "dead": say("dead"),
    "cancelled": say("cancelled"),
    "superseded": say("superseded"),
    "dismissed": say("dismissed"),
    "checked": say("checked"),
}
"""What people are told of a state."""
_WAITS: Final = say("waits: {reason}")
_WHOLE: Final = (SAME_CONTENT_CHECKED, SAME_CONTENT, COMES_AFTER, LOAD_REQUESTED, RESOLVED, DISMISSED, CANCELLED, BY)
_WAITING: Final = (MACHINE_LACKS, _WAITS)


def rows_rejected(rows: int) -> Message:
    """Return that so many rows of a file are rejected."""
    return say_n("{n} row rejected", "{n} rows rejected", rows)


def rows_skipped(rows: int, table: str) -> Message:
    """Return that the database has so many rows nowhere, or elsewhere."""
    return say_n(
        "{n} row left out or put elsewhere by a trigger, a rule or a view of table {table}",
        "{n} rows left out or put elsewhere by a trigger, a rule or a view of table {table}",
        rows,
        table=table,
    )


def rows_loaded_before(rows: int) -> Message:
    """Return that so many corrected rows need not be loaded any more."""
    return say_n(
        "{n} corrected row left out: it had come back, and was loaded, before",
        "{n} corrected rows left out: they had come back, and were loaded, before",
        rows,
    )


_PARTS: Final = (DAEMONS_DIED, rows_rejected(1), rows_skipped(1, ""), rows_loaded_before(1), OF_A_REFUSED_FILE)


def reason_of(record: ErrorRecord) -> str:
    """Return the reason of a job whose file is refused, or that is given up, for what the record says."""
    return say("{code}: {message}; {hint}", code=record.code, message=record.message, hint=record.hint)


def known_again(reason: str, record: Mapping[str, Any] | None = None) -> str:
    """Return a reason as a message, as far as its words are known; `record` is the first error record of its job."""
    if record is not None:
        first = ErrorRecord.from_dict(record)
        for said in (reason_of(first), first.message):
            if reason == said:
                return said
    if reason.startswith(WAITS):
        return recognised(reason, _WAITING)
    whole = recognised(reason, _WHOLE, lambda value: known_again(value, record))
    if whole is not reason:
        return whole
    return in_a_row(say(part) if (found := recognised(part, _PARTS)) is part else found for part in reason.split("; "))


def told_reason(reason: str | None, language: str, record: Mapping[str, Any] | None = None) -> str | None:
    """Return a reason, or what is noted of an event, in a language; `record` as in `known_again`."""
    if reason is None or language == ENGLISH:
        return reason
    return in_language(known_again(reason, record), language)


def told_records(records: Iterable[Mapping[str, Any]], language: str) -> list[dict[str, Any]]:
    """Return error records as people and programs are shown them, in a language."""
    return [told_record(record, language) for record in records]


def told_job(job: Job, language: str, record: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a job as people and programs are shown it; `record` is its first error record, if it has none with it."""
    first = job.errors[0] if job.errors else record
    return {
        **job.as_dict(),
        "reason": told_reason(job.reason, language, first),
        "errors": told_records(job.errors, language),
    }
