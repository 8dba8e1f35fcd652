"""The main loop's pulse: how late it wakes, when it last did, and what held it up; read from the exporter's thread."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ..histogram import Histogram, HistogramSnapshot
from .stall_log import StallLog

if TYPE_CHECKING:
    from types import TracebackType

BEAT_SECONDS: Final = 0.1
"""Whatever holds the loop up for `SLOW_SECONDS` and this long is seen, whenever it begins.

Ten beats a second, with the looks at them, take two thousandths of a core.
"""
SLOW_SECONDS: Final = 0.1
"""asyncio's own debug mode calls a callback slow from here on."""
COUNT_SECONDS: Final = 1.0
"""How often the tasks are counted: that takes longer the more there are."""
LAG_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStats:
    """The loop at its last beat; `silent_seconds` is how long ago that was when this was asked."""

    lag: HistogramSnapshot
    tasks: int
    heartbeat_at: float
    silent_seconds: float
    slow_callbacks_total: int
    """What holds the loop up at this moment is one of them."""


class LoopWatch:
    """Beats on the loop; a thread beside it looks at what the loop does when a beat does not come."""

    def __init__(self) -> None:
        self._lag = Histogram(LAG_SECONDS)
        self._tasks = 0
        self._slow = 0
        self._slow_told = 0
        self._count_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._heartbeat_at = time.time()
        self._beat_at = time.monotonic()
        self._stalls = StallLog()
        self._closing: asyncio.Event | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> Self:
        """Count from now on, in the loop of the caller."""
        self._closing = asyncio.Event()
        self._beat_at, self._heartbeat_at = time.monotonic(), time.time()
        self._thread = threading.Thread(
            target=self._look, args=(threading.get_ident(),), name="loop watch", daemon=True
        )
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop beating and looking."""
        self._over.set()
        if self._closing is not None:
            self._closing.set()
        if self._thread is not None:
            self._thread.join(SLOW_SECONDS)

    async def run(self) -> None:
        """Beat until closed."""
        if self._closing is None:
            return
        loop = asyncio.get_running_loop()
        self._plan(loop)
        try:
            await self._closing.wait()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_at(due := loop.time() + BEAT_SECONDS, self._beat, loop, due)

    def _beat(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        lag = max(0.0, loop.time() - due)
        self._lag.observe(lag)
        self._beat_at, self._heartbeat_at = time.monotonic(), time.time()
        self._slow += lag >= SLOW_SECONDS
        if self._beat_at >= self._count_at:
            self._tasks, self._count_at = len(asyncio.all_tasks(loop)), self._beat_at + COUNT_SECONDS
        self._plan(loop)

    def _look(self, thread_id: int) -> None:
        """Sleep until a beat is late, and say where the loop's thread is then; once for each time it is held up."""
        seen = -1.0
        while True:
            beat_at = self._beat_at
            late_at = beat_at + BEAT_SECONDS + SLOW_SECONDS
            wait = late_at - time.monotonic() if beat_at != seen else BEAT_SECONDS
            if self._over.wait(max(wait, 0.0)):
                return
            if self._beat_at == beat_at != seen:
                seen = beat_at
                with contextlib.suppress(KeyError):  # the thread has ended
                    self._stalls.note(thread_id, still_held_up=functools.partial(self._silent_since, beat_at))

    def _silent_since(self, beat_at: float) -> bool:
        return self._beat_at == beat_at

    def trouble(self, limit_seconds: float) -> str | None:
        """Say for how long the loop has hung, if that is longer than the limit; safe to call from any thread."""
        silent = time.monotonic() - self._beat_at
        return f"the main loop has not moved for {silent:.1f} s" if silent > limit_seconds else None

    def stats(self) -> LoopStats:
        """Return the numbers of the last beat; safe to call from any thread."""
        # In this order: a beat that comes between the two leaves its stall to the next look, which else had it twice.
        slow = self._slow
        silent = time.monotonic() - self._beat_at
        self._slow_told = max(self._slow_told, slow + (silent >= BEAT_SECONDS + SLOW_SECONDS))
        return LoopStats(
            lag=self._lag.snapshot(),
            tasks=self._tasks,
            heartbeat_at=self._heartbeat_at,
            silent_seconds=silent,
            slow_callbacks_total=self._slow_told,
        )
