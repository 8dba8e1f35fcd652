"""Connections of the API: owns their limits and what is said of bytes that are no request; knows no routes."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aiohttp import web

from .problems import ProblemError

logger = logging.getLogger(__name__)

IDLE_SECONDS: Final = 30.0
"""How long a connection may take to send a request's head, the first as well as the next."""
LINGER_SECONDS: Final = 5.0
"""How long the rest of a refused body is read, so that the client sees the answer and not a reset."""


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
            detail = "see the daemon's log"
        else:
            logger.info("malformed request", extra={"address": request.remote, "reason": type(exc).__name__})
            detail = "the request is not HTTP as it should be"
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        response = ProblemError(status, detail).response()
        response.force_close()
        return response


class Site(web.TCPSite):
    """Listens, and serves every connection by `Connection`."""

    async def start(self) -> None:
        """Listen; OSError says why that cannot be."""
        await web.BaseSite.start(self)
        server = self._runner.server
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            if server is None:
                raise ConnectionError("the server is closed")
            return Connection(
                server,
                loop=loop,
                access_log=None,  # type: ignore[arg-type]  # what its documentation says for none
                keepalive_timeout=IDLE_SECONDS,
                lingering_time=LINGER_SECONDS,
                auto_decompress=False,
            )

        self._server = await loop.create_server(connection, self._host, self._port, ssl=self._ssl_context)
