"""What a reply says: what became of each attachment, in the language of its dataset. Sends nothing, reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from ingest.errors import ErrorRecord
from ingest.languages import in_language
from ingest.messages import say, say_n

from ...ledger.reasons import STATE_WORDS, told_reason

if TYPE_CHECKING:
    from ...ledger.jobs import Job
    from ...ledger.mail import Letter

RECORDS_TOLD: Final = 20
"""Errors of one file that stand in the text; the workbook has all."""
Attached = Literal["yes", "too_large", "no"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldJob:
    """A job of a message, as it is told: for a duplicate, `decisive` is the job whose content it has."""

    job: Job
    decisive: Job
    records: tuple[Mapping[str, Any], ...] = ()
    attached: Attached = "no"


def reply_text(letter: Letter, jobs: tuple[ToldJob, ...]) -> str:
    """Return the whole text."""
    lines = [line for told in jobs for line in (*_about(told, letter.language), "")]
    lines += [line for refusal in letter.refusals for line in (_refusal(refusal, letter.language), "")]
    if any(told.attached == "yes" and told.decisive.state == "rejected" for told in jobs):
        advice = say(
            "Where nothing of a file is loaded, the attached workbook shows its rows with mistakes alone: correct the "
            "whole file, and send that."
        )
        lines += [in_language(advice, letter.language), ""]
    if any(told.attached == "yes" and told.decisive.state != "rejected" for told in jobs):
        advice = say(
            "The rejected rows are in the attached workbook, each with what is wrong with it. Correct them there, save "
            "it, and answer this message with it: only these rows are loaded then."
        )
        lines += [in_language(advice, letter.language), ""]
    lines.append(in_language(say("A program has written this message."), letter.language))
    return "\n".join(lines) + "\n"


def _about(told: ToldJob, language: str) -> Iterator[str]:
    yield in_language(_headline(told), language)
    if told.decisive.state not in {"loaded", "partial"}:
        reason = told_reason(told.decisive.reason, language, told.records[0] if told.records else None)
        yield from (f"  {reason}",) if reason and not told.records else ()
    for kept in told.records[:RECORDS_TOLD]:
        yield f"  - {_record(ErrorRecord.from_dict(kept).in_language(language))}"
    if (more := told.decisive.errors_total - RECORDS_TOLD) > 0 and told.records:
        yield f"  {in_language(say_n('and {n} more error', 'and {n} more errors', more), language)}"
    if told.attached == "too_large":
        large = say(
            "The workbook with the rejected rows is too large for a mail: ask whoever runs this for that of job {job}.",
            job=told.decisive.id,
        )
        yield f"  {in_language(large, language)}"


def _headline(told: ToldJob) -> str:
    job, rows = told.job, told.decisive.rows
    loaded = rows.inserted + rows.updated + rows.unchanged
    about = {"file": job.file, "job": job.id}
    if job.state == "duplicate":
        first = told.decisive.id
        return say(
            "{file}: the same content came before as job {job}, and is not loaded again", **about | {"job": first}
        )
    if job.state == "loaded":
        return say_n(
            "{file}: {n} row is loaded (job {job})", "{file}: {n} rows are loaded (job {job})", loaded, **about
        )
    if job.state == "partial":
        counts = {"loaded": loaded, "rejected": rows.rejected}
        return say("{file}: {loaded} rows are loaded, {rejected} are rejected (job {job})", **about, **counts)
    return say("{file}: {state} (job {job})", state=STATE_WORDS[job.state], **about)


def _record(record: ErrorRecord) -> str:
    place = ", ".join(part for part in (record.sheet, record.cell) if part)
    said = f"{record.message}; {record.hint}" if record.hint else record.message
    return f"{place}: {said}" if place else said


def _refusal(refusal: Mapping[str, Any], language: str) -> str:
    said = _record(ErrorRecord.from_dict(refusal["record"]).in_language(language))
    return f"{refusal['file']}: {said}" if refusal["file"] else said
