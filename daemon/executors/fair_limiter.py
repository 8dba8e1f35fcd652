"""Who may run next: a number of places, a bounded queue before them, lanes that take turns; runs nothing."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from ..errors import PoolClosedError, QueueFullError


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody in line; with a timer that ends their patience as long as the queue has no room for them."""

    lane: str
    future: asyncio.Future[None]
    patience: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Line:
    """Waiters by lane: in the order of asking within a lane, one of each lane in turn across them."""

    _lanes: OrderedDict[str, deque[_Waiter]] = field(default_factory=OrderedDict)

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def append(self, waiter: _Waiter) -> None:
        self._lanes.setdefault(waiter.lane, deque()).append(waiter)

    def pop_next(self) -> _Waiter:
        """Take the first of the lane whose turn it is; the lane's next turn comes after all the others'."""
        lane, waiters = next(iter(self._lanes.items()))
        waiter = waiters.popleft()
        if waiters:
            self._lanes.move_to_end(lane)
        else:
            del self._lanes[lane]
        return waiter

    def remove(self, waiter: _Waiter) -> bool:
        """Take somebody out; False when they are in line no more."""
        waiters = self._lanes.get(waiter.lane)
        if waiters is None or waiter not in waiters:
            return False
        waiters.remove(waiter)
        if not waiters:
            del self._lanes[waiter.lane]
        return True

    def all(self) -> list[_Waiter]:
        return [waiter for waiters in self._lanes.values() for waiter in waiters]


class FairLimiter:
    """Places to run, handed out fairly: a flood in one lane cannot keep the others from their turn.

    Up to `queue_limit` wait for as long as it takes, others `queue_timeout_seconds` at most; all of them are in line.
    """

    def __init__(self, *, places: int, queue_limit: int, queue_timeout_seconds: float) -> None:
        self._places = places
        self._limit = queue_limit
        self._timeout_seconds = queue_timeout_seconds
        self._taken = 0
        self._queued = 0
        self._line = _Line()
        self._impatient: dict[_Waiter, None] = {}  # in the order of asking
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def free(self) -> int:
        """How many may enter at once."""
        return 0 if self._line else max(0, self._places - self._taken)

    async def enter(self, lane: str) -> None:
        """Take a place, waiting in line for it; QueueFullError when the queue stays full for too long."""
        if self._closed:
            raise PoolClosedError
        if self._taken < self._places and not self._line:
            self._take()
            return
        await self._wait_in_line(lane)

    def leave(self) -> None:
        """Give a place back: to whoever is next in line, if anybody is."""
        self._taken -= 1
        self._call_next()

    def resize(self, *, places: int, queue_limit: int, queue_timeout_seconds: float) -> None:
        """Take over new limits; with fewer places nobody who has one is sent away."""
        self._places, self._limit, self._timeout_seconds = places, queue_limit, queue_timeout_seconds
        self._call_next()
        self._admit()

    def close(self) -> None:
        """Let nobody else join the line; those in it go on."""
        self._closed = True

    def dismiss(self) -> None:
        """Send everybody in line away with PoolClosedError."""
        self._closed = True
        for waiter in self._line.all():
            if not waiter.future.done():
                waiter.future.set_exception(PoolClosedError())

    async def wait_until_empty(self) -> None:
        """Wait until nobody runs and nobody is in line."""
        await self._empty.wait()

    async def _wait_in_line(self, lane: str) -> None:
        loop = asyncio.get_running_loop()
        waiter = _Waiter(lane, loop.create_future())
        self._line.append(waiter)
        if self._queued < self._limit:
            self._queued += 1
        else:
            waiter.patience = loop.call_later(self._timeout_seconds, self._refuse, waiter)
            self._impatient[waiter] = None
        try:
            await waiter.future
        except BaseException:
            self._give_up(waiter)
            raise

    def _take(self) -> None:
        self._taken += 1
        self._empty.clear()

    def _call_next(self) -> None:
        while self._line and self._taken < self._places:
            waiter = self._line.pop_next()
            self._out_of_line(waiter)
            if not waiter.future.done():
                self._take()
                waiter.future.set_result(None)
        if not self._taken and not self._line:
            self._empty.set()

    def _refuse(self, waiter: _Waiter) -> None:
        if not waiter.future.done():
            message = f"{self._limit} tasks waited for {self._timeout_seconds:g} s; try again later"
            waiter.future.set_exception(QueueFullError(f"the queue is full: {message}"))

    def _give_up(self, waiter: _Waiter) -> None:
        """Leave the line, or pass on the place that arrived together with the cancellation."""
        if self._line.remove(waiter):
            self._out_of_line(waiter)
            self._call_next()
        elif not waiter.future.cancelled() and waiter.future.exception() is None:
            self.leave()

    def _out_of_line(self, waiter: _Waiter) -> None:
        if waiter.patience is None:
            self._queued -= 1
            self._admit()
        else:
            waiter.patience.cancel()
            self._impatient.pop(waiter, None)

    def _admit(self) -> None:
        """Whoever has asked longest gets the queue's free room, and may wait for as long as it takes."""
        while self._impatient and self._queued < self._limit:
            waiter = next(iter(self._impatient))
            del self._impatient[waiter]
            if waiter.patience is not None:
                waiter.patience.cancel()
            waiter.patience = None
            self._queued += 1
