"""Answers other than success: owns the problem documents of RFC 9457; none of them repeats an inner detail."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from ..errors import HeadgateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.errors import FileRejectedError

CONTENT_TYPE: Final = "application/problem+json"


class ProblemError(HeadgateError):
    """An answer other than success. `members` go into the document, `headers` beside it."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.members = status, detail, members
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """Render the problem document."""
        body = {"type": "about:blank", "title": title(self.status), "status": self.status, "detail": self.detail}
        return web.Response(
            status=self.status,
            text=json.dumps({**body, **self.members}, ensure_ascii=False),
            content_type=CONTENT_TYPE,
            headers=self.headers,
        )


def title(status: int) -> str:
    """Return the phrase of a status as RFC 9110 has it."""
    renamed = {413: "Content Too Large", 422: "Unprocessable Content"}
    return renamed.get(status) or HTTPStatus(status).phrase


def of_rejection(status: int, error: FileRejectedError) -> ProblemError:
    """Return a refused file as a problem, with its code of docs/errors.md and what to do."""
    record = error.record
    return ProblemError(status, record.message, code=record.code, hint=record.hint)


def later(error: HeadgateError) -> ProblemError:
    """Return what passes by itself as a problem."""
    return ProblemError(503, str(error), headers={"Retry-After": "5"})


def of_http(error: web.HTTPException, request: web.Request) -> ProblemError:
    """Return what aiohttp's router refuses: an unknown path, or a method that the path has not."""
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return ProblemError(error.status, f"{request.method} {request.path}", headers=headers)
