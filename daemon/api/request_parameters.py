"""How requests name jobs and pages of them: owns the parameters and who sees which job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.messages import say

from ..intake.labels import file_label
from .auth import PRINCIPAL
from .parameter_problems import wrong_parameter
from .problems import ProblemError
from .routes import Parameter

if TYPE_CHECKING:
    from aiohttp import web

    from ..ledger.jobs import Job
    from ..ledger.queries import JobQueries

PAGE_MAX: Final = 500
PAGE: Final = 50
ID_DIGITS: Final = 18
"""What fits a 64-bit key."""
TEXT_LENGTH: Final = 200
"""Of a text that is looked for in the database."""

WHOLE: Final = {"type": "integer", "minimum": 1, "maximum": 10**ID_DIGITS - 1}
ID: Final = Parameter(name="id", place="path", required=True, description="The job's number.", schema=WHOLE)
LIMIT: Final = Parameter(
    name="limit",
    description=f"How many at most; more than {PAGE_MAX} are never sent.",
    schema={**WHOLE, "default": PAGE},
)
CURSOR: Final = Parameter(name="cursor", description="`next_cursor` of the page before.", schema=WHOLE)


async def find_job(queries: JobQueries, request: web.Request, text: str) -> Job:
    """Return the job of that number if the principal may see it; one that it may not see is not there.

    Raises:
        ProblemError: 404.

    """
    owner = request[PRINCIPAL].owner
    number = id_of(text)
    job = None if number is None else await queries.job(number)
    if job is None or (owner is not None and job.submitter != owner):
        raise ProblemError(404, say("there is no job {number}", number=text))
    return job


def id_of(text: str) -> int | None:
    """Return the number in a path, None for what is none or no key can be."""
    return int(text) if _is_id(text) else None


def limit_of(request: web.Request) -> int:
    """Return how many a page is to have at most."""
    return min(number_of(request, "limit") or PAGE, PAGE_MAX)


def number_of(request: web.Request, key: str) -> int | None:
    """Return a number of the query, None if it is not given; ProblemError 400 if it is none."""
    text = request.query.get(key)
    if text is None:
        return None
    if not _is_id(text) or int(text) < 1:
        raise wrong_parameter(key, say("{name} is a whole number from 1", name=key))
    return int(text)


def text_of(request: web.Request, key: str) -> str | None:
    """Return a text of the query, None if it is not given or empty; ProblemError 400 if it is none to look for."""
    text = request.query.get(key)
    if text is not None and (len(text) > TEXT_LENGTH or "\0" in text):
        raise wrong_parameter(
            key, say("{name} has at most {limit} characters, none of them NUL", name=key, limit=TEXT_LENGTH)
        )
    return text or None


def file_name(name: str | None) -> str:
    """Return the name that the client gave a file, or one for a file without."""
    return file_label(name, "upload")


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= ID_DIGITS
