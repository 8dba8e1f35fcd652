"""The OpenAPI 3.1 document: made from the routes themselves, so that none is missing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ..version import VERSION
from . import problems
from .schemas import COMPONENTS, ref

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .routes import Answer, Parameter, Route

SECURED = (400, 401, 403, 429, 503)
OPEN = (400, 503)


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document of all routes that have a summary."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        if route.summary:
            paths[route.path][route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headgate",
            "version": VERSION,
            "description": "Workbooks in, exact rows out. Answers other than success are problem documents (RFC 9457).",
        },
        "paths": dict(paths),
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    answers: dict[str, Any] = {str(status): _answer(answer) for status, answer in route.answers.items()}
    for status in sorted({*route.problems, *(SECURED if route.roles else OPEN)}):
        answers[str(status)] = {
            "description": problems.title(status),
            "content": {problems.CONTENT_TYPE: {"schema": ref("Problem")}},
        }
    operation: dict[str, Any] = {"summary": route.summary, "operationId": _name(route), "responses": answers}
    if route.parameters:
        operation["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {content_type: {"schema": schema} for content_type, schema in route.body.items()},
        }
    if route.roles:
        roles = ", ".join((*route.roles, "admin"))
        operation["description"] = f"Needs a token with one of the roles: {roles}."
        operation["security"] = [{"token": []}]
    return operation


def _answer(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": answer.description}
    if answer.content:
        shown["content"] = {content_type: {"schema": schema} for content_type, schema in answer.content.items()}
    if answer.headers:
        shown["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
        }
    return shown


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _name(route: Route) -> str:
    words = route.path.removeprefix("/api/v1/").replace("/", "_").replace("-", "_")
    return f"{route.method.lower()}_{''.join(letter for letter in words if letter.isalnum() or letter == '_')}"
