"""The jobs over HTTP: hand in, list, show, hand back, retry, cancel. What each of these is lies behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import web

from ingest.errors import FileRejectedError

from .api_schemas import CSV, ERROR_PAGE, JOB, JOB_DETAIL, JOB_PAGE, XLSX
from .errors import KeyUsedError
from .handback import NothingToHandBackError
from .interventions import NotPossibleError
from .job_queries import JobFilter
from .jobs import REJECTS_KEPT, STATES
from .problems import ProblemError, of_rejection
from .routes import Answer, Parameter, Route

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.spec import Dataset

    from .auth import Principal
    from .handback import Handback
    from .interventions import Interventions
    from .job_queries import JobQueries
    from .jobs import Job
    from .submissions import Submissions
    from .uploads import Uploaded, Uploads

PAGE_MAX: Final = 500
PAGE: Final = 50
NAME_LENGTH: Final = 255
TEXT_LENGTH: Final = 200
KEY_LENGTH: Final = 255
ID_DIGITS: Final = 18
"""What fits a 64-bit key."""

WHOLE: Final = {"type": "integer", "minimum": 1, "maximum": 10**ID_DIGITS - 1}
ID: Final = Parameter(name="id", place="path", required=True, description="The job's number.", schema=WHOLE)
LIMIT: Final = Parameter(
    name="limit",
    description=f"How many at most; more than {PAGE_MAX} are never sent.",
    schema={**WHOLE, "default": PAGE},
)
CURSOR: Final = Parameter(name="cursor", description="`next_cursor` of the page before.", schema=WHOLE)
STATE: Final = Parameter(
    name="state", description="Only jobs in this state.", schema={"type": "string", "enum": list(STATES)}
)
DATASET: Final = Parameter(
    name="dataset", description="Only jobs of this dataset.", schema={"type": "string", "maxLength": TEXT_LENGTH}
)
TEXT: Final = Parameter(
    name="text",
    description="Only jobs whose file's name has this in it, in whichever case. A page may then be short, or "
    "empty, and still have a `next_cursor`: go on with it.",
    schema={"type": "string", "maxLength": TEXT_LENGTH},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What a workbook is handed in as."""

    dataset: Dataset
    file: str
    fixes: Job | None


