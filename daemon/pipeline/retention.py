"""What is kept and for how long: files of ended jobs by age and size, jobs by age; never what something still needs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..ledger.pruner import BATCH
from ..lifecycle.components import UntilClosed

if TYPE_CHECKING:
    from ..ledger.pruner import Pruner
    from .parts import PipelineParts
    from .settings import PipelineSettings

logger = logging.getLogger(__name__)


class Retention(UntilClosed):
    """Lets go of what is over, now and then."""

    def __init__(self, parts: PipelineParts, pruner: Pruner, settings: PipelineSettings) -> None:
        super().__init__()
        self._parts, self._pruner = parts, pruner
        self._limits = settings.retention

    def apply(self, settings: PipelineSettings) -> None:
        """Go on under other limits from the next look."""
        self._limits = settings.retention

    async def run(self) -> None:
        """Look until closed; a database that does not answer is waited for."""
        while not self._closing.is_set():
            with self._parts.database.supervisor.waiting("retention"):
                await self._look()
            await self.pause(self._limits.look_seconds)

    async def _look(self) -> None:
        limits, pruner = self._limits, self._pruner
        keys = (
            *await pruner.forget_old_files(rejects_seconds=limits.rejects_seconds, files_seconds=limits.files_seconds),
            *await pruner.forget_files_beyond(limits.files_bytes),
        )
        for key in keys:
            await self._parts.executors.run_io(self._parts.spool.remove, key)
        if keys:
            logger.info("files let go", extra={"files": len(keys)})
        removed = 0
        while limits.jobs_seconds and not self._closing.is_set():
            count = await pruner.forget_jobs(limits.jobs_seconds)
            removed += count
            if count < BATCH:
                await pruner.forget_mails(limits.jobs_seconds)
                break
        if removed:
            logger.info("jobs let go", extra={"jobs": removed})
