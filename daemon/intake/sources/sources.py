"""All sources of a daemon: one poller runs for each, and a changed configuration is taken over."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from .settings import Source
from .source_poller import SourcePoller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...config import intake_settings as config
    from ...pipeline.parts import PipelineParts
    from ..submissions import Submissions

logger = logging.getLogger(__name__)


class Sources:
    """Runs the pollers; `run` ends when it is closed, or with the error of one of them."""

    def __init__(self, wanted: Sequence[Source], parts: PipelineParts, submissions: Submissions) -> None:
        self._parts, self._submissions = parts, submissions
        self._wanted = tuple(wanted)
        self._changed = asyncio.Event()
        self._running: dict[asyncio.Task[None], SourcePoller] = {}
        self._closing = False

    @staticmethod
    def of(intake: config.IntakeSettings) -> tuple[Source, ...]:
        """Take the sources from the configuration; see `Source.of`. Blocking."""
        return tuple(Source.of(source, intake) for source in intake.sources)

    def apply(self, wanted: Sequence[Source]) -> None:
        """Go on with these sources: those that are as they were are not disturbed."""
        self._wanted = tuple(wanted)
        self._changed.set()

    async def __aenter__(self) -> Self:
        """Return itself; `run` is started by the composition, which watches it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take no more files."""
        self._closing = True
        self._changed.set()

    async def run(self) -> None:
        """Look at the sources until closed."""
        try:
            while not self._closing:
                self._changed.clear()
                await self._bring_about()
                await self._wait()
            for poller in self._running.values():
                poller.close()
            await asyncio.gather(*self._running)
        finally:
            for task in self._running:
                task.cancel()

    async def _bring_about(self) -> None:
        """End the pollers of sources that are wanted no more, or in another form; begin the new ones."""
        wanted = self._wanted
        ended = [task for task, poller in self._running.items() if not any(map(poller.source.is_like, wanted))]
        for task in ended:
            self._running[task].close()
        await asyncio.gather(*ended)
        for task in ended:
            del self._running[task]
        there = [poller.source for poller in self._running.values()]
        for source in wanted:
            if not any(map(source.is_like, there)):
                poller = SourcePoller(source, self._parts, self._submissions)
                task = asyncio.create_task(poller.run(), name=f"source {source.name}")
                self._running[task] = poller
                logger.info("source watched", extra={"source": source.name, "url": source.origin})

    async def _wait(self) -> None:
        """Wait until something else is wanted; a poller that has ended by itself has met a defect."""
        changed = asyncio.create_task(self._changed.wait())
        try:
            done, _ = await asyncio.wait({changed, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
        for task in done - {changed}:
            await task
