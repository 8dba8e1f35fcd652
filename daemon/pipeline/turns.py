"""Which of a dataset's jobs loads first: owns the order, in which they were handed in, and knows no outcomes."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..ledger.jobs import Job


class Turns:
    """The jobs that run here, by dataset; each is read beside the others and loads after those before it."""

    def __init__(self) -> None:
        self._running: dict[str, dict[int, asyncio.Event]] = {}

    @contextmanager
    def taking_part(self, job: Job) -> Iterator[None]:
        """Keep later jobs of the dataset from loading before this one's attempt is over, if it has a turn."""
        if not has_turn(job):
            yield
            return
        running = self._running.setdefault(job.dataset, {})
        over = running[job.id] = asyncio.Event()
        try:
            yield
        finally:
            over.set()
            if running.get(job.id) is over:
                del running[job.id]
            # Of a job whose turn was over long ago the dataset may have others by now.
            if not running and self._running.get(job.dataset) is running:
                del self._running[job.dataset]

    def over(self, job: Job) -> None:
        """End the turn of a job before its attempt is over: what it has loaded is committed."""
        if (over := self._running.get(job.dataset, {}).pop(job.id, None)) is not None:
            over.set()

    async def come(self, job: Job) -> None:
        """Wait until no earlier job of the dataset runs here any more, if this one has a turn."""
        running = self._running.get(job.dataset, {})
        earlier = [over for number, over in running.items() if number < job.id and has_turn(job)]
        for over in earlier:
            await over.wait()


def has_turn(job: Job) -> bool:
    """Say whether it matters when a job loads: not where rows are only added, nor if nothing is to stay."""
    return job.repeats != "once" and not job.check_only
