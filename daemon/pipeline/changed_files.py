"""Whether the file of a job was changed since it was taken: owns that a folder that hangs holds up no load."""

from __future__ import annotations

import asyncio
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from ..errors import FolderHangsError
from ..machine.file_identity import is_changed

if TYPE_CHECKING:
    from ..executors.executors import Executors
    from ..ledger.jobs import Job

LOOK_SECONDS: Final = 5.0
"""It is asked within the transaction of a load, whose locks others wait for."""


class ChangedFiles:
    """Looks at files of watched folders; while a look that was given up goes on, none is begun beside it."""

    def __init__(self, executors: Executors) -> None:
        self._executors = executors
        self._hanging: dict[PurePath, asyncio.Task[bool]] = {}

    async def is_changed(self, job: Job) -> bool:
        """Say whether the file that a job is of is there in another state by now; one that is gone was not changed.

        Raises:
            FolderHangsError: its folder has not answered within `LOOK_SECONDS`, this time or at an earlier look.

        """
        if job.origin is None or job.origin_stamp is None:
            return False
        folder = PurePath(job.origin).parent
        if folder in self._hanging:
            raise FolderHangsError
        look = asyncio.create_task(self._executors.run_io(is_changed, job.origin, job.origin_stamp))
        try:
            done, _ = await asyncio.wait({look}, timeout=LOOK_SECONDS)
        except asyncio.CancelledError:
            look.cancel()
            raise
        if done:
            return bool(look.result())
        self._hanging[folder] = look
        look.add_done_callback(lambda ended: self._returned(folder, ended))
        raise FolderHangsError

    def _returned(self, folder: PurePath, look: asyncio.Task[bool]) -> None:
        """Let its folder be asked again. What the look says comes too late, and so does its error."""
        del self._hanging[folder]
        if not look.cancelled():
            look.exception()
