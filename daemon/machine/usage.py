"""How much of CPU and memory is in use, in percent: two looks at counters, with a moment between them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .cores import available_cores
from .resources import find_cgroup, system_use

if TYPE_CHECKING:
    from .resources import Scope, SystemUse

WINDOW_SECONDS: Final = 0.5
"""Counters of CPU time have steps of up to 10 ms: a shorter look says little."""
WINDOW_MAX_SECONDS: Final = 60.0
"""What was used longer ago says nothing of now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Use in percent of what may be used; CPU over the last `window_seconds`."""

    cpu_percent: float
    memory_percent: float
    processes: int
    threads: int
    scope: Scope
    window_seconds: float


class UsageMeter:
    """Measures since it was last asked, if that was some moments ago, else over a window of its own."""

    def __init__(self) -> None:
        self._cgroup = find_cgroup()
        self._before: tuple[float, SystemUse] | None = None

    async def measure(self) -> Usage:
        """Return the use of now; takes `WINDOW_SECONDS` when it was asked long ago or just before."""
        at, before = self._before or (0.0, system_use(self._cgroup))
        if not WINDOW_SECONDS <= time.monotonic() - at <= WINDOW_MAX_SECONDS:
            at, before = time.monotonic(), system_use(self._cgroup)
            await asyncio.sleep(WINDOW_SECONDS)
        now, after = time.monotonic(), system_use(self._cgroup)
        self._before = now, after
        used = max(0.0, after.cpu.seconds_total - before.cpu.seconds_total)
        return Usage(
            cpu_percent=min(100.0, 100 * used / (now - at) / available_cores()),
            memory_percent=min(100.0, 100 * after.memory.working_set_bytes / max(1, after.memory.limit_bytes)),
            processes=after.processes,
            threads=after.threads,
            scope=after.cpu.scope,
            window_seconds=now - at,
        )