class JobRoutes:
    """Routes below /api/v1/jobs. Who may only submit sees and changes only what it handed in itself."""

    def __init__(
        self,
        *,
        queries: JobQueries,
        submissions: Submissions,
        uploads: Uploads,
        handback: Handback,
        interventions: Interventions,
    ) -> None:
        self._queries, self._submissions, self._uploads = queries, submissions, uploads
        self._handback, self._interventions = handback, interventions
        self._keys: set[tuple[str, str]] = set()

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        shown = Answer(description="The job.", content={"application/json": JOB})
        return (
            Route(
                method="POST",
                path="/api/v1/jobs",
                handler=self._create,
                roles=("submit",),
                summary="Hand a workbook in",
                parameters=CREATE_PARAMETERS,
                body=CREATE_BODY,
                answers={
                    200: Answer(
                        description="The job that was made under this idempotency key before.",
                        content={"application/json": JOB},
                    ),
                    201: Answer(
                        description="The job: the workbook is safely stored, and reaches exactly one final state.",
                        content={"application/json": JOB},
                        headers={"Location": "Where the job is found."},
                    ),
                },
                problems=(404, 408, 409, 413, 415, 422, 507),
            ),
            Route(
                method="GET",
                path="/api/v1/jobs",
                handler=self._list,
                roles=("read", "submit"),
                summary="List jobs, newest first",
                parameters=(LIMIT, CURSOR, STATE, DATASET, TEXT),
                answers={200: Answer(description="A page of jobs.", content={"application/json": JOB_PAGE})},
            ),
            Route(
                method="GET",
                path="/api/v1/jobs/{id}",
                handler=self._show,
                roles=("read", "submit"),
                summary="Show a job with its first error records and its events",
                parameters=(ID,),
                answers={200: Answer(description="The job.", content={"application/json": JOB_DETAIL})},
                problems=(404,),
            ),
            Route(
                method="GET",
                path="/api/v1/jobs/{id}/rejects",
                handler=self._rejects,
                roles=("read", "submit"),
                summary="Get the rejected rows, to be corrected and handed in again",
                parameters=(ID, FORMAT, LIMIT, CURSOR),
                answers={
                    200: Answer(
                        description="The annotated workbook, the rows as CSV, or a page of error records.",
                        content={XLSX: BINARY, CSV: {"type": "string"}, "application/json": ERROR_PAGE},
                    )
                },
                problems=(404, 409),
            ),
            Route(
                method="POST",
                path="/api/v1/jobs/{id}/retry",
                handler=self._retry,
                roles=("submit",),
                summary="Put a dead or cancelled job back in the queue",
                parameters=(ID,),
                answers={200: shown},
                problems=(404, 409),
            ),
            Route(
                method="POST",
                path="/api/v1/jobs/{id}/cancel",
                handler=self._cancel,
                roles=("submit",),
                summary="End a job that waits or runs; its worker is killed",
                parameters=(ID,),
                answers={
                    200: shown,
                    202: Answer(
                        description="The job runs; it will be `cancelled` unless its load was committed by then.",
                        content={"application/json": JOB},
                    ),
                },
                problems=(404, 409),
            ),
        )

    # -- hand in -------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.Response:
        principal: Principal = request["principal"]
        key = _idempotency_key(request)
        if key is None:
            return await self._receive(request, None)
        if (principal.name, key) in self._keys:
            raise ProblemError(409, "a request with this Idempotency-Key is under way")
        self._keys.add((principal.name, key))
        try:
            return await self._receive(request, key)
        finally:
            self._keys.discard((principal.name, key))

    async def _receive(self, request: web.Request, key: str | None) -> web.Response:
        # A form names its dataset inside; anything else is refused before its body is read.
        known = None if request.content_type == "multipart/form-data" else await self._entry(request, {}, None)
        uploaded = await self._uploads.receive(request)
        try:
            before = key and await self._queries.by_key(request["principal"].name, key)
            entry = known or await self._entry(request, uploaded.fields, uploaded.name)
        except BaseException:
            await self._submissions.drop(uploaded.received)
            raise
        if before:
            await self._submissions.drop(uploaded.received)
            return _replayed(before, uploaded)
        try:
            job = await self._submissions.enter(
                uploaded.received,
                dataset=entry.dataset,
                file=entry.file,
                source="http",
                fixes=entry.fixes,
                submitter=request["principal"].name,
                idempotency_key=key,
            )
        except KeyUsedError as error:
            raise ProblemError(409, "a request with this Idempotency-Key was taken a moment ago") from error
        return web.json_response(job.as_dict(), status=201, headers={"Location": f"/api/v1/jobs/{job.id}"})

    async def _entry(self, request: web.Request, fields: Mapping[str, str], name: str | None) -> _Entry:
        given = {**fields, **request.query}
        file = _file_name(given.get("name") or name)
        fixes = await self._job(request, given["fixes"]) if given.get("fixes") else None
        try:
            dataset = self._submissions.choose(fixes.dataset if fixes else given.get("dataset") or None, file)
        except FileRejectedError as error:
            raise of_rejection(422, error) from error
        return _Entry(dataset=dataset, file=file, fixes=fixes)

    # -- look ----------------------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.Response:
        principal: Principal = request["principal"]
        state = request.query.get("state")
        if state is not None and state not in STATES:
            raise ProblemError(400, f"state is one of: {', '.join(STATES)}")
        where = JobFilter(
            state=state,
            dataset=_text(request, "dataset"),
            text=_text(request, "text"),
            submitter=principal.owner,
        )
        page = await self._queries.page(where, limit=_limit(request), before=_number(request, "cursor"))
        cursor = None if page.next_before is None else str(page.next_before)
        return web.json_response({"jobs": [job.as_dict() for job in page.jobs], "next_cursor": cursor})

    async def _show(self, request: web.Request) -> web.Response:
        job = await self._job(request, request.match_info["id"])
        return web.json_response({**job.as_dict(), "events": await self._queries.events(job.id)})

    async def _job(self, request: web.Request, text: str) -> Job:
        """Return the job if the principal may see it; one that it may not see is not there."""
        owner = cast("Principal", request["principal"]).owner
        job = await self._queries.job(int(text)) if _is_id(text) else None
        if job is None or (owner is not None and job.submitter != owner):
            raise ProblemError(404, f"there is no job {text}")
        return job

    async def _rejects(self, request: web.Request) -> web.StreamResponse:
        limit, cursor = _limit(request), _number(request, "cursor")
        job = await self._job(request, request.match_info["id"])
        form = request.query.get("format", "xlsx")
        if form == "json":
            return await self._error_page(job, limit, cursor)
        if form not in ("xlsx", "csv"):
            raise ProblemError(400, "format is one of: xlsx, csv, json")
        response = web.StreamResponse(
            headers={
                "Content-Type": f"{CSV}; charset=utf-8" if form == "csv" else XLSX,
                "Content-Disposition": f'attachment; filename="rejects-{job.id}.{form}"',
            },
        )
        try:
            async with self._handback.written(job, "csv" if form == "csv" else "xlsx") as path:
                await response.prepare(request)
                async for chunk in self._handback.chunks(path):
                    await response.write(chunk)
        except NothingToHandBackError as error:
            raise ProblemError(409, str(error)) from error
        except FileRejectedError as error:
            raise of_rejection(409, error) from error
        return response

    async def _error_page(self, job: Job, limit: int, cursor: int | None) -> web.Response:
        records = await self._queries.records(job.id, limit=limit + 1, after=cursor or 0)
        following = str(records[limit - 1][0]) if len(records) > limit else None
        return web.json_response(
            {
                "errors": [record for _, record in records[:limit]],
                "errors_total": job.errors_total,
                "errors_kept": min(job.errors_total, REJECTS_KEPT),
                "next_cursor": following,
            }
        )

    # -- change --------------------------------------------------------------------------------------

    async def _retry(self, request: web.Request) -> web.Response:
        job = await self._job(request, request.match_info["id"])
        try:
            changed = await self._interventions.retry(job, by=request["principal"].name)
        except NotPossibleError as error:
            raise ProblemError(409, str(error)) from error
        return web.json_response(changed.as_dict())

    async def _cancel(self, request: web.Request) -> web.Response:
        job = await self._job(request, request.match_info["id"])
        try:
            changed = await self._interventions.cancel(job, by=request["principal"].name)
        except NotPossibleError as error:
            raise ProblemError(409, str(error)) from error
        return web.json_response(changed.as_dict(), status=200 if changed.finished else 202)


