"""How long the database may be silent: owns the deadline of every statement and the end of connections that pass it.

Nothing here sends anything: a connection that is silent is ended from outside, for it would not hear a question either.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event

from ..errors import DatabaseSilentError

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

logger = logging.getLogger(__name__)

CLOSE_SECONDS: Final = 2.0
"""How long connections may take to end as they should; then they are ended."""
UNDO_SECONDS: Final = 3.0
"""How long a transaction that failed or was cancelled may take to be undone."""
GRACE_SECONDS: Final = 1.0
"""How long a user may take to notice that its connection has ended; COPY never notices while it may not write."""
LOCK_OF_LOOK_SECONDS: Final = 0.2
"""How long a lock is waited for by what only looks at a table, and can do so later."""
LOOKS: Final = 4
"""How often it is looked, within a deadline, whether bytes have passed."""
_TCP_BYTES: Final = struct.Struct("=120xQQ")
"""`tcpi_bytes_acked` and `tcpi_bytes_received` of Linux's `struct tcp_info`, tcp(7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a statement waits for a lock of somebody else, and for an answer: the ledger's, and a load's."""

    lock_seconds: float = 60.0
    statement_seconds: float = 30.0
    load_seconds: float = 600.0

    def of(self, operation: str) -> float:
        """Return how long the database may be silent in an operation."""
        return self.load_seconds if operation == "load" else self.statement_seconds

    def lock_of(self, operation: str) -> float:
        """Return how long an operation waits for a lock: where nobody but us holds one, the server says so first.

        Whoever only looks at somebody's table waits for nobody: it holds a connection that others want.
        """
        if operation == "load":
            return self.lock_seconds
        return min(self.lock_seconds, LOCK_OF_LOOK_SECONDS if operation == "look" else self.statement_seconds / 2)


