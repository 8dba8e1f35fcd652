"""What is kept and for how long: files of ended jobs by age and size, jobs by age; never what something still needs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ..ledger.pruner import BATCH

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..database.database import Database
    from ..executors.executors import Executors
    from ..ledger.pruner import Pruner
    from ..spool import Spool

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionLimits:
    """How long and how much is kept; `jobs_seconds` 0 keeps jobs for ever."""

    rejects_seconds: float
    files_seconds: float
    files_bytes: int
    jobs_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits of a configuration."""
        retention = settings.retention
        return cls(
            rejects_seconds=settings.ledger.rejects_seconds,
            files_seconds=retention.files_seconds,
            files_bytes=retention.files_mb << 20,
            jobs_seconds=retention.jobs_seconds,
        )

    @property
    def look_seconds(self) -> float:
        """How often it is looked: as often as the shortest time passes, but every ten minutes at least."""
        times = [self.rejects_seconds, self.files_seconds, *([self.jobs_seconds] if self.jobs_seconds else [])]
        return min(LOOK_SECONDS, *times)


class Retention:
    """Lets go of what is over, now and then."""

    def __init__(
        self, *, pruner: Pruner, spool: Spool, executors: Executors, database: Database, limits: RetentionLimits
    ) -> None:
        self._pruner, self._spool, self._executors, self._database = pruner, spool, executors, database
        self._limits = limits
        self._closing = asyncio.Event()

    def apply(self, limits: RetentionLimits) -> None:
        """Go on under other limits from the next look."""
        self._limits = limits

    async def __aenter__(self) -> Self:
        """Return itself; `run` is started by the composition, which watches it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop looking."""
        self._closing.set()

    async def run(self) -> None:
        """Look until closed; a database that does not answer is waited for."""
        while not self._closing.is_set():
            try:
                await self._look()
            except Exception as error:
                if self._database.classify(error) != "transient":
                    raise
                logger.warning("nothing let go", extra={"error": str(error).partition("\n")[0]})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._limits.look_seconds)

    async def _look(self) -> None:
        limits, pruner = self._limits, self._pruner
        keys = (
            *await pruner.forget_old_files(rejects_seconds=limits.rejects_seconds, files_seconds=limits.files_seconds),
            *await pruner.forget_files_beyond(limits.files_bytes),
        )
        for key in keys:
            await self._executors.run_io(self._spool.remove, key)
        if keys:
            logger.info("files let go", extra={"files": len(keys)})
        removed = 0
        while limits.jobs_seconds and not self._closing.is_set():
            count = await pruner.forget_jobs(limits.jobs_seconds)
            removed += count
            if count < BATCH:
                break
        if removed:
            logger.info("jobs let go", extra={"jobs": removed})
