"""What is kept and for how long: files of ended jobs by age and size, jobs by age; never what something still needs."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, Self

from ..ledger.pruner import BATCH
from ..lifecycle.components import UntilClosed

if TYPE_CHECKING:
    from ..ledger.pruner import Pruner
    from .parts import PipelineParts
    from .settings import PipelineSettings

logger = logging.getLogger(__name__)

PATIENCE_LOOKS: Final = 6
"""Looks, an hour by default, for which a clock is not believed after a start, or after it was set.

A machine may start with a clock of any day, and have the right one a little later: what is gone does not come back.
Till then only that goes which was due when the ledger was last known to be at work.
"""
JUMP_SECONDS: Final = 60.0
"""A clock that goes so much further between two looks than the monotonic one, or so much less far, was set."""


class Retention(UntilClosed):
    """Lets go of what is over, now and then."""

    def __init__(self, parts: PipelineParts, pruner: Pruner, settings: PipelineSettings) -> None:
        super().__init__()
        self._parts, self._pruner = parts, pruner
        self._limits = settings.retention
        self._clock = _Clock()

    async def __aenter__(self) -> Self:
        """Ask until when the ledger was at work: nothing has been entered since this process began."""
        self._clock.trust(await self._pruner.last_at_work())
        return self

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
        doubtful_seconds = self._clock.doubtful_seconds(await pruner.now())
        keys = await pruner.forget_old_files(
            rejects_seconds=limits.rejects_seconds + doubtful_seconds,
            files_seconds=limits.files_seconds + doubtful_seconds,
        )
        keys += await pruner.forget_files_beyond(limits.files_bytes)
        for key in keys:
            await self._parts.executors.run_io(self._parts.spool.remove, key)
        if keys:
            logger.info("files let go", extra={"files": len(keys)})
        if limits.jobs_seconds:
            await self._let_go_of_jobs(limits.jobs_seconds + doubtful_seconds)

    async def _let_go_of_jobs(self, older_than_seconds: float) -> None:
        removed = 0
        while not self._closing.is_set():
            count = await self._pruner.forget_jobs(older_than_seconds)
            removed += count
            if count < BATCH:
                await self._pruner.forget_mails(older_than_seconds)
                break
        if removed:
            logger.info("jobs let go", extra={"jobs": removed})


class _Clock:
    """For how many looks the ledger's clock has gone on as time does, and until when it is believed."""

    def __init__(self) -> None:
        self._ahead_seconds: float | None = None
        self._steady_looks = 0
        self._trusted_at: float | None = None

    def trust(self, at: float | None) -> None:
        """Believe that the ledger was at work at that time, in seconds since the epoch; None of an empty one."""
        self._trusted_at = at

    def doubtful_seconds(self, now: float) -> float:
        """Take the ledger's time, and return how much of it nobody has seen go by."""
        ahead_seconds = now - time.monotonic()
        before, self._ahead_seconds = self._ahead_seconds, ahead_seconds
        was_set = before is None or abs(ahead_seconds - before) > JUMP_SECONDS
        self._steady_looks = 0 if was_set else self._steady_looks + 1
        if self._steady_looks >= PATIENCE_LOOKS or self._trusted_at is None:
            self._trusted_at = now
        return max(now - self._trusted_at, 0.0)
