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
from .parameter_problems import SWITCH, is_on, repeated, wrong_parameter
from .problems import ProblemError, of_rejection
from .request_parameters import ID, WHOLE, file_name, find_job, id_of
from .routes import FORM, Answer, Parameter, Route, form_fields
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
SOON: Final = say("send the same again in a moment")
"""What to do where a request of the same key is in the way: one whose connection is lost is so until it is given up."""

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
        description="A request repeated under the same key gets the same job again; the key of another one is refused.",
        schema={"type": "string", "minLength": 1, "maxLength": KEY_LENGTH, "pattern": "^[!-~]+$"},
    ),
)
CREATE_BODY: Final[dict[str, dict[str, Any]]] = {
    "application/octet-stream": BINARY,
    FORM: {
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
class _Asked:
    """What a request asks for, by its words alone."""

    file: str
    dataset: str | None
    fixes: str | None
    again: bool
    check_only: bool

    def other_than(self, job: Job) -> str | None:
        """Return the parameter by which a job was not asked for in these words, None if there is none.

        What decided in place of a dataset that is not named may be another by now: names and datasets are not compared.
        """
        same = {
            "dataset": self.dataset in (None, job.dataset),
            "fixes": (None if self.fixes is None else id_of(self.fixes) or 0) == job.fixes_job,
            "again": self.again == (job.repeats == "again"),
            "check": self.check_only == job.check_only,
        }
        return next((name for name, is_same in same.items() if not is_same), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What a workbook is handed in as."""

    dataset: Dataset
    fixes: Job | None


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
            raise ProblemError(409, say("a request with this Idempotency-Key is under way"), hint=SOON)
        self._keys.add((principal.name, key))
        try:
            return await self._receive(request, key)
        finally:
            self._keys.discard((principal.name, key))

    async def _receive(self, request: web.Request, key: str | None) -> web.Response:
        # A form may name its dataset inside; whatever the query says is refused before a body is read.
        form = request.content_type == FORM
        told = not form or not {"dataset", "fixes"}.isdisjoint(request.query)
        early = await self._before_its_body(request, key) if told else None
        uploaded = await self._uploads.receive(request, form_fields(CREATE_BODY))
        try:
            asked = _asked(request, uploaded.fields, uploaded.name)
            before = await self._before(request, key)
            if before is not None:
                _refuse_another(before, asked, uploaded)
            else:
                entry = await self._entry(request, asked) if form or early is None else early
        except BaseException:
            await self._submissions.drop(uploaded.received)
            raise
        if before is not None:
            await self._submissions.drop(uploaded.received)
            return _told(request, before, status=200)
        try:
            job = await self._submissions.enter(
                uploaded.received,
                dataset=entry.dataset,
                file=asked.file,
                source="http",
                fixes=entry.fixes,
                again=asked.again,
                check_only=asked.check_only,
                submitter=request[PRINCIPAL].name,
                idempotency_key=key,
            )
        except KeyUsedError as error:
            detail = say("a request with this Idempotency-Key was taken a moment ago")
            raise ProblemError(409, detail, hint=SOON) from error
        return _told(request, job, status=201)

    async def _before(self, request: web.Request, key: str | None) -> Job | None:
        return None if key is None else await self._queries.by_key(request[PRINCIPAL].name, key)

    async def _before_its_body(self, request: web.Request, key: str | None) -> _Entry | None:
        """Return what a request asks for whose body has not come; None if it comes again, and is refused by now.

        Its dataset may be gone since, but its job is there.
        """
        asked = _asked(request, {}, None)
        try:
            return await self._entry(request, asked)
        except ProblemError:
            if await self._before(request, key) is None:
                raise
            return None

    async def _load(self, request: web.Request) -> web.Response:
        checked = await find_job(self._queries, request, request.match_info["id"])
        try:
            job = await self._submissions.load(checked, by=request[PRINCIPAL].name)
        except NotPossibleError as error:
            raise ProblemError(409, said_by(error)) from error
        return _told(request, job, status=201)

    async def _entry(self, request: web.Request, asked: _Asked) -> _Entry:
        fixes = await find_job(self._queries, request, asked.fixes) if asked.fixes else None
        if fixes is not None and asked.dataset not in (None, fixes.dataset):
            raise wrong_parameter(
                "dataset",
                say("job {number} is of dataset {dataset}", number=fixes.id, dataset=fixes.dataset),
                fault="conflict",
                place="query" if request.query.get("dataset") else "form",
                hint=say("leave dataset out: corrected rows go where their job's did"),
                status=422,
            )
        try:
            dataset = self._submissions.choose(fixes.dataset if fixes else asked.dataset, asked.file)
        except FileRejectedError as error:
            raise of_rejection(422, error) from error
        return _Entry(dataset=dataset, fixes=fixes)


def _asked(request: web.Request, fields: Mapping[str, str], name: str | None) -> _Asked:
    query = request.query
    if query.get("fixes") == "":  # a form leaves its fields empty, an address does not
        raise wrong_parameter("fixes", say("fixes is the number of a job"))
    # A wrong word in the form is none the less wrong where the query has a right one.
    for switch in ("again", "check"):
        is_on(fields, switch, place="form")
        is_on(query, switch)
    for twice in fields.keys() & query.keys():
        if fields[twice] and query[twice] not in ("", fields[twice]):
            raise repeated(twice, "form")
    given = {**fields, **{key: value for key, value in query.items() if value}}
    return _Asked(
        file=file_name(given.get("name") or name),
        dataset=given.get("dataset") or None,
        fixes=given.get("fixes") or None,
        again=is_on(given, "again"),
        check_only=is_on(given, "check"),
    )


def _told(request: web.Request, job: Job, *, status: int) -> web.Response:
    language = language_of(request)
    headers = {"Location": f"/api/v1/jobs/{job.id}"}
    return answer_in(language, told_job(job, language), status=status, headers=headers)


def _refuse_another(job: Job, asked: _Asked, uploaded: Uploaded) -> None:
    """Refuse a request under the key of one that was another: its answer would speak of what was not asked."""
    if job.sha256 != uploaded.received.sha256:
        raise ProblemError(
            422, say("this Idempotency-Key was used for other bytes; take a fresh key for each workbook")
        )
    other = asked.other_than(job)
    if other is not None:
        raise ProblemError(
            422, say("this Idempotency-Key was used with another {name}; take a fresh key for each request", name=other)
        )


def _idempotency_key(request: web.Request) -> str | None:
    keys = request.headers.getall("Idempotency-Key", ())
    if not keys:
        return None
    if len(keys) > 1:  # a client's own and a proxy's: by which of them it comes again nobody knows
        raise ProblemError(400, say("{name} is given twice", name="Idempotency-Key"), hint=say("give it once"))
    key = keys[0]
    if not 0 < len(key) <= KEY_LENGTH or not all("!" <= character <= "~" for character in key):
        raise ProblemError(400, say("an Idempotency-Key has 1 to {limit} visible ASCII characters", limit=KEY_LENGTH))
    return key
