"""Answers other than success: owns the problem documents of RFC 9457; none of them repeats an inner detail."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from ingest.languages import ENGLISH, in_language
from ingest.messages import said_by, say

from ..errors import HeadgateError
from .languages import language_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.errors import FileRejectedError

CONTENT_TYPE: Final = "application/problem+json"
_SAID: Final = ("title", "detail", "hint")
"""Members of a document that are said to people."""


class ProblemError(HeadgateError):
    """An answer other than success. `members` go into the document, `headers` beside it."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.members = status, detail, members
        self.headers = dict(headers or {})

    def response(self, language: str = ENGLISH) -> web.Response:
        """Render the problem document; title, detail and hint are said in the language."""
        body: dict[str, Any] = {"type": "about:blank", "title": title(self.status), "status": self.status}
        body |= {"detail": self.detail, **self.members}
        body |= {name: in_language(body[name], language) for name in _SAID if body.get(name)}
        return web.Response(
            status=self.status,
            text=json.dumps(body, ensure_ascii=False),
            content_type=CONTENT_TYPE,
            headers={**language_headers(language), **self.headers},
        )


_TITLES: Final = {
    400: say("Bad Request"),
    401: say("Unauthorized"),
    403: say("Forbidden"),
    404: say("Not Found"),
    405: say("Method Not Allowed"),
    408: say("Request Timeout"),
    409: say("Conflict"),
    413: say("Content Too Large"),
    415: say("Unsupported Media Type"),
    422: say("Unprocessable Content"),
    429: say("Too Many Requests"),
    431: say("Request Header Fields Too Large"),
    500: say("Internal Server Error"),
    503: say("Service Unavailable"),
    504: say("Gateway Timeout"),
    507: say("Insufficient Storage"),
}


def title(status: int) -> str:
    """Return the phrase of a status as RFC 9110 has it."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


def of_rejection(status: int, error: FileRejectedError) -> ProblemError:
    """Return a refused file as a problem, with its code of docs/errors.md and what to do."""
    record = error.record
    return ProblemError(status, record.message, code=record.code, hint=record.hint)


def later(error: HeadgateError) -> ProblemError:
    """Return what passes by itself as a problem."""
    return ProblemError(503, said_by(error), headers={"Retry-After": "5"})


def of_http(error: web.HTTPException, request: web.Request) -> ProblemError:
    """Return what aiohttp's router refuses: an unknown path, or a method that the path has not."""
    detail = f"{request.method} {request.path}"
    if error.status == HTTPStatus.NOT_FOUND:
        return ProblemError(error.status, detail, hint=say("GET /api/v1/openapi.json lists what there is"))
    if (methods := error.headers.get("Allow")) is not None:
        hint = say("the methods here are: {methods}", methods=methods)
        return ProblemError(error.status, detail, headers={"Allow": methods}, hint=hint)
    return ProblemError(error.status, detail)
