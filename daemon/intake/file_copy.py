"""A file of a watched folder on its way into the spool: owns the look at whether it is whole, and the copy by steps."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Final

from ..errors import FileUnstableError
from ..machine.file_identity import stamp_of
from .folder_files import is_being_written, opened
from .folder_notify import Seen
from .wholeness import End, end_of, ends_within

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ..spool.spool import Spool
    from ..spool.upload import Received
    from .watched_folder import KnownFile, WatchedFolder

logger = logging.getLogger(__name__)

STEP_SECONDS: Final = 0.2
"""So long a copy holds a thread at a time: a large file is no folder that hangs."""


def next_step(steps: Iterator[Received | None]) -> Received | None:
    """Copy on for a while; at the end return what was received. Blocking; for an I/O thread."""
    until = time.monotonic() + STEP_SECONDS
    while (received := next(steps)) is None and time.monotonic() < until:
        pass
    return received


def copying(
    folder: WatchedFolder, name: str, file: KnownFile, seen: Seen, *, spool: Spool, max_bytes: int
) -> Generator[Received | None]:
    """Copy a file into the spool if it is whole; yields after each piece, and in the end what was received.

    Raises:
        FileUnstableError: it is not whole, or was changed meanwhile.
        FileTooLargeError, SpoolFullError, OSError: it is too large, there is no room, it cannot be read.

    """
    with opened(folder.path, name) as descriptor:
        if stamp_of(os.fstat(descriptor)) != file.stamp:
            raise FileUnstableError
        yield from _wait_until_whole(folder, descriptor, file, seen, max_bytes)
        yield from spool.copying(descriptor, max_bytes)


def _wait_until_whole(
    folder: WatchedFolder, descriptor: int, file: KnownFile, seen: Seen, max_bytes: int
) -> Iterator[None]:
    """Let a file be taken only after it was quiet for as long as its kind needs."""
    patience, leased = folder.patience, is_being_written(descriptor)
    quiet = _quiet_seconds(descriptor, file, seen, leased=leased)
    marked = folder.done_marker is not None
    if marked:
        # The sender says that it is whole. A writer that has it open still, or an end that is missing, say otherwise.
        written = seen in (Seen.OPENED, Seen.WRITING) and leased is not False
        seen = Seen.WRITING if written else Seen.RENAMED
    end = End.OPEN if file.stamp.size > max_bytes else end_of(descriptor, file.stamp.size)
    needed = patience.needed(seen=seen, leased=leased, end=end)
    if end is End.OPEN and not marked and quiet >= needed and file.stamp.size <= max_bytes:
        within = yield from ends_within(descriptor)
        if within:
            needed = patience.needed(seen=seen, leased=leased, end=End.DOUBTED)
    file.nearly_due = patience.is_near(needed - quiet)
    if quiet < needed:
        if quiet >= patience.settle and not file.told:
            file.told = True
            logger.info("file waited for", extra={"file": file.label, "seconds": round(needed - quiet)})
        raise FileUnstableError
    if needed > patience.settle:
        logger.warning("unfinished file taken", extra={"file": file.label, "quiet_seconds": round(quiet)})


def _quiet_seconds(descriptor: int, file: KnownFile, seen: Seen, *, leased: bool | None) -> float:
    """Return for how long nothing has changed in a file, as far as that is certain."""
    watched = time.monotonic() - file.since
    facts = os.fstat(descriptor)
    if seen is Seen.RENAMED:
        return max(watched, time.time() - facts.st_mtime)
    if leased is False:  # a file system of this machine, whose clock is ours
        return max(watched, time.time() - max(facts.st_mtime, facts.st_ctime))
    return watched
