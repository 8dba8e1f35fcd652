"""Who still gets events: whoever was let in once, for as long as the token is one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from event_feeds import queued_event

from daemon.api import event_routes
from daemon.api.auth import PRINCIPAL, Authenticator, Principal, Role, Token
from daemon.api.event_routes import EventRoutes

if TYPE_CHECKING:
    from daemon.ledger.queries import JobEvent

BOB, NEW = "bob-token-0123456789", "bob-token-9876543210"


def _token(name: str, *roles: Role, text: str) -> Token:
    principal = Principal(name=name, roles=frozenset(roles))
    return Token(principal=principal, digest=hashlib.sha256(text.encode()).digest())


class Feed:
    """Hands out what a test puts in."""

    position = 0

    def __init__(self) -> None:
        self.events: asyncio.Queue[int] = asyncio.Queue()

    async def listen(self, _: int) -> AsyncGenerator[JobEvent, None]:
        while True:
            yield queued_event(await self.events.get())


@asynccontextmanager
async def _stream(feed: Feed, door: Authenticator, *, header: bool = True) -> AsyncIterator[ClientResponse]:
    """Open a stream as bob, by his token or as one whom a session has let in."""
    handler = EventRoutes(cast("Any", feed), door).routes()[0].handler

    async def guarded(request: web.Request) -> web.StreamResponse:
        request[PRINCIPAL] = Principal(name="bob", roles=frozenset({"read"}))
        return await handler(request)

    application = web.Application()
    application.router.add_get("/", guarded)
    headers = {"Authorization": f"Bearer {BOB}"} if header else {}
    async with TestClient(TestServer(application)) as client, asyncio.timeout(10):
        response = await client.get("/", headers=headers)
        assert await response.content.readuntil(b"\n\n") == b"retry: 2000\nid: 0\n\n"
        yield response


@pytest.mark.parametrize(
    ("tokens", "header"),
    [
        ((), True),
        ((), False),
        ((_token("bob", "submit", text=BOB),), True),
        ((_token("bob", "submit", text=BOB),), False),
        ((_token("bob", "read", text=NEW),), True),
    ],
    ids=["gone", "gone, session", "other roles", "other roles, session", "other token"],
)
async def test_a_stream_ends_before_the_next_event_when_its_token_is_gone(
    *, tokens: tuple[Token, ...], header: bool
) -> None:
    feed, door = Feed(), Authenticator((_token("bob", "read", text=BOB),))
    async with _stream(feed, door, header=header) as response:
        feed.events.put_nowait(1)
        assert b"id: 1\n" in await response.content.readuntil(b"\n\n")
        assert door.use_tokens(tokens)
        feed.events.put_nowait(2)
        assert await response.content.read() == b""


async def test_a_silent_stream_ends_with_the_next_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_routes, "COMMENT_SECONDS", 0.05)
    feed, door = Feed(), Authenticator((_token("bob", "read", text=BOB),))
    async with _stream(feed, door) as response:
        assert await response.content.readuntil(b"\n\n") == b": still here\n\n"
        door.use_tokens(())
        assert (await response.content.read()).replace(b": still here\n\n", b"") == b""


async def test_other_tokens_end_nothing() -> None:
    feed, bob = Feed(), _token("bob", "read", text=BOB)
    door = Authenticator((bob, _token("anna", "read", text="anna-token-0123456789")))
    async with _stream(feed, door) as response:
        door.use_tokens((bob,))
        feed.events.put_nowait(1)
        assert b"id: 1\n" in await response.content.readuntil(b"\n\n")