class Deadlines:
    """Watches over the connections of an engine of asyncpg that are in use."""

    def __init__(self, engine: AsyncEngine, patience: Patience) -> None:
        self._engine, self._patience = engine, patience
        self._open: set[asyncpg.Connection[Any]] = set()
        self._watches: dict[object, Watch] = {}
        sync = engine.sync_engine
        event.listen(sync, "connect", self._opened)
        event.listen(sync, "close", self._closed)
        event.listen(sync, "close_detached", self._closed)
        for moved in ("before_cursor_execute", "commit", "rollback"):
            event.listen(sync, moved, self._moved, named=True)

    @contextlib.asynccontextmanager
    async def over(self, connection: AsyncConnection, operation: str) -> AsyncIterator[Watch]:
        """Let the database be silent for as long as an operation may take it, while inside.

        Raises:
            DatabaseSilentError: it was silent for longer, or its connection has ended unnoticed.

        """
        driver: Any = (await connection.get_raw_connection()).driver_connection
        key = connection.sync_connection
        watch = Watch(driver, operation, self._patience.of(operation), silent=self.throw_idle_away)
        self._watches[key] = watch
        try:
            yield watch
        except BaseException as error:
            watch.close()
            if (really := watch.really(error)) is not error:
                raise really from really.__cause__
            raise
        finally:
            watch.close()
            del self._watches[key]

    def throw_idle_away(self) -> None:
        """End every connection that nobody uses: what is the matter with one is so with all that are as old."""
        used = {watch.driver for watch in self._watches.values()}
        for driver in self._open - used:
            driver.terminate()

    def hurry(self) -> None:
        """Let nothing but a load be waited for any longer than undoing is: the daemon ends."""
        self._patience = replace(self._patience, statement_seconds=min(self._patience.statement_seconds, UNDO_SECONDS))
        for watch in self._watches.values():
            watch.shorten(self._patience.of(watch.operation))

    async def close(self) -> None:
        """Close every connection, one that does not answer without asking it."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._engine.dispose()
        except TimeoutError:
            logger.warning("database connections ended, they do not answer")
        finally:
            for driver in list(self._open):
                driver.terminate()

    def _opened(self, connection: Any, _record: object) -> None:
        self._open.add(connection.driver_connection)

    def _closed(self, connection: Any, *_: object) -> None:
        self._open.discard(connection.driver_connection)

    def _moved(self, **about: Any) -> None:
        watch = self._watches.get(about["conn"])
        if watch is not None:
            watch.moved()


class Watch:
    """One connection in use by one task, and when it was last heard or spoken to."""

    def __init__(
        self, driver: asyncpg.Connection[Any], operation: str, seconds: float, *, silent: Callable[[], None]
    ) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("connections are used by tasks alone")
        self.driver, self.operation = driver, operation
        self._task, self._cancelling = task, task.cancelling()
        self._loop = asyncio.get_running_loop()
        self._seconds, self._silent = seconds, silent
        self._heard_at, self._passed = self._loop.time(), _bytes_passed(driver)
        self._verdict: str | None = None
        self._failure: BaseException | None = None
        self._cancelled = False
        self._closed = False
        driver.add_termination_listener(self._lost)
        self._timer = self._loop.call_later(seconds / LOOKS, self._look)

    def moved(self) -> None:
        """Take note that a statement begins."""
        self._heard_at = self._loop.time()

    @contextlib.contextmanager
    def undoing(self) -> Iterator[None]:
        """Let whatever follows a failure of the body take no longer than undoing does."""
        try:
            yield
        except BaseException as error:
            self._failure = error
            self.shorten(UNDO_SECONDS)
            raise

    def shorten(self, seconds: float) -> None:
        """Wait no longer than that from now on."""
        self._seconds = min(self._seconds, seconds)
        self.moved()
        self._plan(self._seconds / LOOKS)

    def close(self) -> None:
        """Stop watching."""
        if not self._closed:
            self._closed = True
            self._timer.cancel()
            self.driver.remove_termination_listener(self._lost)

    def really(self, error: BaseException) -> BaseException:
        """Return what an error that has come out of the transaction was at first, or comes from."""
        failure = self._failure or error
        if self._cancelled:
            # As asyncio's own timeouts do: a cancellation from elsewhere is not ours to swallow.
            ours = self._task.uncancel() <= self._cancelling
        else:
            ours = not isinstance(failure, asyncio.CancelledError)
        if not ours:
            return failure if isinstance(failure, asyncio.CancelledError) else asyncio.CancelledError()
        if self._verdict is None:
            # Where the connection has gone, undoing fails, too, and has nothing to say of why.
            return failure
        silent = DatabaseSilentError(self._verdict)
        silent.__cause__ = error
        return silent

    def _look(self) -> None:
        passed = _bytes_passed(self.driver)
        if passed != self._passed:
            self._passed = passed
            self.moved()
        left = self._heard_at + self._seconds - self._loop.time()
        if left > 0:
            self._plan(min(left, self._seconds / LOOKS))
            return
        self._verdict = f"the database has not answered for {self._seconds:g} s"
        self.driver.terminate()
        self._silent()
        self._timer = self._loop.call_later(GRACE_SECONDS, self._give_up)

    def _plan(self, seconds: float) -> None:
        if self._verdict is None:
            self._timer.cancel()
            self._timer = self._loop.call_later(seconds, self._look)

    def _lost(self, _: object) -> None:
        """Take note that the connection has ended; its user hears of it at once, but for one that may not write."""
        if self._verdict is None and not self._closed:
            self._timer.cancel()
            self._timer = self._loop.call_later(GRACE_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._verdict = self._verdict or "the connection to the database was lost"
        self._cancelled = True
        self._task.cancel()


def _bytes_passed(driver: asyncpg.Connection[Any]) -> tuple[int, int] | None:
    """Return how many bytes the server has taken and sent; None where the kernel does not tell."""
    tcp = tcp_socket(driver)
    if tcp is None or not hasattr(socket, "TCP_INFO"):
        return None
    with contextlib.suppress(OSError, struct.error):
        acknowledged, received = _TCP_BYTES.unpack_from(
            tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_BYTES.size)
        )
        return acknowledged, received
    return None


def tcp_socket(driver: asyncpg.Connection[Any]) -> socket.socket | None:
    """Return the socket of a connection over TCP, None for a local one or one that has ended."""
    transport = driver._transport  # noqa: SLF001  # asyncpg has no other way to a socket's options
    found = None if transport is None or transport.is_closing() else transport.get_extra_info("socket")
    return found if found is not None and found.family in {socket.AF_INET, socket.AF_INET6} else None
