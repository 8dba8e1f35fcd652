"""However many connections come at once, no more are let in than the limit says."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from certificates import Authority
from connections import burst, left_open

from daemon.api.tls import server_context
from daemon.lifecycle import listener
from daemon.lifecycle.listener import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LIMIT = 5
BURST = 60
"""Fewer than the backlog holds: all of them wait in the kernel before the loop looks at the first."""


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    assert runner.server is not None
    serving = Listener(runner, host="127.0.0.1", port=0, limit=LIMIT, connect=runner.server)
    await serving.open(tls)
    try:
        yield serving.port
    finally:
        await serving.close()
        await runner.cleanup()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    pair = Authority(tmp_path).issue("here", "IP:127.0.0.1")
    return server_context(pair.certificate, pair.key, None)


async def test_a_burst_is_let_in_up_to_the_limit() -> None:
    async with listening() as port:
        connections = burst(port, BURST)
        assert await left_open(connections, LIMIT) == LIMIT
        for connection in connections:
            connection.close()


@pytest.mark.parametrize(("seconds", "answer"), [(60.0, b""), (1.0, b"HTTP/1.1 404")], ids=["count", "make room"])
async def test_handshakes_that_never_begin(
    tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, answer: bytes
) -> None:
    """As many as the limit are waited for; when their time is over, the next is let in again."""
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", seconds)
    async with listening(tls) as port:
        connections = burst(port, BURST)
        if answer:
            assert await left_open(connections, 0) == 0
        trusting = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert (await reader.read())[: len(b"HTTP/1.1 404")] == answer
        writer.close()
        for connection in connections:
            connection.close()
