"""What the database pool is asked for and gives: waits, creation, use, leaks; knows SQLAlchemy, not Prometheus."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..histogram import Histogram, HistogramSnapshot
from .errors import ERROR_CLASSES

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from sqlalchemy.engine import Dialect
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

logger = logging.getLogger(__name__)

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OPERATIONS: Final = ("read", "look", "write", "enter", "claim", "load", "beat")
"""What connections are taken for; at most 8."""
WAIT_OUTCOMES: Final = ("ok", "timeout")
STACK_FRAMES: Final = 12
TAKING: Final = {"contextlib", "daemon.database.database", __name__}
"""The modules whose frames say how a connection is taken, not by whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePoolStats:
    """The pool at one moment. Everything `_total` and all histograms only grow; seconds are floats."""

    idle: int
    used: int
    size: int
    max: int
    overflow: int
    pending: int
    leaked: int
    timeout_seconds: float
    leak_seconds: float
    used_seconds_total: float
    timeouts_total: int
    invalidations_total: int
    opened_total: int
    closed_total: int
    wait: Mapping[str, HistogramSnapshot]
    create: HistogramSnapshot
    use: HistogramSnapshot
    operations: Mapping[str, HistogramSnapshot]
    errors: Mapping[str, int]


@dataclass(slots=True, kw_only=True)
class _Creation:
    """How long one checkout spent on making a connection, which is not waiting for the pool."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Holding:
    """One connection in use, of the pool it was taken from, and who took it."""

    since: float
    pool: object
    stack: tuple[tuple[CodeType, int], ...]


@dataclass(slots=True, kw_only=True)
class _Counts:
    pending: int = 0
    timeouts: int = 0
    invalidations: int = 0
    opened: int = 0
    closed: int = 0
    used_seconds: float = 0.0
    errors: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ERROR_CLASSES, 0))
    idle: set[int] = field(default_factory=set)
    """Connections in the pool by identity. The pool's own count has places in it whose connection was thrown away."""
    holdings: set[_Holding] = field(default_factory=set)


_creation: ContextVar[_Creation | None] = ContextVar("headgate_connection_creation", default=None)


