"""What the API says in the language of who asks (RFC 9110, 12.5.4): jobs, error records and the answers' headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from ingest.errors import told_record
from ingest.languages import ENGLISH, best_language, in_language

from ..ledger.reasons import known_again

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..ledger.jobs import Job


def language_of(request: web.BaseRequest) -> str:
    """Return the language that a request asks for, of those that there are."""
    return best_language(", ".join(request.headers.getall("Accept-Language", ())))


def language_headers(language: str) -> dict[str, str]:
    """Return the headers of an answer in a language that was asked for."""
    return {"Content-Language": language, "Vary": "Accept-Language"}


def answer_in(
    language: str, body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return what is said in a language as JSON."""
    return web.json_response(body, status=status, headers={**language_headers(language), **(headers or {})})


def told_records(records: Iterable[Mapping[str, Any]], language: str) -> list[dict[str, Any]]:
    """Return error records as the API shows them."""
    return [told_record(record, language) for record in records]


def told_job(job: Job, language: str, record: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a job as the API shows it; `record` is its first error record, if the job is without them."""
    shown = job.as_dict()
    record = job.errors[0] if job.errors else record
    return {
        **shown,
        "reason": told_reason(job.reason, language, record),
        "errors": told_records(job.errors, language),
    }


def told_reason(reason: str | None, language: str, record: Mapping[str, Any] | None = None) -> str | None:
    """Return why a job is in its state, or what is noted of an event, in a language."""
    if reason is None or language == ENGLISH:
        return reason
    return in_language(known_again(reason, record), language)
