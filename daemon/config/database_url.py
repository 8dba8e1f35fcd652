"""Database URLs as people write them: owns which are understood; connects to nothing and never repeats a password."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from .secret_file import read_secret

if TYPE_CHECKING:
    from .settings import DatabaseSettings

SQLITE: Final = "sqlite+aiosqlite"
POSTGRESQL: Final = "postgresql+asyncpg"

_DRIVERS: Final = {
    "sqlite": SQLITE,
    SQLITE: SQLITE,
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    POSTGRESQL: POSTGRESQL,
}


class DatabaseUrlError(ValueError):
    """The URL cannot be used; the message is `reason; remedy`, without the URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """A URL with the driver that Headgate uses, and whether there is a password in it."""

    text: str
    has_password: bool
    shown: str
    """The URL without its password, for messages."""


def parse_url(text: str, base: Path) -> DatabaseUrl:
    """Understand a URL; a relative SQLite file lies below `base`.

    Raises:
        DatabaseUrlError: it is no URL of a database that Headgate can use.

    """
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise DatabaseUrlError("not a database URL; write postgresql://user@host/name or sqlite:///path")
    if scheme not in _DRIVERS:
        # A scheme is no secret, but what stands before :// in a mistyped URL may be anything.
        name = scheme if scheme.replace("+", "").isalnum() else "this"
        raise DatabaseUrlError(f"{name} is not a supported database; write postgresql://... or sqlite:///path")
    if _DRIVERS[scheme] == SQLITE:
        return _sqlite(text, base)
    return _postgresql(text)


def url_reader(database: DatabaseSettings) -> Callable[[], str] | None:
    """Return what reads `url_file` anew, if there is one: a password is rotated while the daemon runs.

    It raises StartupError or DatabaseUrlError while the file cannot be used.
    """
    file = database.url_file
    if file is None:
        return None
    return lambda: parse_url(read_secret(file), file.parent).text


def _sqlite(text: str, base: Path) -> DatabaseUrl:
    rest = text.partition("://")[2]
    if not rest.startswith("/"):
        raise DatabaseUrlError(
            "a SQLite URL has three slashes and a path; write sqlite:///path, or sqlite:////absolute"
        )
    path, separator, query = rest[1:].partition("?")
    if not path or path.startswith((":memory:", "file:")):
        raise DatabaseUrlError("a database in memory loses its jobs with the process; name a file: sqlite:///path")
    url = f"{SQLITE}:///{base / path}{separator}{query}"
    return DatabaseUrl(text=url, has_password=False, shown=url)


def _postgresql(text: str) -> DatabaseUrl:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        reason = "its host and port cannot be understood"
        raise DatabaseUrlError(f"{reason}; percent-encode what is special in user and password") from None
    query = dict(parse_qsl(parts.query))
    if not parts.path.strip("/"):
        raise DatabaseUrlError("names no database; write postgresql://user@host/name")
    secret = parts.password is not None or "password" in query
    # asyncpg calls libpq's sslmode ssl, with the same values.
    if "sslmode" in query:
        query.setdefault("ssl", query.pop("sslmode"))
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    public = {name: value for name, value in query.items() if name != "password"}
    return DatabaseUrl(
        text=_joined(parts.netloc, parts.path, query),
        has_password=secret,
        shown=_joined(user + host, parts.path, public),
    )


def _joined(place: str, path: str, query: dict[str, str]) -> str:
    # Not by urlunsplit: that drops the slashes of an empty place, as in a URL of a local socket.
    return f"{POSTGRESQL}://{place}{path}" + (f"?{urlencode(query)}" if query else "")
