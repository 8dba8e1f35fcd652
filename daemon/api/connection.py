"""Connections of the API: owns their times and what is said of bytes that are no request; knows no routes."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from ingest.messages import say

from ..lifecycle.listener import HEAD_SECONDS, LINGER_SECONDS
from .problems import ProblemError

logger = logging.getLogger(__name__)

LINE_BYTES_MAX: Final = 8190
"""Of a request's first line, and of each header with its name."""
HEADERS_MAX: Final = 128
HEAD_TOO_LONG: Final = (
    f"the address and each header may have {LINE_BYTES_MAX} bytes, and there may be {HEADERS_MAX} headers; "
    "send less, such as fewer cookies or a shorter query"
)


class Connection(web.RequestHandler):
    """Answers malformed requests by a problem document.

    aiohttp's own answer repeats what it could not read, and so does its log line: there may be a token in it.
    """

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # it repeats what was sent
    ) -> web.StreamResponse:
        """Return the answer to a request that no route has seen, and close the connection after it."""
        if status >= web.HTTPInternalServerError.status_code:
            logger.error("request failed", extra={"address": request.remote}, exc_info=exc)
            detail: str = say("see the daemon's log")
        else:
            logger.info("malformed request", extra={"address": request.remote, "reason": type(exc).__name__})
            detail = say("the request is not HTTP as it should be")
            if _is_too_long(exc):
                status, detail = 431, HEAD_TOO_LONG
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        response = ProblemError(status, detail).response()
        response.force_close()
        return response


def _is_too_long(error: BaseException | None) -> bool:
    return isinstance(error, LineTooLong) or "Too many headers" in str(error)


def connection_of(runner: web.AppRunner) -> Connection:
    """Return the protocol of a new connection."""
    server = runner.server
    if server is None:
        raise ConnectionError("the server is closed")
    return Connection(
        server,
        loop=asyncio.get_running_loop(),
        access_log=None,  # type: ignore[arg-type]  # what its documentation says for none
        keepalive_timeout=HEAD_SECONDS,
        lingering_time=LINGER_SECONDS,
        auto_decompress=False,
        max_line_size=LINE_BYTES_MAX,
        max_field_size=LINE_BYTES_MAX,
        max_headers=HEADERS_MAX,
    )
