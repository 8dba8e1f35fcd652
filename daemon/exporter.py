"""/metrics and health on their own thread and loop: they answer when the main loop does not."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from .errors import StartupError

if TYPE_CHECKING:
    from types import TracebackType

    from prometheus_client import CollectorRegistry

RENDER_SECONDS: Final = 8.0
"""Below the 10 s after which Prometheus gives a scrape up by default."""
CLOSE_SECONDS: Final = 2.0

Check = Callable[[], str | None]


class Exporter:
    """Serves one registry. `healthy` and `ready` return None or the reason why not; its own thread calls them."""

    def __init__(self, registry: CollectorRegistry, *, host: str, port: int, healthy: Check, ready: Check) -> None:
        self._registry, self._host, self.port = registry, host, port
        self._healthy, self._ready = healthy, ready
        self._thread = threading.Thread(target=self._serve, name="exporter", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started: asyncio.Future[None] | None = None
        self._owner: asyncio.AbstractEventLoop | None = None
        self._rendering: dict[str, asyncio.Future[tuple[bytes, str]]] = {}

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
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application()
        application.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._health(self._healthy)),
                web.get("/-/ready", self._health(self._ready)),
            ]
        )
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSE_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self.port).start()
        except OSError as error:
            await runner.cleanup()
            self._tell(
                StartupError(
                    f"exporter: {self._host}:{self.port} cannot be listened on "
                    f"({os.strerror(error.errno) if error.errno else error}); "
                    "stop what uses the port or set exporter.port"
                )
            )
            return
        self.port = runner.addresses[0][1]
        with ThreadPoolExecutor(1, thread_name_prefix="exporter-render") as self._renderer:
            self._tell(None)
            await self._stop.wait()
            await runner.cleanup()

    def _tell(self, error: StartupError | None) -> None:
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
        accept = request.headers.get("Accept", "")
        try:
            async with asyncio.timeout(RENDER_SECONDS):
                body, content_type = await asyncio.shield(self._render(accept))
        except TimeoutError:
            return web.Response(status=503, text="the metrics took too long to collect\n")
        response = web.Response(body=body, headers={"Content-Type": content_type})
        response.enable_compression()
        return response

    def _render(self, accept: str) -> asyncio.Future[tuple[bytes, str]]:
        """Render once for all who ask meanwhile: a slow collector is not run again for each of them."""
        running = self._rendering.get(accept)
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(self._renderer, self._encode, accept)
            self._rendering[accept] = running
            running.add_done_callback(lambda _: self._rendering.pop(accept, None))
        return running

    def _encode(self, accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
