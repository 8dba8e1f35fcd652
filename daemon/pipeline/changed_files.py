"""Whether the file of a job was changed since it was taken: owns that a folder that hangs holds up no load."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from ..errors import FolderHangsError
from ..executors.folder_calls import FolderCalls
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
        self._hanging: dict[PurePath, FolderCalls] = {}

    async def is_changed(self, job: Job) -> bool:
        """Say whether the file that a job is of is there in another state by now; one that is gone was not changed.

        Raises:
            FolderHangsError: its folder has not answered within `LOOK_SECONDS`, this time or at an earlier look.

        """
        if job.origin is None or job.origin_stamp is None:
            return False
        folder = PurePath(job.origin).parent
        calls = self._hanging.get(folder) or FolderCalls(self._executors)
        try:
            changed: bool = await calls.run(is_changed, job.origin, job.origin_stamp, within_seconds=LOOK_SECONDS)
        except FolderHangsError:
            self._hanging[folder] = calls
            raise
        self._hanging.pop(folder, None)
        return changed
