"""New connections to PostgreSQL: owns where they lead now, what each is told at first, and how long that may take."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.util import await_only

from ..errors import NotConnectedError, StartupError
from .deadlines import Patience, tcp_socket
from .encodings import keep_any_letter
from .errors import nothing_asked_yet

if TYPE_CHECKING:
    import asyncpg

Pooler = Literal["auto", "none", "transaction"]
APPLICATION_NAME: Final = "headgate"
"""What the server knows our connections by."""
CACHED_STATEMENTS: Final = 100
KEEPALIVE_SECONDS: Final = 10
KEEPALIVE_PROBES: Final = 3
USER_TIMEOUT_MS: Final = 30_000
"""How long the kernel sends bytes again that nobody acknowledges: a node has no power, a firewall has forgotten."""
_SERVERS_KEEPALIVE: Final = (
    "SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES "
    f"('tcp_keepalives_idle', '{KEEPALIVE_SECONDS}'), ('tcp_keepalives_interval', '{KEEPALIVE_SECONDS}'), "
    f"('tcp_keepalives_count', '{KEEPALIVE_PROBES}'), ('tcp_user_timeout', '{USER_TIMEOUT_MS}')"
    ") AS ours (known, wanted) ON name = known WHERE context = 'user'"
)
"""Lets the server notice as soon that we are gone: till then it keeps the locks of a load that nobody ends.

Only what it knows and lets us set. It is no startup parameter: a pooler refuses those that it does not know, and behind
one the connection is the pooler's own, with keepalives of its own.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the server is reached and how long it is waited for.

    `current_url` reads the URL anew, for a password may have been changed; blocking.
    """

    current_url: Callable[[], str] | None = None
    pooler: Pooler = "auto"
    patience: Patience = field(default_factory=Patience)


class Connector:
    """Opens connections for an engine; behind a pooler they keep nothing that would outlast a transaction."""

    def __init__(self, url: str, access: Access, *, timeout_seconds: float) -> None:
        self._url, self._access, self._timeout_seconds = url, access, timeout_seconds
        self.pooled = access.pooler == "transaction"
        self._found_for: str | None = None

    async def find_out(self) -> None:
        """Look, once for each URL, whether a pooler is in between: what it says of its process is not the server's.

        Raises:
            NotConnectedError, asyncpg.PostgresError: no connection can be made.

        """
        url = self._read_url()
        if self._access.pooler != "auto" or self._found_for == url:
            return
        driver = await self._connect(url, named_statements=False)
        try:
            with nothing_asked_yet():
                async with self._in_time():
                    self.pooled = await driver.fetchval("SELECT pg_backend_pid()") != driver.get_server_pid()
            self._found_for = url
        finally:
            driver.terminate()

    def hurry(self, timeout_seconds: float) -> None:
        """Wait no longer than that for connections from now on."""
        self._timeout_seconds = min(self._timeout_seconds, timeout_seconds)

    def choose(self, options: dict[str, Any]) -> None:
        """Decide, before each new connection, what SQLAlchemy keeps of it."""
        await_only(self.find_out())
        options["prepared_statement_cache_size"] = 0 if self.pooled else CACHED_STATEMENTS

    async def __call__(self, **_: Any) -> asyncpg.Connection[Any]:
        """Open a connection, to where the URL leads now.

        Raises:
            NotConnectedError: nobody answers in time, or not as a server does.
            asyncpg.PostgresError: the server refuses.

        """
        driver = await self._connect(self._url, named_statements=not self.pooled)
        try:
            with nothing_asked_yet():
                if not self.pooled:
                    limit = round(self._access.patience.lock_of("write") * 1000)
                    async with self._in_time():
                        await driver.execute(f"SET lock_timeout = {limit}; {_SERVERS_KEEPALIVE}")
                async with self._in_time():
                    await keep_any_letter(driver)
        except BaseException:
            driver.terminate()
            raise
        return driver

    async def _connect(self, url: str, *, named_statements: bool) -> asyncpg.Connection[Any]:
        import asyncpg  # noqa: PLC0415  # a process that works on SQLite has a connector too, and never comes here

        parsed = sa.make_url(url)
        given = parsed.query.get("connect_timeout")
        timeout_seconds = min(self._timeout_seconds, float(str(given))) if given else self._timeout_seconds
        # The driver reads libpq's options from a URL of libpq's own form.
        dsn = parsed.set(drivername="postgresql").difference_update_query(["connect_timeout"])
        options: dict[str, Any] = {
            "dsn": dsn.render_as_string(hide_password=False),
            "timeout": timeout_seconds,
            "server_settings": {"application_name": APPLICATION_NAME},
            "statement_cache_size": CACHED_STATEMENTS if named_statements else 0,
        }
        try:
            async with self._in_time():
                driver = await asyncpg.connect(**options)
        except PermissionError as error:
            # The driver looks for keys and passwords in HOME, as libpq does.
            reason = f"{error.filename} cannot be read by this user; set HOME to a folder of this user's"
            raise NotConnectedError(reason) from error
        except OSError as error:  # refused, no such name, a certificate that is not trusted
            raise NotConnectedError(str(error) or type(error).__name__) from error
        except KeyError as error:  # the user has no entry in the password database, and is no name therefore
            raise NotConnectedError("the URL names no user, and this one has no name; write user@host") from error
        _keep_alive(driver)
        return driver

    @contextlib.asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Bound what is done at first: a pooler takes connections at once, and then lets them wait for a server."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except TimeoutError as error:
            raise NotConnectedError(f"no answer within {self._timeout_seconds:g} s") from error

    def _read_url(self) -> str:
        """Read where the database is now; while the file cannot be used, nobody knows."""
        if self._access.current_url is not None:
            try:
                self._url = self._access.current_url()
            except (StartupError, ValueError) as error:
                raise NotConnectedError(str(error)) from error
        return self._url


def _keep_alive(driver: asyncpg.Connection[Any]) -> None:
    """Let the kernel notice that the other side is gone, also while nothing is said."""
    tcp = tcp_socket(driver)
    if tcp is None:
        return
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {
        "TCP_KEEPIDLE": KEEPALIVE_SECONDS,
        "TCP_KEEPINTVL": KEEPALIVE_SECONDS,
        "TCP_KEEPCNT": KEEPALIVE_PROBES,
        "TCP_USER_TIMEOUT": USER_TIMEOUT_MS,
    }
    for name, value in wanted.items():
        if (option := getattr(socket, name, None)) is not None:  # not every system has them all
            with contextlib.suppress(OSError):
                tcp.setsockopt(socket.IPPROTO_TCP, option, value)
