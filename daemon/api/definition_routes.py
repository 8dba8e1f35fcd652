"""The text of datasets over HTTP: read and saved by an admin, taken over at once, or put back as it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from aiohttp import web

from ingest.messages import said_by, say
from ingest.spec.yaml_document import DocumentError

from ..config.definitions import DefinitionError
from .auth import PRINCIPAL
from .dataset_text import TEXT_BYTES, dataset_of
from .json_body import read_body
from .parameter_problems import SWITCH, is_on
from .problems import ProblemError
from .routes import Answer, Parameter, Route
from .schemas import SAVED

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from ..config.definitions import Definitions, Saved
    from ..config.reloaded import Reloaded
    from ..executors.executors import Executors

logger = logging.getLogger(__name__)

YAML: Final = "application/yaml"
BODY_SECONDS: Final = 10.0
NAME: Final = Parameter(
    name="name", place="path", required=True, description="The dataset's name.", schema={"type": "string"}
)
REPLACE: Final = Parameter(
    name="replace",
    description="Whether a dataset of this name may be there already.",
    schema={"type": "string", "enum": list(SWITCH)},
)


class DefinitionRoutes:
    """GET /api/v1/datasets/{name}/definition, POST /api/v1/datasets."""

    def __init__(
        self,
        definitions: Definitions,
        executors: Executors,
        reload: Callable[[], Awaitable[Reloaded]],
        datasets: Mapping[str, Dataset],
    ) -> None:
        self._definitions, self._run_io, self._reload, self._datasets = definitions, executors.run_io, reload, datasets
        self._one_at_a_time = asyncio.Lock()

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route(
                method="GET",
                path="/api/v1/datasets/{name}/definition",
                handler=self._text,
                roles=("admin",),
                summary="Read a dataset's file",
                parameters=(NAME,),
                answers={200: Answer(description="Its text.", content={YAML: {"description": "As it was written."}})},
                problems=(404,),
            ),
            Route(
                method="POST",
                path="/api/v1/datasets",
                handler=self._save,
                roles=("admin",),
                summary="Save a dataset and take it over",
                parameters=(REPLACE,),
                body={YAML: {"description": f"At most {TEXT_BYTES} bytes of UTF-8."}},
                answers={
                    200: Answer(description="It is in force.", content={"application/json": SAVED}),
                },
                problems=(408, 409, 413, 415, 422),
            ),
        )

    async def _text(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        path = await self._run_io(self._definitions.find, name)
        if path is None:
            raise ProblemError(404, say("there is no dataset {name}", name=name))
        text = await self._run_io(path.read_text, "utf-8")
        return web.Response(text=text, content_type=YAML)

    async def _save(self, request: web.Request) -> web.Response:
        replaces = is_on(request.query, "replace")
        text = await _body(request)
        try:
            dataset = await self._run_io(dataset_of, text, dict(self._datasets))
        except DocumentError as error:
            raise ProblemError(
                422, say("the dataset is wrong"), problems=[str(problem) for problem in error.problems]
            ) from error
        async with self._one_at_a_time:
            if dataset.dataset in self._datasets and not replaces:
                hint = say("give it another name, or ask for it to be replaced")
                raise ProblemError(409, say("there is a dataset {name} already", name=dataset.dataset), hint=hint)
            saved = await self._saved(dataset.dataset, text)
        about = {"dataset": dataset.dataset, "file": str(saved.path), "by": request[PRINCIPAL].name}
        logger.info("dataset saved", extra=about)
        return web.json_response({"dataset": dataset.dataset, "file": str(saved.path), "diff": saved.diff})

    async def _saved(self, name: str, text: str) -> Saved:
        try:
            saved: Saved = await self._run_io(self._definitions.save, name, text)
            taken = await self._taken_over(saved)
        except DefinitionError as error:
            raise ProblemError(422, said_by(error)) from error
        if taken.problems:
            detail = say("the configuration is wrong with it; nothing was changed")
            raise ProblemError(422, detail, problems=list(taken.problems))
        return saved

    async def _taken_over(self, saved: Saved) -> Reloaded:
        """Reload with the new file, or put back what was there before, whatever becomes of the reload."""
        taken = None
        try:
            taken = await self._reload()
        finally:
            if taken is None or taken.problems:
                await self._run_io(self._definitions.undo, saved)
        return taken


async def _body(request: web.Request) -> str:
    if request.content_type != YAML:
        raise ProblemError(415, say("send the dataset's text as {type}", type=YAML))
    try:
        return (await read_body(request, TEXT_BYTES, say("datasets"), seconds=BODY_SECONDS)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProblemError(422, say("the text is not UTF-8")) from error
