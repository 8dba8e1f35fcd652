"""What is answered in the end: owns what becomes of an error behind a route, and the record of who did what."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ingest.messages import say

from ..errors import SpoolAwayError, SpoolUnwritableError, first_line
from ..lifecycle.loop_errors import limit_hit
from ..lifecycle.seldom import Seldom
from .auth import PRINCIPAL
from .languages import language_of
from .problems import ProblemError, of_http

if TYPE_CHECKING:
    from ..database.database import Database
    from .routes import Handler

logger = logging.getLogger(__name__)
audit = logging.getLogger("daemon.audit")


class Answers:
    """Turns whatever a handler raises into a problem document without inner details."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._passing_errors = Seldom()

    async def of(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Return the answer to a request; redirections are raised, as aiohttp wants them."""
        try:
            return await handler(request)
        except ProblemError as problem:
            return problem.response(language_of(request))
        except web.HTTPException as error:
            if error.status < web.HTTPBadRequest.status_code:
                raise
            return of_http(error, request).response(language_of(request))
        except Exception as error:
            if request.transport is None or request.transport.is_closing():
                logger.info("caller gone", extra={"path": _path(request), "address": request.remote})
                return ProblemError(400, say("the connection was lost")).response()
            if (will_pass := self._passing(error, request)) is not None:
                return will_pass.response(language_of(request))
            logger.exception("request failed", extra={"path": _path(request)})
            return ProblemError(500, say("see the daemon's log")).response(language_of(request))

    def _passing(self, error: Exception, request: web.Request) -> ProblemError | None:
        """Return the answer to what fails now and will pass, None if it is nothing such; thousands may meet it."""
        if (reason := limit_hit(error)) is not None:
            detail = say("the machine has no descriptor, thread or memory left; try again")
        elif isinstance(error, SpoolAwayError):
            reason = first_line(error)
            detail = say("the shared spool does not answer; try again")
        elif isinstance(error, SpoolUnwritableError):
            reason = first_line(error)
            detail = say("the spool cannot be written; try again once its disk or its rights are mended")
        elif self._database.will_pass(error):
            reason = self._database.supervisor.reason(error)
            detail = say("the database or a pool does not answer; try again")
        else:
            return None
        if (passed_over := self._passing_errors.passed_over(reason)) is not None:
            about = {"path": _path(request), "error": reason, "passed_over": passed_over}
            logger.warning("request failed", extra=about)
        return ProblemError(503, detail, headers={"Retry-After": "5"})

    def audited(self, call: Handler) -> Handler:
        """Return a handler that writes down who called and what was answered."""

        async def audited(request: web.Request) -> web.StreamResponse:
            began, status = time.monotonic(), 500
            try:
                response = await self.of(request, call)
                status = response.status
            except web.HTTPException as redirection:
                status = redirection.status
                raise
            else:
                return response
            finally:
                principal = request.get(PRINCIPAL)
                fields: dict[str, Any] = {
                    "method": request.method,
                    "path": _path(request),
                    "by": principal.name if principal else None,
                    "address": request.remote,
                    "status": status,
                    "seconds": round(time.monotonic() - began, 3),
                }
                audit.info("api call", extra=fields)

        return audited


def _path(request: web.Request) -> str:
    """Return the path as it was sent: decoded it may hold line breaks, which do not belong into a log."""
    return request.raw_path.partition("?")[0]
