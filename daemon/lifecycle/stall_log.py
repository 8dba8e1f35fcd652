"""What holds a thread up: owns the log lines that name the place, and that they stay few."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

QUIET_SECONDS: Final = 60.0
"""A place is named once in this time; the line that follows says how often it was passed over."""
PLACES_MAX: Final = 100
STACK_FRAMES: Final = 15
WAITING: Final = ("asyncio.", "selectors", "uvloop")
"""Where a loop's thread is when no callback runs: then it is the process that gets no time."""


class StallLog:
    """Names the innermost place of a thread that is held up, with the stack that led there."""

    def __init__(self) -> None:
        self._named: dict[str, float] = {}
        self._passed_over: dict[str, int] = {}

    def note(self, thread_id: int, *, still_held_up: Callable[[], bool]) -> None:
        """Log where a thread is now, unless it moved on while we looked, or the place was named just before.

        Raises:
            KeyError: there is no such thread.

        """
        frame = sys._current_frames()[thread_id]  # noqa: SLF001  # the one way to another thread's stack
        stack = traceback.extract_stack(frame, limit=STACK_FRAMES)
        idle = frame.f_globals.get("__name__", "").startswith(WAITING)
        if not still_held_up():
            return
        place = "no callback" if idle or not stack else f"{stack[-1].filename}:{stack[-1].lineno}"
        if self._due(place):
            logger.warning(
                "main loop held up",
                extra={
                    "place": place,
                    "passed_over": self._passed_over.pop(place, 0),
                    "stack": " > ".join(f"{one.filename}:{one.lineno} in {one.name}: {one.line}" for one in stack),
                },
            )

    def _due(self, place: str) -> bool:
        now = time.monotonic()
        if now - self._named.get(place, -QUIET_SECONDS) < QUIET_SECONDS:
            self._passed_over[place] = self._passed_over.get(place, 0) + 1
            return False
        if len(self._named) >= PLACES_MAX:
            self._named.clear()
            self._passed_over.clear()
        self._named[place] = now
        return True
