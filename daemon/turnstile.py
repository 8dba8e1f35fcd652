"""Who may run next: a fixed number of places, a bounded first-in-first-out queue before them; runs nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from .errors import PoolClosedError, QueueFullError


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody in the line; beyond the queue's limit with a timer that ends their patience."""

    future: asyncio.Future[None]
    patience: asyncio.TimerHandle | None = None


class Turnstile:
    """Places to run, handed out in the order of asking."""

    def __init__(self, *, places: int, queue_limit: int, queue_timeout_seconds: float) -> None:
        self._free = places
        self._places = places
        self._limit = queue_limit
        self._timeout_seconds = queue_timeout_seconds
        self._line: deque[_Waiter] = deque()
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    async def enter(self) -> None:
        """Take a place, waiting in line for it; QueueFullError when the line stays too long for too long."""
        if self._closed:
            raise PoolClosedError
        if self._free and not self._line:
            self._free -= 1
            self._empty.clear()
            return
        await self._wait_in_line()

    def leave(self) -> None:
        """Give a place back: to the first in line, if any."""
        while self._line:
            waiter = self._line.popleft()
            self._promote()
            if not waiter.future.done():
                waiter.future.set_result(None)
                return
        self._free += 1
        if self._free == self._places:
            self._empty.set()

    def close(self) -> None:
        """Let nobody else join the line; those in it go on."""
        self._closed = True

    def dismiss(self) -> None:
        """Send everybody in line away with PoolClosedError."""
        self._closed = True
        for waiter in self._line:
            if not waiter.future.done():
                waiter.future.set_exception(PoolClosedError())

    async def wait_until_empty(self) -> None:
        """Wait until nobody runs and nobody is in line."""
        await self._empty.wait()

    async def _wait_in_line(self) -> None:
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future())
        self._line.append(waiter)
        if len(self._line) > self._limit:
            waiter.patience = loop.call_later(self._timeout_seconds, self._refuse, waiter)
        try:
            await waiter.future
        except BaseException:
            self._give_up(waiter)
            raise
        finally:
            if waiter.patience is not None:
                waiter.patience.cancel()

    def _refuse(self, waiter: _Waiter) -> None:
        if not waiter.future.done():
            message = f"{self._limit} tasks waited for {self._timeout_seconds:g} s; try again later"
            waiter.future.set_exception(QueueFullError(f"the queue is full: {message}"))

    def _give_up(self, waiter: _Waiter) -> None:
        """Leave the line, or pass on the place that arrived together with the cancellation."""
        if waiter in self._line:
            self._line.remove(waiter)
            self._promote()
        elif not waiter.future.cancelled() and waiter.future.exception() is None:
            self.leave()

    def _promote(self) -> None:
        """Whoever has moved up to the last place of the queue may wait for as long as it takes."""
        if 0 < self._limit <= len(self._line):
            patience = self._line[self._limit - 1].patience
            if patience is not None:
                patience.cancel()
