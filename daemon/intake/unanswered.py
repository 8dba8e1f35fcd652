"""Files whose entry got no answer from the database: kept until the ledger says whether a job needs them."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from ..errors import ExecutorError
from ..lifecycle.components import UntilClosed

if TYPE_CHECKING:
    from ..pipeline.parts import PipelineParts

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
LATE_SECONDS: Final = 60.0
"""For so long a COMMIT without an answer may still come to its end: it may wait for a standby."""


class Unanswered(UntilClosed):
    """Removes files that came to no job; what is left when the process ends, the next one's start removes."""

    def __init__(self, parts: PipelineParts) -> None:
        super().__init__()
        self._parts = parts
        self._since: dict[str, float] = {}

    @contextlib.contextmanager
    def entering(self, key: str) -> Iterator[Callable[[], None]]:
        """Give what is to be called just before the COMMIT: an error after that may mean that it went through."""
        sent = False

        def sending() -> None:
            nonlocal sent
            sent = True

        try:
            yield sending
        except BaseException:
            if sent:
                self._since[key] = time.monotonic()
                logger.warning("entry without an answer", extra={"file": key})
            raise

    def __contains__(self, key: str) -> bool:
        """Whether a file is kept here."""
        return key in self._since

    async def run(self) -> None:
        """Look until closed."""
        while not self._closing.is_set():
            await self.pause(LOOK_SECONDS)
            due = [key for key, since in self._since.items() if time.monotonic() - since > LATE_SECONDS]
            if due:
                with contextlib.suppress(ExecutorError):  # no free thread: the next look removes them
                    await self._decide(due)

    async def _decide(self, keys: list[str]) -> None:
        with self._parts.database.supervisor.waiting("files without a job"):
            needed = await self._parts.queries.spool_keys(self._parts.spool.id)
            for key in keys:
                if key not in needed:
                    await self._parts.executors.run_io(self._parts.spool.remove, key)
                del self._since[key]
