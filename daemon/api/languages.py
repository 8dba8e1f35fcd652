"""In which language an answer is: owns what a request asks for (RFC 9110, 12.5.4) and what the answer says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from ingest.languages import best_language

if TYPE_CHECKING:
    from collections.abc import Mapping


def language_of(request: web.BaseRequest) -> str:
    """Return the language that a request asks for, of those that there are."""
    return best_language(", ".join(request.headers.getall("Accept-Language", ())))


def language_headers(language: str) -> dict[str, str]:
    """Return the headers of an answer in a language that was asked for."""
    return {"Content-Language": language, "Vary": "Accept-Language"}


def answer_in(
    language: str, body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return what is said in a language as JSON."""
    return web.json_response(body, status=status, headers={**language_headers(language), **(headers or {})})
