"""The rejected rows over HTTP: as a workbook, as pages to be corrected one by one, and back as a corrected workbook.

None of it changes anything: what is corrected is handed in as any workbook is, with `fixes`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

from aiohttp import web
from pydantic import FailFast, Field

from ingest.errors import FileRejectedError, UnknownPlaceError
from ingest.messages import said_by, say

from ..ledger.jobs import REJECTS_KEPT
from ..ledger.reasons import told_records
from ..pipeline.rejects import NoRejectsError, RejectsLaterError
from .json_body import JSON, Sent, read_sent
from .languages import answer_in, language_headers, language_of
from .parameter_problems import one_of
from .problems import ProblemError, later, of_rejection
from .request_parameters import CURSOR, ID, LIMIT, find_job, limit_of, number_of
from .routes import Answer, Parameter, Route
from .schemas import (
    BINARY,
    CELL_CHECKS,
    CELL_TEXT_LENGTH,
    CELLS_TO_CHECK,
    CORRECTIONS,
    CSV,
    ERROR_PAGE,
    REJECTED_PAGE,
    SHEET_COLUMNS,
    XLSX,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from ..ledger.jobs import Job
    from ..ledger.queries import JobQueries
    from ..pipeline.rejects import Rejects

CORRECTIONS_BYTES_MAX: Final = 4 << 20
FORMAT: Final = Parameter(
    name="format",
    description="`json` gives pages of error records; `limit` and `cursor` are for these only.",
    schema={"type": "string", "enum": ["xlsx", "csv", "json"], "default": "xlsx"},
)
SHEET: Final = Parameter(
    name="sheet", description="The sheet; without it the first that has rejected rows.", schema={"type": "string"}
)


class _Cell(Sent):
    column: int = Field(ge=1, le=SHEET_COLUMNS)
    text: str = Field(max_length=CELL_TEXT_LENGTH)


class _Row(Sent):
    sheet: str
    row: int = Field(ge=1)
    cells: Annotated[list[_Cell], FailFast()]


class _Corrections(Sent):
    rows: Annotated[list[_Row], FailFast()] = Field(min_length=1)


class _FieldText(Sent):
    field: str
    text: str = Field(max_length=CELL_TEXT_LENGTH)


class _Texts(Sent):
    cells: Annotated[list[_FieldText], FailFast()] = Field(min_length=1)


class RejectRoutes:
    """Routes below /api/v1/jobs/{id}/rejects. Who may only submit gets those of its own jobs only."""

    def __init__(self, *, queries: JobQueries, rejects: Rejects) -> None:
        self._queries, self._rejects = queries, rejects

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route(
                method="GET",
                path="/api/v1/jobs/{id}/rejects",
                handler=self._send,
                roles=("read", "submit"),
                summary="Get the rejected rows, to be corrected and handed in again",
                parameters=(ID, FORMAT, LIMIT, CURSOR),
                answers={
                    200: Answer(
                        description="The annotated workbook, the rows as CSV, or a page of error records.",
                        content={XLSX: BINARY, CSV: {"type": "string"}, JSON: ERROR_PAGE},
                    )
                },
                problems=(404, 409),
            ),
            Route(
                method="GET",
                path="/api/v1/jobs/{id}/rejects/rows",
                handler=self._show,
                roles=("read", "submit"),
                summary="Show the rejected rows of a sheet with their cells",
                parameters=(ID, SHEET, LIMIT, CURSOR),
                answers={200: Answer(description="A page of rows.", content={JSON: REJECTED_PAGE})},
                problems=(404, 409, 422),
            ),
            *self._correcting(),
        )

    def _correcting(self) -> Sequence[Route]:
        return (
            Route(
                method="POST",
                path="/api/v1/jobs/{id}/rejects/check",
                handler=self._check,
                roles=("submit",),
                summary="Say what new texts of cells would be, by the code that reads workbooks",
                parameters=(ID,),
                body={JSON: CELLS_TO_CHECK},
                answers={200: Answer(description="One answer for each text.", content={JSON: CELL_CHECKS})},
                problems=(404, 409, 413, 415, 422),
            ),
            Route(
                method="POST",
                path="/api/v1/jobs/{id}/rejects/corrected",
                handler=self._send_corrected,
                roles=("submit",),
                summary="Get a workbook of corrected rows, to be handed in as those that fix the job",
                parameters=(ID,),
                body={JSON: CORRECTIONS},
                answers={
                    200: Answer(
                        description="Those rows alone. The same corrections are the same bytes.", content={XLSX: BINARY}
                    )
                },
                problems=(404, 409, 413, 415, 422),
            ),
        )

    async def _send(self, request: web.Request) -> web.StreamResponse:
        limit, cursor = limit_of(request), number_of(request, "cursor")
        job = await self._job(request)
        form = request.query.get("format", "xlsx")
        if form == "json":
            return await self._error_page(job, limit, cursor, language_of(request))
        if form not in ("xlsx", "csv"):
            raise one_of("format", FORMAT.schema["enum"])
        written = self._rejects.written(job, "csv" if form == "csv" else "xlsx")
        content_type = f"{CSV}; charset=utf-8" if form == "csv" else XLSX
        return await self._stream(request, written, content_type, f"rejects-{job.id}.{form}")

    async def _error_page(self, job: Job, limit: int, cursor: int | None, language: str) -> web.Response:
        records = await self._queries.records(job.id, limit=limit + 1, after=cursor or 0)
        following = str(records[limit - 1][0]) if len(records) > limit else None
        return answer_in(
            language,
            {
                "errors": told_records((record for _, record in records[:limit]), language),
                "errors_total": job.errors_total,
                "errors_kept": min(job.errors_total, REJECTS_KEPT),
                "next_cursor": following,
            },
        )

    async def _show(self, request: web.Request) -> web.Response:
        limit, cursor, language = limit_of(request), number_of(request, "cursor"), language_of(request)
        job = await self._job(request)
        with _told():
            page = await self._rejects.page(
                job, request.query.get("sheet"), after=cursor or 0, limit=limit, language=language
            )
        # It is JSON already, and may be large: it is not read to be written again.
        return web.Response(text=page, content_type=JSON, headers=language_headers(language))

    async def _check(self, request: web.Request) -> web.Response:
        job, language = await self._job(request), language_of(request)
        texts = await read_sent(request, _Texts, CORRECTIONS_BYTES_MAX, say("corrections"))
        with _told():
            answer = await self._rejects.check(job, [(cell.field, cell.text) for cell in texts.cells], language)
        return web.Response(text=answer, content_type=JSON, headers=language_headers(language))

    async def _send_corrected(self, request: web.Request) -> web.StreamResponse:
        job = await self._job(request)
        corrections: dict[str, dict[int, dict[int, str]]] = {}
        for row in (await read_sent(request, _Corrections, CORRECTIONS_BYTES_MAX, say("corrections"))).rows:
            rows = corrections.setdefault(row.sheet, {})
            if row.row in rows:
                raise ProblemError(
                    422, say("row {row} of sheet {sheet} is there twice", row=row.row, sheet=repr(row.sheet))
                )
            rows[row.row] = cells = {cell.column: cell.text for cell in row.cells}
            if len(cells) < len(row.cells):
                raise ProblemError(
                    422, say("row {row} of sheet {sheet} has a column twice", row=row.row, sheet=repr(row.sheet))
                )
        written = self._rejects.corrected(job, corrections)
        return await self._stream(request, written, XLSX, f"corrected-{job.id}.xlsx")

    async def _job(self, request: web.Request) -> Job:
        return await find_job(self._queries, request, request.match_info["id"])

    async def _stream(
        self, request: web.Request, written: AbstractAsyncContextManager[Path], content_type: str, name: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": content_type, "Content-Disposition": f'attachment; filename="{name}"'}
        )
        with _told():
            async with written as path:
                await response.prepare(request)
                if request.method == "HEAD":
                    return response  # what is written behind its head would be taken for the next answer
                async for chunk in self._rejects.chunks(path):
                    await response.write(chunk)
        return response


@contextmanager
def _told() -> Iterator[None]:
    """Tell as a problem why rejected rows cannot be had."""
    try:
        yield
    except NoRejectsError as error:
        raise ProblemError(409, said_by(error)) from error
    except RejectsLaterError as error:
        raise later(error) from error
    except UnknownPlaceError as error:
        raise ProblemError(422, said_by(error)) from error
    except FileRejectedError as error:
        raise of_rejection(409, error) from error
