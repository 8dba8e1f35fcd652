"""What goes wrong in a callback of the event loop: one line for a limit that was hit, however often it is hit."""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from typing import Any, Final

logger = logging.getLogger(__name__)

LIMITS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""What the machine has too little of; asyncio tries to accept again by itself."""
QUIET_SECONDS: Final = 60.0


class LoopErrors:
    """Takes the errors that a loop has no caller for."""

    def __init__(self) -> None:
        self._told_at = -QUIET_SECONDS
        self._passed_over = 0

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log an error; never ends anything."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in LIMITS:
            loop.default_exception_handler(context)
            return
        if time.monotonic() - self._told_at < QUIET_SECONDS:
            self._passed_over += 1
            return
        logger.error("limit hit", extra={"reason": error.strerror, "passed_over": self._passed_over})
        self._told_at, self._passed_over = time.monotonic(), 0
