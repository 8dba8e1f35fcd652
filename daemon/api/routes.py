"""What a route of the API is: owns its one definition, from which the server and the OpenAPI document are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from aiohttp import web

if TYPE_CHECKING:
    from .auth import Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Schema = Mapping[str, Any]
FORM: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the query, the path or a header, for the OpenAPI document."""

    name: str
    description: str
    schema: Schema
    place: Literal["query", "path", "header"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success: what it means, and the schema of its body by content type."""

    description: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names of headers and what they say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation.

    `roles` may call it, and `admin` always may; without any, everybody may, and only such a route goes without
    authentication. `problems` are the statuses of the problem documents it answers with, beyond those that
    authentication and the server itself bring about. A route without a `summary` is not in the OpenAPI document.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    roles: tuple[Role, ...]
    summary: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Schema] | None = None
    answers: Mapping[int, Answer] = field(default_factory=dict)
    problems: tuple[int, ...] = ()

    def names(self, place: Literal["query", "header"]) -> frozenset[str]:
        """Return the names of the parameters that stand there."""
        return frozenset(parameter.name for parameter in self.parameters if parameter.place == place)


def form_fields(body: Mapping[str, Schema]) -> frozenset[str]:
    """Return the names of the fields that a body has where it is a form."""
    return frozenset(body.get(FORM, {}).get("properties", ()))


class Routes(Protocol):
    """A group of routes of one purpose; `daemon.service` hands the groups to the server."""

    def routes(self) -> Sequence[Route]:
        """Return the routes, each with its documentation."""
