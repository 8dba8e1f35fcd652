"""Looks after a shared spool: whether it answers, and what lies there that no job needs any more."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from ..errors import ExecutorError, SpoolAwayError
from ..lifecycle.components import UntilClosed

if TYPE_CHECKING:
    from ..spool.shared import SharedSpool
    from .parts import PipelineParts

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 15.0
SWEEP_SECONDS: Final = 600.0


class SpoolWatch(UntilClosed):
    """Looks now and then, whatever the spool does; loads go on meanwhile with the files that are here."""

    def __init__(self, parts: PipelineParts, shared: SharedSpool) -> None:
        super().__init__()
        self._parts, self._shared = parts, shared
        self._swept_at = time.monotonic()

    async def run(self) -> None:
        """Look until closed; a spool or a database that does not answer is asked again."""
        while not self._closing.is_set():
            # A pool without a free thread is told of by its own metrics.
            with contextlib.suppress(ExecutorError):
                await self._parts.executors.run_io(self._shared.look)
                await self._sweep()
            await self.pause(LOOK_SECONDS)

    async def _sweep(self) -> None:
        if time.monotonic() - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = time.monotonic()
        with self._parts.database.supervisor.waiting("sweep"):
            needed = await self._parts.queries.spool_keys(self._parts.spool.id)
            with contextlib.suppress(SpoolAwayError):
                if removed := await self._parts.executors.run_io(self._parts.spool.sweep_shared, needed):
                    logger.info("shared spool swept", extra={"files": removed})