BINARY: Final = {"type": "string", "format": "binary"}
FORMAT: Final = Parameter(
    name="format",
    description="`json` gives pages of error records; `limit` and `cursor` are for these only.",
    schema={"type": "string", "enum": ["xlsx", "csv", "json"], "default": "xlsx"},
)
CREATE_PARAMETERS: Final = (
    Parameter(
        name="name",
        description="The file's name, a label only. Without a dataset it decides, by the datasets' `match`.",
        schema={"type": "string"},
    ),
    Parameter(name="dataset", description="The dataset.", schema={"type": "string"}),
    Parameter(name="fixes", description="The job whose rejected rows the file has in a corrected form.", schema=WHOLE),
    Parameter(
        name="Idempotency-Key",
        place="header",
        description="A request repeated under the same key and with the same bytes gets the same job again.",
        schema={"type": "string", "minLength": 1, "maxLength": KEY_LENGTH, "pattern": "^[!-~]+$"},
    ),
)
CREATE_BODY: Final[dict[str, dict[str, Any]]] = {
    "application/octet-stream": BINARY,
    "multipart/form-data": {
        "type": "object",
        "properties": {
            "file": BINARY,
            "name": {"type": "string"},
            "dataset": {"type": "string"},
            "fixes": {"type": "string"},
        },
        "required": ["file"],
    },
}


def _replayed(job: Job, uploaded: Uploaded) -> web.Response:
    if job.sha256 != uploaded.received.sha256:
        raise ProblemError(422, "this Idempotency-Key was used for other bytes; take a fresh key for each workbook")
    return web.json_response(job.as_dict(), headers={"Location": f"/api/v1/jobs/{job.id}"})


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= KEY_LENGTH or not all("!" <= character <= "~" for character in key):
        raise ProblemError(400, f"an Idempotency-Key has 1 to {KEY_LENGTH} visible ASCII characters")
    return key


def _file_name(name: str | None) -> str:
    """Return the last part of the name the client gave; it is a label, never a path."""
    last = (name or "upload").replace("\\", "/").rsplit("/", 1)[-1]
    cleaned = "".join(character for character in last if character.isprintable())[:NAME_LENGTH]
    return cleaned or "upload"


def _text(request: web.Request, key: str) -> str | None:
    text = request.query.get(key)
    if text is not None and (len(text) > TEXT_LENGTH or "\0" in text):
        raise ProblemError(400, f"{key} has at most {TEXT_LENGTH} characters, none of them NUL")
    return text or None


def _limit(request: web.Request) -> int:
    return min(_number(request, "limit") or PAGE, PAGE_MAX)


def _number(request: web.Request, key: str) -> int | None:
    text = request.query.get(key)
    if text is None:
        return None
    if not _is_id(text) or int(text) < 1:
        raise ProblemError(400, f"{key} is a whole number from 1")
    return int(text)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= ID_DIGITS