class PoolStatsWatch:
    """Measures around the engine's pool: no pool event fires before acquisition, so waits are taken out here."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        size: int,
        max_overflow: int,
        leak_seconds: float,
        timeout_seconds: float,
        choose: Callable[[dict[str, Any]], None],
    ) -> None:
        self._engine, self._choose = engine, choose
        self._size, self._max = size, size + max_overflow
        self._leak_seconds, self._timeout_seconds = leak_seconds, timeout_seconds
        self._lock = threading.Lock()
        self._counts = _Counts()
        bounds = tuple(sorted({*SECONDS, timeout_seconds}))
        self._wait = {outcome: Histogram(bounds) for outcome in WAIT_OUTCOMES}
        self._create, self._use = Histogram(bounds), Histogram(bounds)
        self._operations = {operation: Histogram(bounds) for operation in OPERATIONS}
        # Listeners on the engine, not on its pool: `dispose` puts another pool in its place.
        sync = engine.sync_engine
        event.listen(sync, "do_connect", self._connecting)
        event.listen(sync, "connect", self._connected)
        event.listen(sync, "checkout", self._taken)
        event.listen(sync, "checkin", self._given_back)
        event.listen(sync, "close", self._closed)
        event.listen(sync, "close_detached", self._closed)
        event.listen(sync, "invalidate", self._invalidated)

    @asynccontextmanager
    async def checkout(self, operation: str) -> AsyncIterator[AsyncConnection]:
        """Take a connection for one operation (one of `OPERATIONS`) and give it back."""
        connection = await self._acquire()
        holding = self._hold()
        timer = asyncio.get_running_loop().call_later(self._leak_seconds, self._leak, holding, operation)
        try:
            yield connection
        finally:
            timer.cancel()
            # A cancelled user must not keep the connection half returned: it counts as used until it is back.
            returning = asyncio.ensure_future(self._return(connection, holding))
            returning.add_done_callback(lambda _: self._release(holding, operation))
            await asyncio.shield(returning)

    async def _acquire(self) -> AsyncConnection:
        creation = _Creation()
        token = _creation.set(creation)
        started = time.monotonic()
        outcome = None
        with self._lock:
            self._counts.pending += 1
        try:
            connection = await self._engine.connect()
            outcome = "ok"
        except PoolTimeoutError:
            outcome = "timeout"
            raise
        finally:
            _creation.reset(token)
            with self._lock:
                self._counts.pending -= 1
                self._counts.timeouts += outcome == "timeout"
            # Neither a waiter that was cancelled nor a server that refused says how long one waits.
            if outcome is not None:
                self._wait[outcome].observe(max(0.0, time.monotonic() - started - creation.seconds))
        return connection

    def _hold(self) -> _Holding:
        # Only where, not the lines themselves: this happens at every checkout, and a leak is rare.
        stack = tuple(islice(_callers(inspect.currentframe()), STACK_FRAMES))
        holding = _Holding(since=time.monotonic(), pool=self._engine.sync_engine.pool, stack=stack)
        with self._lock:
            self._counts.holdings.add(holding)
        return holding

    def _leak(self, holding: _Holding, operation: str) -> None:
        logger.warning(
            "database connection held too long",
            extra={
                "operation": operation,
                "limit_seconds": self._leak_seconds,
                "taken_at": "".join(traceback.format_list(reversed([_summary(*place) for place in holding.stack]))),
            },
        )

    async def _return(self, connection: AsyncConnection, holding: _Holding) -> None:
        """Give a connection back; one of a pool that was disposed of meanwhile is closed, for nobody will take it."""
        if holding.pool is not self._engine.sync_engine.pool and not (connection.closed or connection.invalidated):
            (await connection.get_raw_connection()).detach()
        await connection.close()

    def _release(self, holding: _Holding, operation: str) -> None:
        seconds = time.monotonic() - holding.since
        with self._lock:
            self._counts.holdings.discard(holding)
            self._counts.used_seconds += seconds
        self._use.observe(seconds)
        self._operations[operation].observe(seconds)

    def failed(self, error_class: str) -> None:
        """Count an operation that failed; the class is one of `ERROR_CLASSES`."""
        with self._lock:
            self._counts.errors[error_class] += 1

    def stats(self) -> DatabasePoolStats:
        """Return the numbers at this moment; safe to call from any thread."""
        now = time.monotonic()
        with self._lock:
            counts = self._counts
            held = [now - holding.since for holding in counts.holdings]
            return DatabasePoolStats(
                idle=len(counts.idle),
                used=len(held),
                size=self._size,
                max=self._max,
                overflow=max(0, counts.opened - counts.closed - self._size),
                pending=counts.pending,
                leaked=sum(seconds > self._leak_seconds for seconds in held),
                timeout_seconds=self._timeout_seconds,
                leak_seconds=self._leak_seconds,
                used_seconds_total=counts.used_seconds + sum(held),
                timeouts_total=counts.timeouts,
                invalidations_total=counts.invalidations,
                opened_total=counts.opened,
                closed_total=counts.closed,
                wait={outcome: histogram.snapshot() for outcome, histogram in self._wait.items()},
                create=self._create.snapshot(),
                use=self._use.snapshot(),
                operations={name: histogram.snapshot() for name, histogram in self._operations.items()},
                errors=dict(counts.errors),
            )

    # -- SQLAlchemy's events -------------------------------------------------------------------------

    def _connecting(
        self, dialect: Dialect, _record: object, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> object:
        """Connect in the engine's place: only so is an attempt that fails timed too."""
        started = time.monotonic()
        try:
            self._choose(options)
            return dialect.connect(*arguments, **options)
        finally:
            seconds = time.monotonic() - started
            self._create.observe(seconds)
            creation = _creation.get()
            if creation is not None:
                creation.seconds += seconds

    def _connected(self, *_: object) -> None:
        with self._lock:
            self._counts.opened += 1

    def _taken(self, connection: object, *_: object) -> None:
        with self._lock:
            self._counts.idle.discard(id(connection))

    def _given_back(self, connection: object | None, _record: object) -> None:
        if connection is not None:  # after an invalidation only its place comes back
            with self._lock:
                self._counts.idle.add(id(connection))

    def _closed(self, connection: object, *_: object) -> None:
        with self._lock:
            self._counts.idle.discard(id(connection))
            self._counts.closed += 1

    def _invalidated(self, *_: object) -> None:
        with self._lock:
            self._counts.invalidations += 1


def _callers(innermost: FrameType | None) -> Iterator[tuple[CodeType, int]]:
    """Yield where the callers of a checkout are, up to the loop that runs them, without those that only pass it on."""
    for frame, line in traceback.walk_stack(innermost):
        module = frame.f_globals.get("__name__", "")
        if module.startswith("asyncio."):
            return
        if module not in TAKING:
            yield frame.f_code, line


def _summary(code: CodeType, line: int) -> traceback.FrameSummary:
    return traceback.FrameSummary(code.co_filename, line, code.co_name)
