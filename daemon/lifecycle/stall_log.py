"""What holds a thread up: owns the log lines that name the place, and that they stay few."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from typing import Final

from .seldom import Seldom

logger = logging.getLogger(__name__)

STACK_FRAMES: Final = 15
WAITING: Final = ("asyncio.", "selectors", "uvloop")
"""Where a loop's thread is when no callback runs: then it is the process that gets no time."""


class StallLog:
    """Names the innermost place of a thread that is held up, with the stack that led there."""

    def __init__(self) -> None:
        self._places = Seldom()

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
        if (passed_over := self._places.passed_over(place)) is not None:
            logger.warning(
                "main loop held up",
                extra={
                    "place": place,
                    "passed_over": passed_over,
                    "stack": " > ".join(f"{one.filename}:{one.lineno} in {one.name}: {one.line}" for one in stack),
                },
            )
