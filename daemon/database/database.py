"""The database: owns the engine, what differs between PostgreSQL and SQLite, and every transaction's begin and end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..errors import DatabaseReplacedError, DatabaseUnavailableError, NotConnectedError, StartupError
from .async_engine import AsyncConnection, AsyncEngine, create_async_engine
from .connector import APPLICATION_NAME, Access, Connector
from .deadlines import UNDO_SECONDS, Deadlines
from .errors import is_of_database, meaning, nothing_asked_yet, reason_of
from .pool_stats import DatabasePoolStats, PoolStatsWatch
from .pre_ping import watch_pre_ping
from .server_stats import ServerStatsWatch
from .supervisor import Supervisor

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy.engine import URL

    from .sqlstates import Classification, Meaning

Dialect = Literal["postgresql", "sqlite"]


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
        access: Access | None = None,
    ) -> None:
        self._url: URL = sa.make_url(url)
        self.dialect: Dialect = "postgresql" if self._url.get_backend_name() == "postgresql" else "sqlite"
        access = access or Access()
        self._connect_timeout_seconds, self._patience = connect_timeout_seconds, access.patience
        self._lock_descriptor: int | None = None
        self._file_descriptor: int | None = None
        self._path = Path(self._url.database or "")
        # SQLite has one writer; ours queue here in order instead of racing for its lock.
        self._writer = asyncio.Lock() if self.dialect == "sqlite" else contextlib.nullcontext()
        self._connector = Connector(url, access, timeout_seconds=connect_timeout_seconds)
        self.engine = self._engine(pool_size, max_overflow, pool_timeout_seconds)
        self._deadlines = Deadlines(self.engine, access.patience) if self.dialect == "postgresql" else None
        if self._deadlines is None:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "invalidate", _undo_sqlite)
        self.supervisor = Supervisor(self.meaning)
        self._watch = PoolStatsWatch(
            self.engine,
            size=pool_size,
            max_overflow=max_overflow,
            leak_seconds=leak_seconds,
            timeout_seconds=pool_timeout_seconds,
            choose=self._connector.choose if self._deadlines is not None else lambda _: None,
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
        if self.dialect == "sqlite":
            # Held as long as it is ours, or one that replaces it might get its number.
            self._file_descriptor = os.open(self._path, getattr(os, "O_PATH", os.O_RDONLY))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection and give the SQLite file up."""
        await (self.engine.dispose() if self._deadlines is None else self._deadlines.close())
        if self._file_descriptor is not None:
            os.close(self._file_descriptor)
            self._file_descriptor = None
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def _engine(self, pool_size: int, max_overflow: int, pool_timeout_seconds: float) -> AsyncEngine:
        sqlite = self.dialect == "sqlite"
        engine = create_async_engine(
            self._url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=pool_timeout_seconds,
            connect_args={"timeout": self._patience.lock_seconds} if sqlite else {"async_creator_fn": self._connector},
        )
        if not sqlite:
            watch_pre_ping(engine.sync_engine, silent=self._silent)
        return engine

    def hurry(self) -> None:
        """Wait for a silent database no longer than a daemon that ends can: loads that run may go on."""
        if self._deadlines is not None:
            self._deadlines.hurry()
            self._connector.hurry(UNDO_SECONDS)

    def _silent(self) -> None:
        if self._deadlines is not None:
            self._deadlines.throw_idle_away()

    def server_watch(self, applications: Collection[str], interval_seconds: float) -> ServerStatsWatch | None:
        """Return the watch over the server's connections, on one of its own; None for SQLite, which has no server."""
        if self.dialect == "sqlite":
            return None
        engine = self._engine(1, 0, self._connect_timeout_seconds)
        event.listen(engine.sync_engine, "do_connect", lambda *given: self._connector.choose(given[-1]))
        close = Deadlines(engine, self._patience).close
        return ServerStatsWatch(
            engine, close=close, applications=(APPLICATION_NAME, *applications), interval_seconds=interval_seconds
        )

    def _own_file(self) -> None:
        path = self._path
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

    def _see_that_file_is_there(self) -> None:
        """Refuse a COMMIT into a file that nobody can open any more: with its name, or its log's, all of it is lost."""
        if self._file_descriptor is None:
            return
        log = self._path.with_name(self._path.name + "-wal")
        if not _is_at(self._path, self._file_descriptor) or not log.exists():
            raise DatabaseReplacedError(
                f"the SQLite file {self._path} was removed or replaced while it was in use; "
                "put the right one in its place and start again: what was acknowledged before is in the old one"
            )

    @contextlib.contextmanager
    def _refused_by_another_file(self) -> Iterator[None]:
        """Say so if it is another file that refuses: the empty one that a new connection makes has no table."""
        try:
            yield
        except DBAPIError:
            self._see_that_file_is_there()
            raise

    async def ping(self, timeout_seconds: float) -> None:
        """Ask the database for a one.

        Raises:
            DatabaseUnavailableError: no answer within the timeout, or a refusal.

        """
        where = self._where
        remedy = "make it writable for this user" if self.dialect == "sqlite" else "start it"
        try:
            async with asyncio.timeout(timeout_seconds), self._connection("read") as connection:
                await connection.execute(sa.select(1))
        except PoolTimeoutError as error:
            raise DatabaseUnavailableError(
                f"database {where}: no connection of the pool came free; raise database.pool_size"
            ) from error
        except (OSError, TimeoutError, DBAPIError, NotConnectedError) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else reason_of(error)
            raise DatabaseUnavailableError(
                f"database {where} cannot be reached: {reason}; {remedy} or correct database.url"
            ) from error
        except Exception as error:
            # asyncpg raises some refusals (unknown user, unknown database) as its own errors.
            if not type(error).__module__.startswith("asyncpg"):
                raise
            raise DatabaseUnavailableError(
                f"database {where} refuses: {reason_of(error)}; correct database.url or the server's rights"
            ) from error

    async def see_that_it_takes_writes(self) -> None:
        """Ask a server whether it is read-only, as a standby is; an SQLite file was written to when it was opened.

        Raises:
            DatabaseUnavailableError: it is.

        """
        if self.dialect == "sqlite":
            return
        async with self.read() as connection:
            read_only = (await connection.execute(sa.text("SHOW transaction_read_only"))).scalar_one()
        if read_only == "on":
            raise DatabaseUnavailableError(
                f"database {self._where} is read-only; promote it, make it writable or correct database.url"
            )

    @property
    def _where(self) -> str:
        if self.dialect == "sqlite":
            return str(self._url.database)
        return f"{self._url.host or 'localhost'}:{self._url.port or 5432}/{self._url.database}"

    @contextlib.asynccontextmanager
    async def read(self, operation: str = "read") -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction that only reads; on SQLite beside a writer, by its snapshot.

        Raises:
            DatabaseSilentError: the database has not answered in time.
            DatabaseReplacedError: the SQLite file is another by now, and refuses.
            NotConnectedError, sqlalchemy.exc.DBAPIError, asyncpg.PostgresError: see `meaning`.

        """
        async with self._transaction(operation) as connection:
            if self.dialect == "sqlite":
                await connection.exec_driver_sql("BEGIN")
            yield connection

    @contextlib.asynccontextmanager
    async def write(self, operation: str = "write") -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction that is committed at the end, or undone on any error.

        Raises:
            DatabaseSilentError: the database has not answered in time.
            DatabaseReplacedError: the SQLite file is another by now; this process can write nothing that would stay.
            NotConnectedError, sqlalchemy.exc.DBAPIError, asyncpg.PostgresError: see `meaning`.

        """
        async with self._writer, self._transaction(operation) as connection:
            if self.dialect == "sqlite":
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            elif self._connector.pooled or self._patience.lock_of(operation) != self._patience.lock_of("write"):
                # For this transaction alone: behind a pooler the connection is everybody's.
                limit = round(self._patience.lock_of(operation) * 1000)
                with nothing_asked_yet():
                    await connection.exec_driver_sql(f"SET LOCAL lock_timeout = {limit}")
            yield connection
            self._see_that_file_is_there()

    @contextlib.asynccontextmanager
    async def single(self, operation: str) -> AsyncIterator[AsyncConnection]:
        """Give a connection for one statement, which is a transaction by itself: no BEGIN and no COMMIT are sent."""
        if self.dialect == "sqlite":
            async with self.write(operation) as connection:
                yield connection
            return
        async with self._connection(operation) as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def plan_for_values(self, connection: AsyncConnection) -> None:
        """Have what follows in a transaction planned for the very values that it is asked with, each time."""
        if self.dialect == "postgresql":
            await connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")

    @property
    def keeps_sessions(self) -> bool:
        """Whether what a transaction leaves with its connection is there in the next one, and nobody else's."""
        return not self._connector.pooled

    @contextlib.asynccontextmanager
    async def _transaction(self, operation: str) -> AsyncIterator[AsyncConnection]:
        async with self._watched(operation) as (connection, undoing), connection.begin():
            with undoing, self._refused_by_another_file():
                yield connection

    @contextlib.asynccontextmanager
    async def _connection(self, operation: str) -> AsyncIterator[AsyncConnection]:
        async with self._watched(operation) as (connection, undoing):
            with undoing:
                yield connection

    @contextlib.asynccontextmanager
    async def _watched(
        self, operation: str
    ) -> AsyncIterator[tuple[AsyncConnection, contextlib.AbstractContextManager[None]]]:
        """Give a connection of the pool whose silence is bounded; what fails at the database is counted."""
        connected = False
        try:
            async with self._watch.checkout(operation) as connection:
                connected = True
                if self._deadlines is None:
                    yield connection, contextlib.nullcontext()
                else:
                    async with self._deadlines.over(connection, operation) as watch:
                        yield connection, watch.undoing()
        except Exception as error:
            if not connected or is_of_database(error):
                self._failed(self.meaning(error).counted_as)
            raise

    def _failed(self, error_class: str) -> None:
        self._watch.failed(error_class)
        if error_class == "read_only" and self._deadlines is not None:
            # What is connected to a standby stays with it; the URL, which is read anew, may name the primary by now.
            self._deadlines.throw_idle_away()

    def stats(self) -> DatabasePoolStats:
        """Return the pool's numbers at this moment; safe to call from any thread."""
        return self._watch.stats()

    def will_pass(self, error: BaseException) -> bool:
        """Say whether an error is the database's and may go away, if only when an operator has been there."""
        return self.supervisor.will_pass(error)

    def conflicts(self, error: BaseException) -> bool:
        """Say whether the transaction was undone only because of others at the same rows: a deadlock, for one."""
        return meaning(error, sqlite=self.dialect == "sqlite").counted_as == "conflict"

    def classify(self, error: BaseException) -> Classification:
        """Say whether a failed transaction may work later."""
        return self.meaning(error).classification

    def meaning(self, error: BaseException) -> Meaning:
        """Say what an error means; see `errors.meaning`."""
        return meaning(error, sqlite=self.dialect == "sqlite")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Set a new SQLite connection up: explicit transactions, WAL, and a COMMIT that survives a power cut."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _undo_sqlite(connection: Any, _record: object, _error: object) -> None:
    """Undo what a cancelled user has left: SQLite keeps the locks of a closed connection while there is a cursor of it.

    The cancelled statement itself cannot be stopped; this waits for its end.
    """
    with contextlib.suppress(sa.exc.MissingGreenlet, sa.exc.DBAPIError, sqlite3.Error):
        connection.rollback()


def _is_at(path: Path, descriptor: int) -> bool:
    """Say whether an open file is the one that a path leads to."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
