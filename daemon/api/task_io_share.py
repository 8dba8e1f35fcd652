"""The application's share of the I/O threads: its calls may hang, and the daemon's own must go on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..executors.fair_limiter import FairLimiter

if TYPE_CHECKING:
    from ..config.executor_limits import ExecutorLimits
    from ..executors.executors import Executors


class IoShare:
    """Runs calls in at most half of the threads; one past its deadline keeps its place until it returns."""

    def __init__(self, executors: Executors) -> None:
        self._executors = executors
        limits = executors.limits
        self._limiter = FairLimiter(
            places=_places(limits),
            queue_limit=limits.queue_limit,
            queue_timeout_seconds=limits.queue_timeout_seconds,
        )

    def apply(self, limits: ExecutorLimits) -> None:
        """Go on under other limits."""
        self._limiter.resize(
            places=_places(limits),
            queue_limit=limits.queue_limit,
            queue_timeout_seconds=limits.queue_timeout_seconds,
        )

    async def run(self, function: Callable[..., Any], *args: Any, timeout_seconds: float | None, lane: str) -> Any:
        """Run a call as `Executors.run_io` does, with the same errors."""
        await self._limiter.enter(lane)
        loop = asyncio.get_running_loop()
        taken = threading.Lock()  # by the call once it begins, or by whoever gives it up before

        def call() -> Any:
            if not taken.acquire(blocking=False):
                return None
            try:
                return function(*args)
            finally:
                # The loop may have been closed while an abandoned call went on.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._limiter.leave)

        try:
            return await self._executors.run_io(call, timeout=timeout_seconds, lane=lane)
        except BaseException:
            if taken.acquire(blocking=False):
                self._limiter.leave()
            raise


def _places(limits: ExecutorLimits) -> int:
    return max(1, limits.io_workers // 2)
