"""Requests that wait before they send their body: owns who waits, and the word on which the body comes.

A caller that says `Expect: 100-continue` learns of a wrong token, size or dataset without having sent the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import HttpVersion11, web
from multidict import CIMultiDictProxy

if TYPE_CHECKING:
    import asyncio

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http import RawRequestMessage
    from aiohttp.streams import StreamReader
    from aiohttp.web_protocol import RequestHandler

_WAITS: Final = web.RequestKey("body is held back", bool)


def hold_bodies_back(server: web.Server) -> None:
    """Keep aiohttp from asking for bodies by itself, which it does before anything of a request was looked at."""
    make = server.request_factory

    def note(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        waits = message.headers.get("Expect", "").lower() == "100-continue" and message.version >= HttpVersion11
        if "Expect" in message.headers:
            headers = message.headers.copy()
            del headers["Expect"]
            message = message._replace(headers=CIMultiDictProxy(headers))
        request = make(message, payload, protocol, writer, task)
        request[_WAITS] = waits
        return request

    server.request_factory = note


async def let_body_come(request: web.Request) -> None:
    """Tell a caller that waits to send its body; to be called before the first byte of any body is read."""
    if request.get(_WAITS):
        request[_WAITS] = False
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def end_if_waiting(request: web.Request, response: web.StreamResponse) -> None:
    """Close the connection after an answer to a caller that still waits: its next bytes may be the body or not."""
    if request.get(_WAITS):
        response.force_close()
        response.headers["Connection"] = "close"
