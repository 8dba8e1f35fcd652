"""The HTTP server of the API: owns listening, the guard before every route and what becomes of an error behind it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import web

from ..errors import StartupError
from ..lifecycle.listener import Listener, connections_max
from ..lifecycle.loop_errors import LIMITS
from . import openapi
from .connection import connection_of
from .expectation import end_if_waiting, hold_bodies_back
from .problems import ProblemError, of_http
from .routes import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..database.database import Database
    from ..lifecycle.signals import Drain
    from .auth import Authenticator, Principal
    from .routes import Handler, Routes
    from .tls import FollowedTls

logger = logging.getLogger(__name__)
audit = logging.getLogger("daemon.audit")

CLOSE_SECONDS: Final = 5.0
CONNECTIONS_MAX: Final = 1000
HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class Api:
    """Serves groups of routes; each route says who may call it, and everything else is refused."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        groups: Sequence[Routes],
        authenticator: Authenticator,
        database: Database,
        tls: FollowedTls | None = None,
        drain: Drain | None = None,
    ) -> None:
        self._host, self.port, self._tls, self._drain = host, port, tls, drain
        self._authenticator, self._database = authenticator, database
        document = Route(
            method="GET",
            path="/api/v1/openapi.json",
            handler=self._document,
            roles=(),
            summary="Get this document",
            answers={200: Answer(description="The document.", content={"application/json": {"type": "object"}})},
        )
        self._routes = [document, *(route for group in groups for route in group.routes())]
        self._openapi = json.dumps(openapi.document(self._routes), ensure_ascii=False)
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None
        self._following: asyncio.Task[None] | None = None
        self._requests = 0
        self._idle = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            StartupError: the address is in use or not this machine's.

        """
        application = web.Application(middlewares=[self._answer])
        application.on_response_prepare.append(_add_headers)
        for route in self._routes:
            guarded = self._guarded(route)
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                application.router.add_route(method, route.path, guarded)
        self._runner = runner = web.AppRunner(application, shutdown_timeout=CLOSE_SECONDS)
        await runner.setup()
        if runner.server is not None:
            hold_bodies_back(runner.server)
        self._listener = Listener(
            runner,
            host=self._host,
            port=self.port,
            limit=connections_max(CONNECTIONS_MAX),
            connect=lambda: connection_of(runner),
        )
        try:
            await self._listener.open(self._tls.context if self._tls else None)
        except OSError as error:
            await runner.cleanup()
            raise StartupError(
                f"API: {self._host}:{self.port} cannot be listened on ({os.strerror(error.errno or 0)}); "
                "stop what uses the port or set api.port"
            ) from error
        self.port = self._listener.port
        if self._tls is not None:
            self._following = asyncio.create_task(self._tls.follow(self._listener.renew), name="api certificates")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening; requests in progress, such as calls of tasks, get the time that the drain has left."""
        if self._following is not None:
            self._following.cancel()
        if self._listener is not None:
            await self._listener.close()
        if self._requests and self._drain is not None:
            logger.info("draining", extra={"requests": self._requests, "seconds": self._drain.left_seconds})
            await self._drain.wait_for(self._idle)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _document(self, _: web.Request) -> web.Response:
        return web.Response(text=self._openapi, content_type="application/json")

    # -- every request -------------------------------------------------------------------------------

    def _guarded(self, route: Route) -> Handler:
        """Return the route's handler behind its authentication; a call that may change something is written down."""

        async def call(request: web.Request) -> web.StreamResponse:
            if route.roles:
                principal = self._authenticator.principal(request)
                request["principal"] = principal
                if not principal.may(*route.roles):
                    roles = " or ".join((*route.roles, "admin"))
                    raise ProblemError(403, f"token {principal.name} has not the role {roles}")
            return await route.handler(request)

        return call if route.method == "GET" else _audited(call)

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn whatever is raised into a problem document without inner details."""
        self._requests += 1
        self._idle.clear()
        try:
            return await handler(request)
        except ProblemError as problem:
            return problem.response()
        except web.HTTPException as error:
            if error.status < web.HTTPBadRequest.status_code:
                raise
            return of_http(error, request).response()
        except Exception as error:
            if request.transport is None or request.transport.is_closing():
                logger.info("caller gone", extra={"path": _path(request), "address": request.remote})
                return ProblemError(400, "the connection was lost").response()
            if (reason := self._passing(error)) is not None:
                logger.warning("request failed", extra={"path": _path(request), "error": reason})
                return ProblemError(
                    503, "the database or a pool does not answer; try again", headers={"Retry-After": "5"}
                ).response()
            logger.exception("request failed", extra={"path": _path(request)})
            return ProblemError(500, "see the daemon's log").response()
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    def _passing(self, error: Exception) -> str | None:
        """Return the reason of an error that will pass, None if it is none."""
        if isinstance(error, OSError) and error.errno in LIMITS:
            return error.strerror or str(error)
        return self._database.supervisor.reason(error) if self._database.will_pass(error) else None


def _audited(call: Handler) -> Handler:
    async def audited(request: web.Request) -> web.StreamResponse:
        began, status = time.monotonic(), 500
        try:
            response = await call(request)
            status = response.status
        except ProblemError as problem:
            status = problem.status
            raise
        else:
            return response
        finally:
            principal: Principal | None = request.get("principal")
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


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    end_if_waiting(request, response)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _path(request: web.Request) -> str:
    """Return the path as it was sent: decoded it may hold line breaks, which do not belong into a log."""
    return request.raw_path.partition("?")[0]
