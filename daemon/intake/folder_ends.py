"""What is owed to the senders of a watched folder: owns which ends are told in which look, not how one is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ..errors import FileUnstableError, SpoolAwayError
from ..machine.file_identity import spelt
from ..pipeline.rejects import RejectsLaterError
from .folder_files import reason_of

if TYPE_CHECKING:
    import asyncio

    from ..ledger.jobs import Job
    from ..pipeline.parts import PipelineParts
    from .folder_archive import FolderArchive
    from .watched_folder import KnownFolder

BATCH: Final = 200
"""Jobs that the ledger is asked for at a time, and those that may fail in one look before others have their turn."""
TELLING_SECONDS: Final = 5.0
"""How long is told in one look: what comes meanwhile is to be taken, too."""
TOLD_AT_ONCE: Final = 50
"""So many senders at the most are told a second time after a kill."""


class FolderEnds:
    """Tells in the folders how jobs have ended; one whose end cannot be told keeps no other from it."""

    def __init__(self, parts: PipelineParts, filing: FolderArchive, *, closing: asyncio.Event) -> None:
        self._ledger, self._queries = parts.ledger, parts.queries
        self._filing, self._closing = filing, closing

    async def tell(self, watched: KnownFolder) -> None:
        """Tell of all jobs that are owed, also those whose files an earlier process has taken.

        After `BATCH` that cannot be told, or `TELLING_SECONDS`, this look ends, and the next one goes on behind them:
        thousands of files in a folder without rights are not tried at every look.

        Raises:
            FolderHangsError: the folder does not answer.

        """
        await self._tell_of_a_part(watched)
        watched.owing.left = await self._queries.owes(spelt(str(watched.folder.path)))

    async def _tell_of_a_part(self, watched: KnownFolder) -> None:
        owing, left, until = watched.owing, 0, time.monotonic() + TELLING_SECONDS
        try:
            while not self._closing.is_set():
                jobs = await self._queries.owed(spelt(str(watched.folder.path)), after=owing.after, limit=BATCH)
                for job in jobs:
                    if self._closing.is_set() or time.monotonic() > until:
                        return
                    left += not await self._told(watched, job)
                    owing.after = job.id
                    if len(owing.told) >= TOLD_AT_ONCE:
                        await self._note(watched)
                if len(jobs) < BATCH:
                    watched.unmoved, owing.unmoved, owing.after = owing.unmoved, {}, 0
                    return
                if left >= BATCH:
                    return
        finally:
            watched.unmoved |= owing.unmoved
            await self._note(watched)

    async def _told(self, watched: KnownFolder, job: Job) -> bool:
        """Tell of one job; return whether nothing is left to be done with it."""
        name = watched.name_of(job.origin or "")
        if name is None or job.id in watched.owing.told:
            return True
        try:
            if await self._filing.must_wait(watched, job):
                return False
            await self._filing.put_away(watched, name, job)
        except OSError as error:
            reason = reason_of(error)
        except (FileUnstableError, RejectsLaterError, SpoolAwayError) as error:
            reason = str(error)
        else:
            watched.moved_away(name, job.id)
            watched.state.goes_on()
            watched.unmoved.pop(job.file, None)
            watched.owing.told.append(job.id)
            return True
        watched.owing.unmoved[job.file] = reason
        return False

    async def _note(self, watched: KnownFolder) -> None:
        """Let the ledger know who was told; until it does they are remembered, and told no second time."""
        told = watched.owing.told
        if told:
            await self._ledger.delivered(told)
            watched.owing.told = []
