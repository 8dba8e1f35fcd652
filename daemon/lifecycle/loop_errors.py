"""What goes wrong in a callback of the event loop: one line for a limit that was hit, however often it is hit."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from typing import Any, Final

from .seldom import Seldom

logger = logging.getLogger(__name__)

LIMITS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN}
"""What the machine has too little of; asyncio tries to accept again by itself."""


def limit_hit(error: BaseException | None) -> str | None:
    """Return what the machine has too little of, in the system's words; None if the error says no such thing."""
    code = error.errno if isinstance(error, OSError) else None
    return os.strerror(code) if code in LIMITS else None


class LoopErrors:
    """Takes the errors that a loop has no caller for."""

    def __init__(self) -> None:
        self._limits_hit = Seldom()

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log an error; never ends anything."""
        reason = limit_hit(context.get("exception"))
        if reason is None:
            loop.default_exception_handler(context)
        elif (passed_over := self._limits_hit.passed_over(reason)) is not None:
            logger.error("limit hit", extra={"reason": reason, "passed_over": passed_over})
