"""POST /-/reload: the configuration is read again, for those who cannot send a signal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from aiohttp import web

from ingest.messages import say

from .problems import ProblemError
from .routes import Answer, Route

if TYPE_CHECKING:
    from ..config.reloaded import Reloaded

NAMES: Final = {"type": "array", "items": {"type": "string"}}
RELOADED: Final = {
    "type": "object",
    "properties": {
        "changed": {**NAMES, "description": "Settings and datasets that are in force now."},
        "needs_restart": {**NAMES, "description": "Settings that differ from what runs, and wait for a restart."},
        "warnings": {**NAMES, "description": "What to look at, such as queued jobs whose dataset is gone."},
    },
}


class ReloadRoutes:
    """POST /-/reload."""

    def __init__(self, reload: Callable[[], Awaitable[Reloaded]]) -> None:
        self._reload_all = reload

    def routes(self) -> Sequence[Route]:
        """Return the route."""
        return (
            Route(
                method="POST",
                path="/-/reload",
                handler=self._reload,
                roles=("admin",),
                summary="Read the configuration again and take it over if all of it is fine",
                answers={200: Answer(description="What has changed.", content={"application/json": RELOADED})},
                problems=(422,),
            ),
        )

    async def _reload(self, _: web.Request) -> web.Response:
        result = await self._reload_all()
        if result.problems:
            detail = say("the configuration is wrong; the one before stays in force")
            raise ProblemError(422, detail, problems=list(result.problems))
        return web.json_response(
            {
                "changed": list(result.changed),
                "needs_restart": list(result.needs_restart),
                "warnings": list(result.warnings),
            }
        )
