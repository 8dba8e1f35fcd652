"""Where a file of a watched folder goes when its job has ended: done/, or rejected/ with what is wrong beside it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ingest.languages import ENGLISH, in_language
from ingest.messages import say

from ..ledger.reasons import STATE_WORDS, told_reason
from ..machine.file_identity import Stamp
from .archives import archive_of
from .folder_files import is_there, move, place_of, remove_marker, write_beside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..ledger.jobs import Job
    from ..ledger.queries import JobQueries
    from ..pipeline.rejects import Form, Rejects
    from .watched_folder import KnownFolder

logger = logging.getLogger(__name__)

DONE: Final = "done"
REJECTED: Final = "rejected"
REJECTS_SUFFIXES: Final[Mapping[Form, str]] = {"xlsx": ".rejects.xlsx", "csv": ".rejects.csv"}
REASON_SUFFIX: Final = ".reason.txt"
"""What is written beside a file of that name that was rejected."""
PLACES: Final = (DONE, REJECTED)
"""Folders at the top of a watched folder; what lies in them is not taken in again."""


class FolderArchive:
    """Moves files whose jobs have ended."""

    def __init__(self, *, rejects: Rejects, queries: JobQueries) -> None:
        self._rejects, self._queries = rejects, queries

    async def put_away(self, known: KnownFolder, name: str, job: Job) -> None:
        """Move a file to where its job's end says, and tell there what was wrong; may be done again after a kill.

        A duplicate goes where the job of the same content went. Only a file that was loaded whole is done. One that
        is there no more, or is another by now, is not moved, and of one that was superseded nothing is told.

        Raises:
            OSError: it cannot be moved, or nothing can be written there.
            RejectsLaterError, SpoolAwayError: what was wrong in it cannot be had now.
            FolderHangsError: the folder does not answer. So do all of these.

        """
        if job.state == "superseded" or job.origin_stamp is None:
            return
        decisive: Job | None = job
        if job.state == "duplicate" and job.first_job is not None:
            decisive = await self._queries.job(job.first_job)
        # The first job of a duplicate is only ever pruned after it was loaded.
        done = decisive is None or decisive.state == "loaded"
        target, stamp = DONE if done else REJECTED, Stamp.read(job.origin_stamp)
        moved = await self._move(known, name, stamp, target, job.id)
        if moved is not None:
            logger.info("file moved", extra={"job": job.id, "file": job.file, "to": target})
        if not done:
            place = moved or await known.calls.run(place_of, known.folder.path, name, stamp, target, job.id)
            await self._explain(known, place or f"{REJECTED}/{name}", job)

    async def must_wait(self, known: KnownFolder, job: Job) -> bool:
        """Say whether a job's end may not be told yet: the archive that its file was in is still to be moved away.

        What is told is of an archive that was moved away: one that lies there again was put back by its sender.
        """
        archive = archive_of(job)
        if archive is None or job.origin_stamp is None:
            return False
        name, stamp = known.name_of(archive), Stamp.read(job.origin_stamp)
        file = None if name is None else known.files.get(name)
        if name is None or file is None or file.over:  # nobody will open it
            return False
        waits: bool = await known.calls.run(is_there, known.folder.path, name, stamp)
        return waits

    async def opened(self, known: KnownFolder, name: str, stamp: Stamp) -> None:
        """Move an archive whose files have all become jobs.

        Raises:
            OSError: it cannot be moved.

        """
        await self._move(known, name, stamp, DONE, stamp.inode)

    async def refuse(self, known: KnownFolder, name: str, stamp: Stamp, reason: str) -> None:
        """Move a file that became no job to those that were rejected, with the reason beside it.

        Raises:
            OSError: it cannot be moved.

        """
        moved = await self._move(known, name, stamp, REJECTED, stamp.inode)
        if moved is not None:
            content = f"{reason}\n".encode()
            await known.calls.run(write_beside, known.folder.path, moved, REASON_SUFFIX, stamp.inode, content)

    async def _move(self, known: KnownFolder, name: str, stamp: Stamp, target: str, number: int) -> str | None:
        """Move a file and do away with its marker, which would take the next of its name for whole.

        Also with that of a file which is moved already: a kill may have come between the two.
        """
        folder = known.folder
        moved: str | None = await known.calls.run(move, folder.path, name, stamp, target, number)
        if folder.done_marker is not None:
            await known.calls.run(remove_marker, folder.path, name, folder.done_marker)
        return moved

    async def _reason(self, job: Job) -> str:
        language = self._rejects.language(job)
        records = {} if language == ENGLISH else await self._queries.first_records([job.id])
        end = say("{file}: {state} (job {job})", file=job.file, state=STATE_WORDS[job.state], job=job.id)
        reason = told_reason(job.reason, language, records.get(job.id)) or ""
        return f"{in_language(end, language)}\n{reason}\n"

    async def _explain(self, known: KnownFolder, moved: str, job: Job) -> None:
        rows = await self._rejects.for_people(job)
        if rows is None:
            content, suffix = (await self._reason(job)).encode(), REASON_SUFFIX
        else:
            content, suffix = rows[0], REJECTS_SUFFIXES[rows[1]]
        await known.calls.run(write_beside, known.folder.path, moved, suffix, job.id, content)
