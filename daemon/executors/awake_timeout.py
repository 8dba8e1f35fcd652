"""A timeout in the time that this process was awake; knows nothing of tasks.

A machine, container or process that was paused and goes on finds every deadline passed at once, though nobody has had
the time. So the time is taken in short steps, and a step counts for what was planned, however late it ends.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STEP_SECONDS: Final = 1.0


@asynccontextmanager
async def awake_timeout(seconds: float) -> AsyncIterator[None]:
    """Bound the body like `asyncio.timeout`, but let time not count in which the loop stood still.

    Raises:
        TimeoutError: the body has had so many seconds.

    """
    loop = asyncio.get_running_loop()
    timer: asyncio.Handle

    def go_on(left: float) -> None:
        nonlocal timer
        planned = min(left, STEP_SECONDS)
        if planned > 0:
            timer = loop.call_later(planned, go_on, left - planned)
        else:
            bound.reschedule(loop.time())

    async with asyncio.timeout(None) as bound:
        timer = loop.call_soon(go_on, seconds)
        try:
            yield
        finally:
            timer.cancel()
