"""The jobs over HTTP: list, show, retry, cancel. What each of these is lies behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.languages import ENGLISH
from ingest.messages import said_by

from ..ledger.jobs import STATES
from ..ledger.queries import JobFilter
from ..ledger.reasons import told_job, told_reason
from ..ledger.retry_cancel import NotPossibleError
from .auth import PRINCIPAL
from .languages import answer_in, language_of
from .parameter_problems import one_of
from .problems import ProblemError
from .request_parameters import CURSOR, ID, LIMIT, TEXT_LENGTH, find_job, limit_of, number_of, text_of
from .routes import Answer, Parameter, Route
from .schemas import JOB, JOB_DETAIL, JOB_PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from ..ledger.jobs import Job
    from ..ledger.queries import JobQueries
    from ..ledger.retry_cancel import RetryCancel

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


class JobRoutes:
    """Routes below /api/v1/jobs. Who may only submit sees and changes only what it handed in itself."""

    def __init__(self, *, queries: JobQueries, retry_cancel: RetryCancel) -> None:
        self._queries, self._retry_cancel = queries, retry_cancel

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
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
            *self._changing(),
        )

    def _changing(self) -> Sequence[Route]:
        shown = Answer(description="The job.", content={"application/json": JOB})
        return (
            Route(
                method="POST",
                path="/api/v1/jobs/{id}/retry",
                handler=self._retry,
                roles=("submit",),
                summary="Put a dead, cancelled or dismissed job back in the queue",
                parameters=(ID,),
                answers={200: shown},
                problems=(404, 409),
            ),
            Route(
                method="POST",
                path="/api/v1/jobs/{id}/dismiss",
                handler=self._dismiss,
                roles=("submit",),
                summary="Put a dead job to rest, so that it alerts no more",
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

    async def _list(self, request: web.Request) -> web.Response:
        principal = request[PRINCIPAL]
        state = request.query.get("state")
        if state is not None and state not in STATES:
            raise one_of("state", STATES)
        where = JobFilter(
            state=state,
            dataset=text_of(request, "dataset"),
            text=text_of(request, "text"),
            submitter=principal.owner,
        )
        page = await self._queries.page(where, limit=limit_of(request), before=number_of(request, "cursor"))
        cursor = None if page.next_before is None else str(page.next_before)
        language = language_of(request)
        # Without its first error record nobody knows of what its reason was made.
        records = {} if language == ENGLISH else await self._queries.first_records([job.id for job in page.jobs])
        jobs = [told_job(job, language, records.get(job.id)) for job in page.jobs]
        return answer_in(language, {"jobs": jobs, "next_cursor": cursor})

    async def _show(self, request: web.Request) -> web.Response:
        job = await find_job(self._queries, request, request.match_info["id"])
        preview = await self._queries.preview(job.id) if job.state == "checked" else None
        language, record = language_of(request), job.errors[0] if job.errors else None
        events = [
            {**event, "detail": told_reason(event["detail"], language, record)}
            for event in await self._queries.events(job.id)
        ]
        return answer_in(language, {**told_job(job, language), "events": events, "preview": preview})

    # -- change --------------------------------------------------------------------------------------

    async def _retry(self, request: web.Request) -> web.Response:
        job = await find_job(self._queries, request, request.match_info["id"])
        try:
            changed = await self._retry_cancel.retry(job, by=request[PRINCIPAL].name)
        except NotPossibleError as error:
            raise ProblemError(409, said_by(error)) from error
        return _told(request, changed)

    async def _dismiss(self, request: web.Request) -> web.Response:
        job = await find_job(self._queries, request, request.match_info["id"])
        try:
            changed = await self._retry_cancel.dismiss(job, by=request[PRINCIPAL].name)
        except NotPossibleError as error:
            raise ProblemError(409, said_by(error)) from error
        return _told(request, changed)

    async def _cancel(self, request: web.Request) -> web.Response:
        job = await find_job(self._queries, request, request.match_info["id"])
        try:
            changed = await self._retry_cancel.cancel(job, by=request[PRINCIPAL].name)
        except NotPossibleError as error:
            raise ProblemError(409, said_by(error)) from error
        return _told(request, changed, status=200 if changed.finished else 202)


def _told(request: web.Request, job: Job, *, status: int = 200) -> web.Response:
    language = language_of(request)
    return answer_in(language, told_job(job, language), status=status)
