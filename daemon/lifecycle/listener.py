"""Listening sockets of an aiohttp server: how many connections they let in, and that their TLS can be another one."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import ssl
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aiohttp import web

from ..errors import StartupError
from .loop_errors import limit_hit
from .seldom import Seldom

if TYPE_CHECKING:
    from aiohttp.web_protocol import RequestHandler

logger = logging.getLogger(__name__)

HEAD_SECONDS: Final = 30.0
"""How long a connection may take to send a request's head, the first as well as the next."""
HANDSHAKE_SECONDS: Final = 10.0
LINGER_SECONDS: Final = 5.0
"""How long the rest of a refused body is read, so that the client sees the answer and not a reset."""
CUT_SECONDS: Final = 10.0
"""How long a request may go on whose connection another TLS would not have let in."""
BACKLOG: Final = 128


def connections_max(most: int) -> int:
    """Return how many connections a server takes at once: a quarter of the descriptors stays for everything else."""
    return _share_of_descriptors(4, most)


def backlog() -> int:
    """Return how many connections may wait: a loop accepts all of them at once, and closes those too many then."""
    return _share_of_descriptors(8, BACKLOG)


def _share_of_descriptors(part: int, most: int) -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if limit == resource.RLIM_INFINITY else max(8, min(most, limit // part))


def cannot_listen(part: str, place: str, setting: str, error: OSError) -> StartupError:
    """Return what to say of an address that cannot be listened on, and what to do about that reason.

    What a resolver says has numbers of its own, of which the system knows no words.
    """
    reason = error.strerror or str(error)
    if limit_hit(error) is not None:
        remedy = "raise that limit, or end what uses it up"
    elif isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        remedy = f"correct {setting}.host"
    else:
        remedy = f"stop what uses the port or set {setting}.port"
    return StartupError(f"{part}: {place} cannot be listened on ({reason}); {remedy}")


class Listener:
    """Listens on every address of a host; `connect` makes the protocol of a connection."""

    def __init__(
        self, runner: web.AppRunner, *, host: str, port: int, limit: int, connect: Callable[[], RequestHandler]
    ) -> None:
        self._runner, self._host, self.port = runner, host, port
        self._limit, self._connect = limit, connect
        self._sockets: list[socket.socket] = []
        self._sites: list[_Site] = []
        self._doors: weakref.WeakSet[_Door] = weakref.WeakSet()
        self._refusals = Seldom()

    async def open(self, tls: ssl.SSLContext | None) -> None:
        """Listen; OSError says why that cannot be."""
        try:
            for family, address in await self._addresses():
                self._sockets.append(_bound(family, (address, self.port)))
                self.port = int(self._sockets[-1].getsockname()[1])
            await self._listen(tls)
        except OSError:
            await self.close()
            raise

    async def renew(self, tls: ssl.SSLContext) -> None:
        """Speak another TLS from now on; connections that were let in by the one before end with their request."""
        before = self._sites
        self._sites = []
        await self._listen(tls)
        for site in before:
            await site.stop()
        let_in_before = self._open_connections()
        for connection in let_in_before:
            connection.close()
        asyncio.get_running_loop().call_later(CUT_SECONDS, _cut, let_in_before)

    async def close(self) -> None:
        """Listen no more."""
        for site in self._sites:
            await site.stop()
        self._sites = []
        for bound in self._sockets:
            bound.close()
        self._sockets = []

    async def _addresses(self) -> list[tuple[int, str]]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except UnicodeError as error:  # nothing between two of its dots, or more than names may have there
            raise socket.gaierror(socket.EAI_NONAME, "no host can have that name") from error
        return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))

    async def _listen(self, tls: ssl.SSLContext | None) -> None:
        for bound in self._sockets:
            site = _Site(self._runner, bound.dup(), self._accept, tls)
            await site.start()
            self._sites.append(site)

    def _accept(self) -> asyncio.Protocol:
        if len(self._open_connections()) + self._coming() < self._limit:
            door = _Door(self._connect, asyncio.get_running_loop().time() + HANDSHAKE_SECONDS)
            self._doors.add(door)
            return door
        if (passed_over := self._refusals.passed_over(self.port)) is not None:
            about = {"port": self.port, "open": self._limit, "passed_over": passed_over}
            logger.warning("connections refused", extra=about)
        return _Refused()

    def _coming(self) -> int:
        """How many were let in and are no connection of the server's yet: those of one burst, and TLS handshakes.

        Of a handshake that fails nothing is told; its door is gone with it, or counts no more when its time is over.
        """
        now = asyncio.get_running_loop().time()
        return sum(not door.passed and door.until > now for door in self._doors)

    def _open_connections(self) -> list[RequestHandler]:
        return [] if self._runner.server is None else self._runner.server.connections


class _Site(web.BaseSite):
    """A listening socket of its own, and how it speaks."""

    __slots__ = ("_accept", "_bound")

    def __init__(
        self,
        runner: web.AppRunner,
        bound: socket.socket,
        accept: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(runner, ssl_context=tls)
        self._bound, self._accept = bound, accept

    @property
    def name(self) -> str:
        """What aiohttp calls it."""
        return str(self._bound.getsockname())

    async def start(self) -> None:
        """Listen."""
        await super().start()
        self._server = await asyncio.get_running_loop().create_server(
            self._accept,
            sock=self._bound,
            ssl=self._ssl_context,
            backlog=backlog(),
            ssl_handshake_timeout=HANDSHAKE_SECONDS if self._ssl_context is not None else None,
        )


def _cut(connections: list[RequestHandler]) -> None:
    for connection in connections:
        connection.force_close()


class _Door(asyncio.Protocol):
    """A connection that is let in until it is made: then it is the server's.

    A loop accepts all that wait at once and makes them connections afterwards: who counts connections alone lets in
    as many as the backlog holds.
    """

    def __init__(self, connect: Callable[[], RequestHandler], until: float) -> None:
        self._connect, self.until, self.passed = connect, until, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand it on."""
        self.passed = True
        connection = self._connect()
        transport.set_protocol(connection)
        connection.connection_made(transport)


class _Refused(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """End it."""
        transport.close()


def _bound(family: int, address: tuple[str, int]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(backlog())
        made.settimeout(0.0)
    except OSError:
        made.close()
        raise
    return made
