"""A way to a server whose connections can fall silent, as when a firewall forgets them: no end, no reset, no byte."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Final

CHUNK: Final = 65536


class SilentProxy:
    """Forwards a loopback port to another until it is told to be silent; new connections are another matter."""

    def __init__(self, port: int, *, bytes_per_second: float | None = None) -> None:
        self._target, self._pace = port, bytes_per_second
        self._gates: set[asyncio.Event] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._all = False
        self.port = 0

    def silence(self, *, new_ones_too: bool = False) -> int:
        """Let the connections that there are pass nothing from now on; return how many these are."""
        self._all = new_ones_too
        count = len(self._gates)
        for gate in self._gates:
            gate.clear()
        return count

    def speak(self) -> None:
        """Let new connections through again; the silent ones stay so."""
        self._all = False

    def drop(self) -> None:
        """End every connection, as the server's machine does when it is there again and knows nothing of them."""
        for task in self._tasks:
            task.cancel()

    def lead_to(self, port: int) -> None:
        """Lead new connections elsewhere from now on, and end those that there are."""
        self._target = port
        self.drop()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        gate = asyncio.Event()
        self._gates.add(gate)
        if not self._all:
            gate.set()
        try:
            await gate.wait()
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                ways = (self._pump(reader, inner_writer, gate, slow=True), self._pump(inner_reader, writer, gate))
                await asyncio.gather(*ways)
            finally:
                inner_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._gates.discard(gate)
            self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event, *, slow: bool = False
    ) -> None:
        while data := await reader.read(CHUNK):
            if not gate.is_set():
                await gate.wait()  # for ever: nobody opens it again
            writer.write(data)
            await writer.drain()
            if slow and self._pace is not None:
                await asyncio.sleep(len(data) / self._pace)
        writer.close()


@contextlib.asynccontextmanager
async def silent_proxy(port: int, *, bytes_per_second: float | None = None) -> AsyncIterator[SilentProxy]:
    """Run a proxy on the loop of the test."""
    proxy = SilentProxy(port, bytes_per_second=bytes_per_second)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()


class ThreadedProxy:
    """The same on a loop of its own, for tests that are no coroutines."""

    def __init__(self, proxy: SilentProxy, loop: asyncio.AbstractEventLoop) -> None:
        self._proxy, self._loop, self.port = proxy, loop, proxy.port

    def silence(self, *, new_ones_too: bool = False) -> int:
        async def silence() -> int:
            return self._proxy.silence(new_ones_too=new_ones_too)

        return asyncio.run_coroutine_threadsafe(silence(), self._loop).result(10)

    def speak(self) -> None:
        self._loop.call_soon_threadsafe(self._proxy.speak)

    def lead_to(self, port: int) -> None:
        self._loop.call_soon_threadsafe(self._proxy.lead_to, port)


@contextlib.contextmanager
def threaded_proxy(port: int) -> Iterator[ThreadedProxy]:
    """Run a proxy in a thread."""
    loop = asyncio.new_event_loop()
    proxy = SilentProxy(port)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.open(), loop).result(10)
    try:
        yield ThreadedProxy(proxy, loop)
    finally:
        asyncio.run_coroutine_threadsafe(proxy.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
