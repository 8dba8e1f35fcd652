"""Datasets from a sample: a workbook becomes a draft, and a draft is tried on the whole of it. Nothing is loaded."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

from aiohttp import web
from pydantic import FailFast, Field, TypeAdapter, ValidationError

from ingest.errors import FileRejectedError
from ingest.languages import in_language
from ingest.messages import said_by, say
from ingest.spec.yaml_document import DocumentError, parse_yaml
from ingest.spec.yaml_edit import edited

from ..errors import DatabaseUnavailableError, HeadgateError
from ..pipeline.reading import ReadLaterError
from ..pipeline.samples import Samples
from .dataset_text import SOURCE, TEXT_BYTES, dataset_of
from .json_body import Sent
from .languages import answer_in, language_of
from .problems import ProblemError, later, of_rejection
from .request_parameters import TEXT_LENGTH, file_name, text_of
from .routes import FORM, Answer, Parameter, Route, form_fields
from .schemas import BINARY, DRAFT, TRIAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from ingest.spec.dataset import Dataset

    from ..intake.submissions import Submissions
    from ..pipeline.parts import PipelineParts
    from ..pipeline.samples import Trial
    from .uploads import Uploaded, Uploads

NAME: Final = Parameter(name="name", description="The file's name.", schema={"type": "string"})
DRAFT_PARAMETERS: Final = (
    NAME,
    Parameter(
        name="sheet",
        description="The sheet's name or 0-based index; without one the first visible sheet.",
        schema={"type": "string"},
    ),
    Parameter(
        name="table",
        description="A table that is there: types, lengths and key are its own.",
        schema={"type": "string", "maxLength": TEXT_LENGTH},
    ),
)
TRIAL_BODY: Final[dict[str, dict[str, Any]]] = {
    FORM: {
        "type": "object",
        "properties": {
            "file": BINARY,
            "yaml": {"type": "string", "description": f"At most {TEXT_BYTES} bytes."},
            "edits": {
                "type": "string",
                "description": 'Changes that are made first, as JSON: `[{"at": ["fields", 0, "type"], "to": "date"}]`;'
                " null takes away.",
            },
        },
        "required": ["file", "yaml"],
    }
}


class _Edit(Sent):
    """A value of a dataset's text, and what is to stand there; None takes it away."""

    at: list[str | int] = Field(min_length=1)
    to: Any


EDITS_MAX: Final = 100
"""Of one request: each reads the whole text anew."""
_EDITS: Final = TypeAdapter(Annotated[list[_Edit], Field(max_length=EDITS_MAX), FailFast()])


class DraftRoutes:
    """POST /api/v1/drafts, POST /api/v1/drafts/trial."""

    def __init__(
        self, parts: PipelineParts, *, uploads: Uploads, submissions: Submissions, datasets: Mapping[str, Dataset]
    ) -> None:
        self._samples, self._run_io = Samples(parts), parts.executors.run_io
        self._uploads, self._submissions, self._datasets = uploads, submissions, datasets

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route(
                method="POST",
                path="/api/v1/drafts",
                handler=self._draft,
                roles=("admin",),
                summary="Draft a dataset from a sample workbook",
                parameters=DRAFT_PARAMETERS,
                body={"application/octet-stream": BINARY},
                answers={
                    200: Answer(description="The draft; nothing is kept.", content={"application/json": DRAFT}),
                },
                problems=(408, 413, 415, 422, 507),
            ),
            Route(
                method="POST",
                path="/api/v1/drafts/trial",
                handler=self._try,
                roles=("admin",),
                summary="Try a dataset on the whole of a sample workbook, and look at its table; nothing is loaded",
                parameters=(NAME,),
                body=TRIAL_BODY,
                answers={
                    200: Answer(description="What became of it.", content={"application/json": TRIAL}),
                },
                problems=(408, 413, 415, 422, 507),
            ),
        )

    async def _draft(self, request: web.Request) -> web.Response:
        sheet, table = request.query.get("sheet") or None, text_of(request, "table")
        async with self._sample(request, frozenset()) as uploaded:
            name = file_name(request.query.get("name") or uploaded.name)
            try:
                drafted = await self._samples.draft(uploaded.received.key, name, sheet=sheet, table=table)
            except DatabaseUnavailableError:
                raise
            except HeadgateError as error:
                raise ProblemError(422, said_by(error), hint=say("name a table that is there, or none")) from error
        seen = asdict(drafted)
        text = seen.pop("text")
        return web.json_response({**await self._run_io(_read, text), **seen})

    async def _try(self, request: web.Request) -> web.Response:
        async with self._sample(request, form_fields(TRIAL_BODY)) as uploaded:
            if "yaml" not in uploaded.fields:
                raise ProblemError(400, say("send a form: the sample as `file`, the dataset's text as `yaml`"))
            # A long text takes seconds: beside the loop.
            text = await self._run_io(_changed, uploaded.fields["yaml"], uploaded.fields.get("edits", ""))
            seen = await self._run_io(_read, text)
            try:
                dataset = await self._run_io(dataset_of, text, dict(self._datasets))
            except DocumentError as error:
                return web.json_response({**seen, "problems": list(map(asdict, error.problems)), "trial": None})
            name = file_name(request.query.get("name") or uploaded.name)
            trial = await self._samples.attempt(uploaded.received.key, name, dataset)
        language = language_of(request)
        return answer_in(language, {**seen, "problems": [], "trial": _told(trial, language)})

    @asynccontextmanager
    async def _sample(self, request: web.Request, fields: frozenset[str]) -> AsyncIterator[Uploaded]:
        """Take the sample, for as long as the caller is inside; what is wrong with it is a problem document."""
        uploaded = await self._uploads.receive(request, fields, field_bytes=TEXT_BYTES)
        try:
            yield uploaded
        except FileRejectedError as error:
            raise of_rejection(422, error) from error
        except ReadLaterError as error:
            raise later(error) from error
        finally:
            await self._submissions.drop(uploaded.received)


def _changed(text: str, edits: str) -> str:
    """Return a dataset's text with the changes that a form asks for.

    Raises:
        ProblemError: 400, 422.

    """
    try:
        for edit in _EDITS.validate_json(edits or "[]"):
            text = edited(text, tuple(edit.at), edit.to)
    except ValidationError as error:
        raise ProblemError(400, say('edits are JSON, such as [{"at": ["fields", 0, "type"], "to": "date"}]')) from error
    except DocumentError:
        return text  # its problems are told by whoever reads it next
    except LookupError as error:
        raise ProblemError(
            422, say("the change cannot be made: {error}", error=error), hint=say("change the text instead")
        ) from error
    return text


def _read(text: str) -> dict[str, Any]:
    """Return a dataset's text and what stands in it, valid or not, as far as it is YAML."""
    try:
        # JSON has no infinity, and YAML has: as a text it is as wrong in a dataset.
        content = json.loads(json.dumps(parse_yaml(text, SOURCE).data), parse_constant=str)
    except DocumentError:
        content = None
    return {"yaml": text, "content": content}


def _told(trial: Trial, language: str) -> dict[str, Any]:
    report, table = trial.report, trial.table
    rejection = report.rejection
    return {
        "rows": asdict(report.rows),
        "rejection": None if rejection is None else rejection.in_language(language).as_dict(),
        "errors": [record.in_language(language).as_dict() for record in report.errors],
        "errors_total": report.errors_total,
        "table": {
            "problems": [in_language(text, language) for text in table.problems],
            "advice": [in_language(text, language) for text in table.advice],
        },
    }
