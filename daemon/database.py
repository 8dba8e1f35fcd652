"""The database: owns the engine, what differs between PostgreSQL and SQLite, and every transaction's begin and end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from .errors import DatabaseUnavailableError, RetryableError, StartupError
from .pool_watch import DatabasePoolStats, PoolWatch

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy.engine import URL

Dialect = Literal["postgresql", "sqlite"]
Classification = Literal["transient", "data", "configuration", "other"]

SQLITE_BUSY_SECONDS: Final = 60
"""How long SQLite waits for a lock held by somebody else's tool; our own writers queue before they get there."""

CLASSES: Final[dict[str, Classification]] = {
    # SQLSTATE classes, https://www.postgresql.org/docs/current/errcodes-appendix.html
    "08": "transient",  # connection
    "40": "transient",  # serialization, deadlock
    "53": "transient",  # insufficient resources
    "55": "transient",  # lock not available
    "57": "transient",  # operator intervention
    "58": "transient",  # system error
    "22": "data",
    "23": "data",
    "28": "configuration",  # authorization
    "3D": "configuration",  # no such database
    "42": "configuration",  # syntax, access rule, undefined object
}


class Database:
    """One engine and its pool; `read` and `write` are the only ways to a connection."""

    def __init__(
        self,
        *,
        url: str,
        pool_size: int,
        max_overflow: int,
        pool_timeout_seconds: float,
        leak_seconds: float,
        connect_timeout_seconds: float,
        application_name: str = "headgate",
    ) -> None:
        self._url: URL = sa.make_url(url)
        self.dialect: Dialect = "postgresql" if self._url.get_backend_name() == "postgresql" else "sqlite"
        self._connect_timeout_seconds = connect_timeout_seconds
        self._lock_descriptor: int | None = None
        # SQLite has one writer; ours queue here in order instead of racing for its lock.
        self._writer = asyncio.Lock() if self.dialect == "sqlite" else contextlib.nullcontext()
        arguments: dict[str, Any] = (
            {"timeout": connect_timeout_seconds, "server_settings": {"application_name": application_name}}
            if self.dialect == "postgresql"
            else {"timeout": SQLITE_BUSY_SECONDS}
        )
        self.engine: AsyncEngine = create_async_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=pool_timeout_seconds,
            pool_pre_ping=self.dialect == "postgresql",
            connect_args=arguments,
        )
        if self.dialect == "sqlite":
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
        self._watch = PoolWatch(
            self.engine,
            size=pool_size,
            max_overflow=max_overflow,
            leak_seconds=leak_seconds,
            timeout_seconds=pool_timeout_seconds,
        )

    async def __aenter__(self) -> Self:
        """Own the SQLite file, or see that the server answers.

        Raises:
            StartupError: another process owns the SQLite file, or its folder cannot be written.
            DatabaseUnavailableError: the server does not answer, or refuses; names host and port, no secret.

        """
        if self.dialect == "sqlite":
            self._own_file()
        try:
            await self.ping(self._connect_timeout_seconds)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection and give the SQLite file up."""
        await self.engine.dispose()
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def _own_file(self) -> None:
        path = Path(self._url.database or "")
        lock = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartupError(
                f"database {path}: {error.strerror}; make its folder writable for this user or set database.url"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StartupError(
                f"database {path} is in use by process {owner}: one process at a time owns an SQLite file; "
                "stop that one (or use `headgate submit`), or use PostgreSQL"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._lock_descriptor = descriptor

    async def ping(self, timeout_seconds: float) -> None:
        """Ask the database for a one.

        Raises:
            DatabaseUnavailableError: no answer within the timeout, or a refusal.

        """
        place = f"{self._url.host or 'localhost'}:{self._url.port or 5432}/{self._url.database}"
        where = str(self._url.database) if self.dialect == "sqlite" else place
        try:
            async with asyncio.timeout(timeout_seconds), self.engine.connect() as connection:
                await connection.execute(sa.select(1))
        except (OSError, TimeoutError, DBAPIError) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else _reason(error)
            raise DatabaseUnavailableError(
                f"database {where} cannot be reached: {reason}; start it or correct database.url"
            ) from error
        except Exception as error:
            # asyncpg raises some refusals (unknown user, unknown database) as its own errors.
            if not type(error).__module__.startswith("asyncpg"):
                raise
            raise DatabaseUnavailableError(
                f"database {where} refuses: {_reason(error)}; correct database.url or the server's rights"
            ) from error

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction that only reads; on SQLite beside a writer, by its snapshot."""
        async with self._watch.checkout("read") as connection, connection.begin():
            if self.dialect == "sqlite":
                await connection.exec_driver_sql("BEGIN")
            yield connection

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction that is committed at the end, or undone on any error."""
        async with self._writer, self._watch.checkout("write") as connection, connection.begin():
            if self.dialect == "sqlite":
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def stats(self) -> DatabasePoolStats:
        """Return the pool's numbers at this moment; safe to call from any thread."""
        return self._watch.stats()

    def classify(self, error: BaseException) -> Classification:
        """Say whether a failed transaction may work later, by SQLSTATE where there is one."""
        for cause in _causes(error):
            state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
            if isinstance(state, str) and state[:2] in CLASSES:
                return CLASSES[state[:2]]
        for cause in _causes(error):
            if isinstance(cause, (RetryableError, PoolTimeoutError, ConnectionError, TimeoutError, InterfaceError)):
                return "transient"
            if isinstance(cause, DBAPIError) and cause.connection_invalidated:
                return "transient"
        return _classify_sqlite(error) if self.dialect == "sqlite" else "other"


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Set a new SQLite connection up: explicit transactions, WAL, and a COMMIT that survives a power cut."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        original = getattr(error, "orig", None)
        error = original if isinstance(original, BaseException) else error.__cause__
    return found


def _classify_sqlite(error: BaseException) -> Classification:
    text = str(error).lower()
    if isinstance(error, OperationalError) and any(word in text for word in ("locked", "busy", "full", "i/o")):
        return "transient"
    if isinstance(error, sa.exc.IntegrityError):
        return "data"
    return "other"


def _reason(error: BaseException) -> str:
    cause = _causes(error)[-1]
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
