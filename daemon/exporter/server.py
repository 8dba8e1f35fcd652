"""/metrics and health on their own thread and loop: they answer when the main loop does not."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web
from prometheus_client.exposition import gzip_accepted

from ..config.shipped import shipped_documents
from ..errors import StartupError, first_line
from ..lifecycle.listener import HEAD_SECONDS, LINGER_SECONDS, Listener, cannot_listen, connections_max
from ..lifecycle.loop_errors import LoopErrors
from ..version import VERSION
from . import front_page
from .exposition import Exposition

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from aiohttp.web_protocol import RequestHandler
    from prometheus_client import CollectorRegistry

    from .web_guard import WebGuard

RENDER_SECONDS: Final = 8.0
"""Below the 10 s after which Prometheus gives a scrape up by default."""
CLOSE_SECONDS: Final = 2.0
GZIP_LEVEL: Final = 1
"""A twelfth of the size at a third of the default level's CPU time."""

CONNECTIONS_MAX: Final = 100
"""Prometheus and a few who look beside it."""

Check = Callable[[], str | None]


class Exporter:
    """Serves one registry. `healthy` and `ready` return None or the reason why not; its own thread calls them."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        host: str,
        port: int,
        healthy: Check,
        ready: Check,
        guard: WebGuard | None = None,
    ) -> None:
        self._exposition, self._host, self.port = Exposition(registry), host, port
        self._guard = guard
        self._healthy, self._ready = healthy, ready
        self._thread = threading.Thread(target=self._serve, name="exporter", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started: asyncio.Future[None] | None = None
        self._told = False
        self._owner: asyncio.AbstractEventLoop | None = None
        self._rendering: dict[tuple[str, bool], asyncio.Future[bytes]] = {}

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            StartupError: the address is in use or not this machine's.

        """
        self._owner = asyncio.get_running_loop()
        self._started = self._owner.create_future()
        self._thread.start()
        await self._started
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and end the thread."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        await asyncio.to_thread(self._thread.join, 2 * CLOSE_SECONDS)

    # -- in the exporter's thread --------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            with asyncio.Runner() as runner:  # which has a loop before there is anything to run
                runner.run(self._main())
        except Exception as error:
            if self._told:
                raise
            # Whoever waits for the start would wait for ever, deaf to every signal: not even a loop may be had.
            self._tell(StartupError(f"exporter: it cannot be started ({first_line(error)})"))

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(LoopErrors().handle)
        guard = self._guard
        application = web.Application(middlewares=[] if guard is None else [guard.guard])
        application.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._health(self._healthy)),
                web.get("/-/ready", self._health(self._ready)),
                *front_page.routes(VERSION, shipped_documents()),
            ]
        )
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=CLOSE_SECONDS,
            keepalive_timeout=HEAD_SECONDS,
            lingering_time=LINGER_SECONDS,
        )
        await runner.setup()
        listener = Listener(
            runner,
            host=self._host,
            port=self.port,
            limit=connections_max(CONNECTIONS_MAX),
            connect=lambda: _connection(runner),
        )
        try:
            await listener.open(guard.tls if guard else None)
        except OSError as error:
            await runner.cleanup()
            self._tell(cannot_listen("exporter", f"{self._host}:{self.port}", "exporter", error))
            return
        self.port = listener.port
        following = None if guard is None else asyncio.create_task(guard.follow(listener.renew))
        with ThreadPoolExecutor(1, thread_name_prefix="exporter-render") as self._renderer:
            self._tell(None)
            await self._stop.wait()
            if following is not None:
                following.cancel()
            await listener.close()
            await runner.cleanup()

    def _tell(self, error: StartupError | None) -> None:
        self._told = True
        owner, started = self._owner, self._started
        if owner is None or started is None:
            return
        if error is None:
            owner.call_soon_threadsafe(started.set_result, None)
        else:
            owner.call_soon_threadsafe(started.set_exception, error)

    def _health(self, check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_request: web.Request) -> web.Response:
            reason = check()
            return web.Response(status=503 if reason else 200, text=f"{reason or 'ok'}\n")

        return answer

    async def _metrics(self, request: web.Request) -> web.Response:
        write, content_type = self._exposition.choose(request.headers.get("Accept", ""))
        compressed = gzip_accepted(request.headers.get("Accept-Encoding", ""))
        try:
            async with asyncio.timeout(RENDER_SECONDS):
                body = await asyncio.shield(self._render(write, content_type, compressed=compressed))
        except TimeoutError:
            return web.Response(status=503, text="the metrics took too long to collect\n")
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if compressed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    def _render(self, write: Callable[[], bytes], content_type: str, *, compressed: bool) -> asyncio.Future[bytes]:
        """Render once for all who ask meanwhile: a slow collector is not run again for each of them."""
        key = content_type, compressed
        running = self._rendering.get(key)
        if running is None:

            def render() -> bytes:
                return gzip.compress(write(), compresslevel=GZIP_LEVEL, mtime=0) if compressed else write()

            running = asyncio.get_running_loop().run_in_executor(self._renderer, render)
            self._rendering[key] = running
            running.add_done_callback(lambda _: self._rendering.pop(key, None))
        return running


def _connection(runner: web.AppRunner) -> RequestHandler:
    if runner.server is None:
        raise ConnectionError("the exporter is closed")
    return runner.server()


def web_guard(path: Path | None) -> WebGuard | None:
    """Return the guard that a `web.yml` asks for; `headgate check` has told of what is wrong in the file."""
    if path is None:
        return None
    from .web_guard import WebGuard  # noqa: PLC0415  # few have such a file

    return WebGuard(path)
