"""POST /api/v1/jobs: a workbook is handed in, once for each idempotency key. What happens to it lies behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import FileRejectedError
from ingest.messages import said_by, say

from ..errors import KeyUsedError
from ..ledger.reasons import told_job
from ..ledger.retry_cancel import NotPossibleError
from .auth import PRINCIPAL
from .languages import answer_in, language_of
from .problems import ProblemError, of_rejection
from .request_parameters import ID, WHOLE, file_name, find_job
from .routes import Answer, Parameter, Route
from .schemas import BINARY, JOB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp import web

    from ingest.spec.dataset import Dataset

    from ..intake.submissions import Submissions
    from ..ledger.jobs import Job
    from ..ledger.queries import JobQueries
    from .uploads import Uploaded, Uploads

KEY_LENGTH: Final = 255
SWITCH: Final = ("true", "false")
"""What a parameter may say that is on or off."""

CREATE_PARAMETERS: Final = (
    Parameter(
        name="name",
        description="The file's name, a label only. Without a dataset it decides, by the datasets' `match`.",
        schema={"type": "string"},
    ),
    Parameter(name="dataset", description="The dataset.", schema={"type": "string"}),
    Parameter(name="fixes", description="The job whose rejected rows the file has in a corrected form.", schema=WHOLE),
    Parameter(
        name="again",
        description="Load the workbook also where its content was loaded before.",
        schema={"type": "string", "enum": list(SWITCH)},
    ),
    Parameter(
        name="check",
        description="Load nothing, and tell what would become of the workbook.",
        schema={"type": "string", "enum": list(SWITCH)},
    ),
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
            "again": {"type": "string", "enum": list(SWITCH)},
            "check": {"type": "string", "enum": list(SWITCH)},
        },
        "required": ["file"],
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What a workbook is handed in as."""

    dataset: Dataset
    file: str
    fixes: Job | None
    again: bool
    check_only: bool


class SubmissionRoutes:
    """The way in over HTTP."""

    def __init__(self, *, queries: JobQueries, submissions: Submissions, uploads: Uploads) -> None:
        self._queries, self._submissions, self._uploads = queries, submissions, uploads
        self._keys: set[tuple[str, str]] = set()

    def routes(self) -> Sequence[Route]:
        """Return the route."""
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
                method="POST",
                path="/api/v1/jobs/{id}/load",
                handler=self._load,
                roles=("submit",),
                summary="Load the workbook that a job has checked",
                parameters=(ID,),
                answers={
                    201: Answer(
                        description="The job that loads it; nothing is sent again.",
                        content={"application/json": JOB},
                        headers={"Location": "Where the job is found."},
                    ),
                },
                problems=(404, 409),
            ),
        )

    async def _create(self, request: web.Request) -> web.Response:
        principal = request[PRINCIPAL]
        key = _idempotency_key(request)
        if key is None:
            return await self._receive(request, None)
        if (principal.name, key) in self._keys:
            raise ProblemError(409, say("a request with this Idempotency-Key is under way"))
        self._keys.add((principal.name, key))
        try:
            return await self._receive(request, key)
        finally:
            self._keys.discard((principal.name, key))

    async def _receive(self, request: web.Request, key: str | None) -> web.Response:
        # A form may name its dataset inside; whatever the query says is refused before a body is read.
        form = request.content_type == "multipart/form-data"
        told = not form or not {"dataset", "fixes"}.isdisjoint(request.query)
        entry = await self._entry(request, {}, None) if told else None
        uploaded = await self._uploads.receive(request)
        try:
            before = key and await self._queries.by_key(request[PRINCIPAL].name, key)
            if form or entry is None:
                entry = await self._entry(request, uploaded.fields, uploaded.name)
        except BaseException:
            await self._submissions.drop(uploaded.received)
            raise
        if before:
            await self._submissions.drop(uploaded.received)
            return _replayed(request, before, uploaded)
        try:
            job = await self._submissions.enter(
                uploaded.received,
                dataset=entry.dataset,
                file=entry.file,
                source="http",
                fixes=entry.fixes,
                again=entry.again,
                check_only=entry.check_only,
                submitter=request[PRINCIPAL].name,
                idempotency_key=key,
            )
        except KeyUsedError as error:
            raise ProblemError(409, say("a request with this Idempotency-Key was taken a moment ago")) from error
        return _told(request, job, status=201)

    async def _load(self, request: web.Request) -> web.Response:
        checked = await find_job(self._queries, request, request.match_info["id"])
        try:
            job = await self._submissions.load(checked, by=request[PRINCIPAL].name)
        except NotPossibleError as error:
            raise ProblemError(409, said_by(error)) from error
        return _told(request, job, status=201)

    async def _entry(self, request: web.Request, fields: Mapping[str, str], name: str | None) -> _Entry:
        given = {**fields, **request.query}
        file = file_name(given.get("name") or name)
        if request.query.get("fixes") == "":  # a form leaves its fields empty, an address does not
            raise ProblemError(400, say("fixes is the number of a job"))
        fixes = await find_job(self._queries, request, given["fixes"]) if given.get("fixes") else None
        try:
            dataset = self._submissions.choose(fixes.dataset if fixes else given.get("dataset") or None, file)
        except FileRejectedError as error:
            raise of_rejection(422, error) from error
        # A wrong word in the form is none the less wrong where the query has a right one.
        for switch in ("again", "check"):
            if any(place.get(switch, "false") not in SWITCH for place in (fields, request.query)):
                raise ProblemError(400, say("{name} is one of: {values}", name=switch, values=", ".join(SWITCH)))
        return _Entry(
            dataset=dataset,
            file=file,
            fixes=fixes,
            again=given.get("again") == "true",
            check_only=given.get("check") == "true",
        )


def _told(request: web.Request, job: Job, *, status: int) -> web.Response:
    language = language_of(request)
    headers = {"Location": f"/api/v1/jobs/{job.id}"}
    return answer_in(language, told_job(job, language), status=status, headers=headers)


def _replayed(request: web.Request, job: Job, uploaded: Uploaded) -> web.Response:
    if job.sha256 != uploaded.received.sha256:
        raise ProblemError(
            422, say("this Idempotency-Key was used for other bytes; take a fresh key for each workbook")
        )
    return _told(request, job, status=200)


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= KEY_LENGTH or not all("!" <= character <= "~" for character in key):
        raise ProblemError(400, say("an Idempotency-Key has 1 to {limit} visible ASCII characters", limit=KEY_LENGTH))
    return key
