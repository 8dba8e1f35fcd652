"""The main loop's pulse: how late it wakes, and when it last did; read from the exporter's thread."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from .histogram import Histogram, HistogramSnapshot

if TYPE_CHECKING:
    from types import TracebackType

BEAT_SECONDS: Final = 0.25
SLOW_SECONDS: Final = 0.1
"""asyncio's own debug mode calls a callback slow from here on."""
LAG_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStats:
    """The loop at its last beat; `silent_seconds` is how long ago that was when this was asked."""

    lag: HistogramSnapshot
    tasks: int
    heartbeat_at: float
    silent_seconds: float
    slow_callbacks_total: int


class LoopWatch:
    """Sleeps, and measures how much later than asked it is woken."""

    def __init__(self) -> None:
        self._lag = Histogram(LAG_SECONDS)
        self._tasks = 0
        self._slow = 0
        self._heartbeat_at = time.time()
        self._beat_at = time.monotonic()
        self._closing = False

    async def __aenter__(self) -> Self:
        """Count from now on."""
        self._beat_at = time.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop at the next beat."""
        self._closing = True

    async def run(self) -> None:
        """Beat until closed."""
        while not self._closing:
            asked = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)
            self._beat_at, self._heartbeat_at = time.monotonic(), time.time()
            lag = max(0.0, self._beat_at - asked - BEAT_SECONDS)
            self._lag.observe(lag)
            self._slow += lag >= SLOW_SECONDS
            self._tasks = len(asyncio.all_tasks())

    def stats(self) -> LoopStats:
        """Return the numbers of the last beat; safe to call from any thread."""
        return LoopStats(
            lag=self._lag.snapshot(),
            tasks=self._tasks,
            heartbeat_at=self._heartbeat_at,
            silent_seconds=time.monotonic() - self._beat_at,
            slow_callbacks_total=self._slow,
        )
