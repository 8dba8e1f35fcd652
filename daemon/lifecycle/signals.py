"""Signals as events: the first to stop asks for a drain, the second for an end at once; SIGHUP is for each to heed."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True, kw_only=True)
class StopRequest:
    """What has been asked for so far."""

    drain: asyncio.Event = field(default_factory=asyncio.Event)
    force: asyncio.Event = field(default_factory=asyncio.Event)
    asked_at: float | None = None
    """When a drain was asked for (monotonic)."""

    def begin(self) -> None:
        """Ask for a drain."""
        if not self.drain.is_set():
            self.asked_at = time.monotonic()
            self.drain.set()

    def escalate(self) -> None:
        """Ask for a drain, or, when one is under way, for an end at once."""
        if self.drain.is_set():
            self.force.set()
        else:
            self.begin()

    @property
    def asked_since_seconds(self) -> float:
        """How long ago a drain was asked for; 0 if none was."""
        return 0.0 if self.asked_at is None else time.monotonic() - self.asked_at


class Drain:
    """The time that is left for what runs, since the stop was asked for; a second stop ends it."""

    def __init__(self, stop: StopRequest, seconds: float) -> None:
        self._stop, self.seconds = stop, seconds

    @property
    def left_seconds(self) -> float:
        """How much is left."""
        return max(0.0, self.seconds - self._stop.asked_since_seconds)

    async def wait_for(self, done: asyncio.Event) -> None:
        """Wait for the end of what runs, of the time, or of the patience, whichever comes first."""
        waiting = [asyncio.create_task(event.wait()) for event in (done, self._stop.force)]
        try:
            await asyncio.wait(waiting, timeout=self.left_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


class EarlyHangup:
    """SIGHUP before there is anything that could heed it: by default it would end the process, as if all were well."""

    def __init__(self) -> None:
        self.came = False
        signal.signal(signal.SIGHUP, self._take)

    def _take(self, *_: object) -> None:
        self.came = True


@contextmanager
def captured_signals(stop: StopRequest, hangup: Callable[[], None] | None = None) -> Iterator[None]:
    """Let SIGTERM and SIGINT speak to `stop` while inside, and SIGHUP call `hangup`; afterwards all is as before."""
    loop = asyncio.get_running_loop()
    handlers: dict[signal.Signals, Callable[[], None]] = dict.fromkeys(STOP_SIGNALS, stop.escalate)
    if hangup is not None:
        handlers[signal.SIGHUP] = hangup
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handle in handlers.items():
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
