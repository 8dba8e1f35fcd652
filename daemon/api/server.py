"""The HTTP server of the API: owns listening and the guard before every route."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Final, Self

from aiohttp import hdrs, web

from ingest.messages import say

from ..lifecycle.listener import Listener, cannot_listen, connections_max
from . import openapi
from .answers import Answers
from .auth import PRINCIPAL
from .connection import connection_of
from .expectation import end_if_waiting, hold_bodies_back
from .parameter_problems import refuse_unknown
from .problems import ProblemError
from .routes import Answer, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..database.database import Database
    from ..lifecycle.signals import Drain
    from .auth import Authenticator
    from .routes import Handler, Routes
    from .tls import FollowedTls

logger = logging.getLogger(__name__)

CONTENT_TYPE_MAX: Final = 256
"""Characters. The library that takes the field apart needs a second for one of 8 kB that is made for it."""
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
        self._authenticator, self._answers = authenticator, Answers(database)
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
            raise cannot_listen("API", f"{self._host}:{self.port}", "api", error) from error
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
        queried, headed = route.names("query"), route.names("header")

        async def call(request: web.Request) -> web.StreamResponse:
            if len(request.headers.get(hdrs.CONTENT_TYPE, "")) > CONTENT_TYPE_MAX:
                message = say("send a Content-Type of at most {limit} characters", limit=CONTENT_TYPE_MAX)
                raise ProblemError(415, message)
            if route.roles:
                principal = self._authenticator.principal(request)
                request[PRINCIPAL] = principal
                if not principal.may(*route.roles):
                    roles = " or ".join((*route.roles, "admin"))
                    raise ProblemError(
                        403, say("token {name} has not the role {roles}", name=principal.name, roles=roles)
                    )
            if route.summary:  # addresses of the page may have anything behind them
                # Its keys alone have each name once.
                refuse_unknown((name for name, _ in request.query.items()), queried, headers=headed)
            return await route.handler(request)

        return call if route.method == "GET" else self._answers.audited(call)

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count a request for as long as it takes."""
        self._requests += 1
        self._idle.clear()
        try:
            return await self._answers.of(request, handler)
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    end_if_waiting(request, response)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
