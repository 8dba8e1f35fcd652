"""Log lines that come again and again: owns which of them are told, one a minute of each kind; writes none itself."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Final

QUIET_SECONDS: Final = 60.0
KINDS_MAX: Final = 100


class Seldom:
    """Counts what is passed over, so that the next line that is told can say it. For one thread."""

    def __init__(self) -> None:
        self._told_at: dict[Hashable, float] = {}
        self._passed_over: dict[Hashable, int] = {}

    def passed_over(self, kind: Hashable) -> int | None:
        """Return how many of a kind were passed over since one was told; None if this one is to be, too."""
        now = time.monotonic()
        if now - self._told_at.get(kind, -QUIET_SECONDS) < QUIET_SECONDS:
            self._passed_over[kind] = self._passed_over.get(kind, 0) + 1
            return None
        if len(self._told_at) >= KINDS_MAX:
            self._told_at.clear()
            self._passed_over.clear()
        self._told_at[kind] = now
        return self._passed_over.pop(kind, 0)
