"""Database URLs as people write them: owns which are understood; connects to nothing and never repeats a password."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from .postgresql_options import OptionError, understood
from .secret_file import read_secret
from .service_file import service_options

if TYPE_CHECKING:
    from .settings import DatabaseSettings

SQLITE: Final = "sqlite+aiosqlite"
POSTGRESQL: Final = "postgresql+asyncpg"

_DRIVERS: Final = {
    "sqlite": SQLITE,
    SQLITE: SQLITE,
    **dict.fromkeys(("postgres", "postgresql", "postgis", "jdbc:postgresql"), POSTGRESQL),
    **{
        f"{scheme}+{driver}": POSTGRESQL
        for scheme in ("postgres", "postgresql")
        for driver in ("asyncpg", "psycopg", "psycopg2", "psycopg_async", "psycopg2cffi", "pg8000")
    },
}
"""How people write it, for other clients too, and the driver that Headgate uses."""
DEFAULT_PORT: Final = 5432


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
    if scheme.lower() not in _DRIVERS:
        # A scheme is no secret, but what stands before :// in a mistyped URL may be anything.
        name = scheme if scheme.replace("+", "").isalnum() else "this"
        raise DatabaseUrlError(f"{name} is not a supported database; write postgresql://... or sqlite:///path")
    if _DRIVERS[scheme.lower()] == SQLITE:
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
        parts = urlsplit(text.removeprefix("jdbc:"))
        place = _Place.of(parts.netloc)
    except ValueError:
        reason = "its host and port cannot be understood"
        raise DatabaseUrlError(f"{reason}; percent-encode what is special in user and password") from None
    try:
        query = _with_service(understood(dict(parse_qsl(parts.query, keep_blank_values=True))), place, parts.path)
    except OptionError as error:
        raise DatabaseUrlError(str(error)) from None
    path = f"/{query.pop('dbname')}" if "dbname" in query and not parts.path.strip("/") else parts.path
    if not path.strip("/"):
        raise DatabaseUrlError("names no database; write postgresql://user@host/name")
    secret = place.password or "password" in query
    if len(place.hosts) > 1:
        # As options: a URL has one host.
        query |= {"host": ",".join(name for name, _ in place.hosts), "port": ",".join(p for _, p in place.hosts)}
        netloc = place.login
    else:
        netloc = place.login + place.text
    public = {name: value for name, value in query.items() if name not in ("password", "sslpassword")}
    host = "" if len(place.hosts) > 1 else place.text
    return DatabaseUrl(
        text=_joined(netloc, path, query),
        has_password=secret,
        shown=_joined((f"{place.user}@" if place.user else "") + host, path, public),
    )


def _with_service(query: dict[str, str], place: _Place, path: str) -> dict[str, str]:
    """Put what the service file says where the URL says nothing."""
    name = query.pop("service", None)
    if name is None:
        return query
    options = service_options(name)
    if "service" in options:
        raise OptionError(f"the service {name} names another one; write its options instead")
    found = understood(options)
    said = {
        **dict.fromkeys(("host", "port"), place.text),
        **dict.fromkeys(("user", "password"), place.user),
        "dbname": path.strip("/"),
    }
    return {option: value for option, value in found.items() if not said.get(option)} | query


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What stands between `//` and the path: `login` with its @, and hosts with their ports."""

    login: str
    user: str
    password: bool
    text: str
    hosts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, netloc: str) -> _Place:
        login, separator, text = netloc.rpartition("@")
        user, has_password, _ = login.partition(":")
        hosts = []
        for one in text.split(","):
            parts = urlsplit(f"//{one}")
            hosts.append((parts.hostname or "", str(parts.port or DEFAULT_PORT)))
        return cls(login=login + separator, user=user, password=bool(has_password), text=text, hosts=tuple(hosts))


def _joined(place: str, path: str, query: dict[str, str]) -> str:
    # Not by urlunsplit: that drops the slashes of an empty place, as in a URL of a local socket.
    return f"{POSTGRESQL}://{place}{path}" + (f"?{urlencode(query)}" if query else "")
