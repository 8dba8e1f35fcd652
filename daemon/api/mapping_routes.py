"""What columns and values of files mean: a job's file is looked at, a mapping tried and kept; those kept are listed."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

from aiohttp import web
from pydantic import FailFast, Field, ValidationError

from ingest.errors import FileRejectedError
from ingest.messages import said_by, say
from ingest.spec.mapping import ColumnMapping
from ingest.spec.yaml_text import inline

from ..ledger.enqueue import refuse_unloadable
from ..ledger.mappings import TooManyMappingsError
from ..ledger.reasons import told_job
from ..ledger.retry_cancel import NotPossibleError
from ..pipeline.mapped_files import MappedFiles, NoFileError, WrongMappingError
from ..pipeline.reading import ReadLaterError
from .auth import PRINCIPAL
from .json_body import JSON, Sent, other_form, read_sent
from .languages import answer_in, language_of
from .problems import ProblemError, later, of_rejection
from .request_parameters import ID, TEXT_LENGTH, WHOLE, find_job, id_of, number_of, text_of
from .routes import Answer, Parameter, Route
from .schemas import CELL_TEXT_LENGTH, KEPT_MAPPING, MAPPED, MAPPING, MAPPINGS, SEEN_SHEET, SHEET_COLUMNS, TRIED_MAPPING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.mapping.seen import SeenSheet, TriedMapping

    from ..intake.submissions import Submissions
    from ..ledger.jobs import Job, State
    from ..ledger.mappings import KeptMapping
    from ..pipeline.parts import PipelineParts

logger = logging.getLogger(__name__)

MAPPING_BYTES_MAX: Final = 4 << 20
LOADABLE: Final[tuple[State, ...]] = ("checked", "rejected")
"""States of jobs that have loaded nothing of a file that can be read by a mapping."""
SHEET: Final = Parameter(
    name="sheet", description="The sheet's name; without it the one that has the header.", schema={"type": "string"}
)
ROW: Final = Parameter(
    name="row",
    description="The row of the titles, from 1, where it is another than the one that was found.",
    schema=WHOLE,
)
MAPPING_ID: Final = Parameter(
    name="id",
    place="path",
    required=True,
    description="The mapping's number.",
    schema=WHOLE,
)
DATASET: Final = Parameter(
    name="dataset", description="Only mappings of this dataset.", schema={"type": "string", "maxLength": TEXT_LENGTH}
)

_Text = Annotated[str, Field(max_length=CELL_TEXT_LENGTH)]


class _Mapping(Sent):
    titles: Annotated[list[_Text], FailFast()] = Field(min_length=1, max_length=SHEET_COLUMNS)
    columns: dict[_Text, str | None] = Field(default_factory=dict, max_length=SHEET_COLUMNS)
    values: dict[str, dict[_Text, str]] = Field(default_factory=dict)


class MappingRoutes:
    """Routes below /api/v1/jobs/{id} and /api/v1/mappings. Who may only submit maps files of its own jobs only."""

    def __init__(self, parts: PipelineParts, *, submissions: Submissions) -> None:
        self._queries, self._kept, self._submissions = parts.queries, parts.mappings, submissions
        self._files, self._run_io = MappedFiles(parts), parts.executors.run_io

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        problems = (404, 409, 413, 415, 422)
        return (
            Route(
                method="GET",
                path="/api/v1/jobs/{id}/table",
                handler=self._look,
                roles=("read", "submit"),
                summary="See the workbook of a job as it is read: sheets, header, first rows, columns and fields",
                parameters=(ID, SHEET, ROW),
                answers={200: Answer(description="One sheet.", content={JSON: SEEN_SHEET})},
                problems=(404, 409, 422),
            ),
            Route(
                method="POST",
                path="/api/v1/jobs/{id}/mapping/trial",
                handler=self._try,
                roles=("submit",),
                summary="Say what would become of the whole workbook by a mapping; nothing is kept",
                parameters=(ID, SHEET, ROW),
                body={JSON: MAPPING},
                answers={200: Answer(description="What would become of it.", content={JSON: TRIED_MAPPING})},
                problems=problems,
            ),
            Route(
                method="POST",
                path="/api/v1/jobs/{id}/mapping",
                handler=self._keep,
                roles=("submit",),
                summary="Keep a mapping for all workbooks with the same titles, and load this one if nothing of it was",
                parameters=(ID,),
                body={JSON: MAPPING},
                answers={201: Answer(description="The mapping, and the job that loads.", content={JSON: MAPPED})},
                problems=problems,
            ),
            *self._of_mappings(),
        )

    def _of_mappings(self) -> Sequence[Route]:
        return (
            Route(
                method="GET",
                path="/api/v1/mappings",
                handler=self._list,
                roles=("read", "submit"),
                summary="List the mappings that are kept, newest first",
                parameters=(DATASET,),
                answers={200: Answer(description="All of them.", content={JSON: MAPPINGS})},
            ),
            Route(
                method="POST",
                path="/api/v1/mappings/{id}/remove",
                handler=self._remove,
                roles=("admin",),
                summary="Take a mapping away",
                parameters=(MAPPING_ID,),
                answers={200: Answer(description="The mapping that was.", content={JSON: KEPT_MAPPING})},
                problems=(404,),
            ),
        )

    async def _look(self, request: web.Request) -> web.Response:
        sheet, row = _place(request)
        job = await self._job(request)
        with _told():
            seen = await self._files.look(job, sheet, row)
        return _answered(request, _shown_sheet(seen, language_of(request)))

    async def _try(self, request: web.Request) -> web.Response:
        sheet, row = _place(request)
        job = await self._job(request)
        mapping = await _sent(request)
        with _told():
            tried = await self._files.attempt(job, mapping, sheet, row)
        return _answered(request, _outcome(tried, language_of(request)))

    async def _keep(self, request: web.Request) -> web.Response:
        job = await self._job(request)
        mapping = await _sent(request)
        by = request[PRINCIPAL].name
        loads = job.state in LOADABLE
        with _told():
            if loads:
                # Before anything is kept: what is refused must not change how the next file is read.
                refuse_unloadable(job, LOADABLE)
            kept = await self._files.keep(job, mapping, by=by)
            logger.info("mapping kept", extra={"mapping": kept.id, "dataset": kept.dataset, "job": job.id, "by": by})
            loaded = await self._submissions.load(job, by=by, states=LOADABLE) if loads else None
        told = told_job(loaded, language_of(request)) if loaded else None
        shown = await self._run_io(_shown, kept)
        return _answered(request, {"mapping": shown, "job": told}, status=201)

    async def _list(self, request: web.Request) -> web.Response:
        kept = await self._kept.all(text_of(request, "dataset"))
        # Not on the loop: as YAML a sheet's worth of titles takes a second.
        return web.json_response({"mappings": await self._run_io(lambda: [_shown(one) for one in kept])})

    async def _remove(self, request: web.Request) -> web.Response:
        text = request.match_info["id"]
        number = id_of(text)
        gone = None if number is None else await self._kept.remove(number)
        if gone is None:
            raise ProblemError(404, say("there is no mapping {number}", number=text))
        about = {"mapping": gone.id, "dataset": gone.dataset, "by": request[PRINCIPAL].name}
        logger.info("mapping removed", extra=about)
        return web.json_response(await self._run_io(_shown, gone))

    async def _job(self, request: web.Request) -> Job:
        return await find_job(self._queries, request, request.match_info["id"])


def _place(request: web.Request) -> tuple[str | None, int | None]:
    return request.query.get("sheet") or None, number_of(request, "row")


async def _sent(request: web.Request) -> ColumnMapping:
    """Return the mapping in the body of a request; ProblemError 400 if it has another form."""
    sent = await read_sent(request, _Mapping, MAPPING_BYTES_MAX, say("mappings"))
    try:
        return ColumnMapping.model_validate(sent.model_dump())
    except ValidationError as error:
        raise other_form(error) from error


def _answered(request: web.Request, body: dict[str, Any], *, status: int = 200) -> web.Response:
    return answer_in(language_of(request), body, status=status)


def _shown_sheet(seen: SeenSheet, language: str) -> dict[str, Any]:
    return {**asdict(seen), "rejection": seen.rejection and seen.rejection.in_language(language).as_dict()}


def _outcome(tried: TriedMapping, language: str) -> dict[str, Any]:
    report = tried.report
    return {
        "rows": asdict(report.rows),
        "rejection": report.rejection and report.rejection.in_language(language).as_dict(),
        "errors": [record.in_language(language).as_dict() for record in report.errors],
        "errors_total": report.errors_total,
        "first": {"columns": tried.columns, "rows": tried.rows},
        "table": _shown_sheet(tried.seen, language),
    }


def _shown(kept: KeptMapping) -> dict[str, Any]:
    content = kept.mapping.model_dump(mode="json", exclude_defaults=True)
    return {
        "id": kept.id,
        "dataset": kept.dataset,
        **kept.mapping.model_dump(mode="json"),
        "made_by": kept.made_by,
        "made_at": kept.made_at,
        "yaml": f"mappings:\n  - {inline(content)}\n",
    }


@contextmanager
def _told() -> Iterator[None]:
    """Tell as a problem why a file cannot be looked at, or a mapping not be kept."""
    try:
        yield
    except (NoFileError, NotPossibleError, TooManyMappingsError) as error:
        raise ProblemError(409, said_by(error)) from error
    except ReadLaterError as error:
        raise later(error) from error
    except WrongMappingError as error:
        raise ProblemError(422, said_by(error)) from error
    except FileRejectedError as error:
        raise of_rejection(422, error) from error
