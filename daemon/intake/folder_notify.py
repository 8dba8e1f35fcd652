"""What the kernel tells of watched folders: that something changed, and whether a file's writer has closed it."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..machine.file_identity import spelt
from . import inotify
from .inotify import Event, Inotify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..machine.mounts import FolderIdentity

logger = logging.getLogger(__name__)

_WAKING: Final = inotify.CREATE | inotify.MOVED_TO | inotify.MOVED_FROM | inotify.CLOSE_WRITE | inotify.DELETE
"""What is worth a look. A write is not: a file that somebody writes to is looked at again anyway.

Nor is that a folder is opened: every look does that, and would bring about the next one.
"""


class Seen(enum.Enum):
    """What was seen of the writer of a file, whoever that is."""

    NOTHING = enum.auto()
    """Nothing: it came before the watch, or over a network."""
    LINKED = enum.auto()
    """The name is new, and nobody has opened it."""
    OPENED = enum.auto()
    """The name is new, and somebody has: to write, or to read what was linked here, as the daemon itself does."""
    WRITING = enum.auto()
    """It was written to, and not closed since."""
    CLOSED = enum.auto()
    RENAMED = enum.auto()
    """It got this name when nobody was seen writing to it."""


class FolderNotify:
    """Sets `changed` when something happens in one of the folders; without it a scan comes a little later."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._kernel: Inotify | None = None
        self._watches: dict[int, Path] = {}
        self._folders: dict[Path, tuple[int, FolderIdentity]] = {}
        self._seen: defaultdict[Path, dict[str, Seen]] = defaultdict(dict)
        self._moving: dict[int, Seen] = {}
        self._failed = False

    @property
    def works(self) -> bool:
        """Whether changes are told of in every folder."""
        return self._kernel is not None and not self._failed

    def use(self, folders: Mapping[Path, FolderIdentity]) -> None:
        """Watch these folders from now on, each without what is below it; one that is another by now, anew."""
        if self._kernel is None and not self._open():
            return
        assert self._kernel is not None  # noqa: S101  # opened a line before
        for folder, (watch, identity) in list(self._folders.items()):
            if folders.get(folder) != identity:
                self._kernel.remove(watch)
                self._forget(watch)
        missing = folders.keys() - self._folders.keys()
        failed = [folder for folder in missing if not self._add(folder, folders[folder])]
        self._failed = bool(failed)
        if len(failed) < len(missing):
            # What happened between the scan and the start of a watch has no notification.
            self.changed.set()

    def seen(self, folder: Path, name: str) -> Seen:
        """Say what was seen of a file's writer until this moment."""
        self._read()
        return self._seen.get(folder, {}).get(name, Seen.NOTHING)

    def close(self) -> None:
        """End the watch."""
        if self._kernel is not None:
            asyncio.get_running_loop().remove_reader(self._kernel.descriptor)
            self._kernel.close()
            self._kernel = None

    def _open(self) -> bool:
        try:
            self._kernel = Inotify()
        except OSError as error:
            self._tell(str(error))
            return False
        asyncio.get_running_loop().add_reader(self._kernel.descriptor, self._read)
        return True

    def _add(self, folder: Path, identity: FolderIdentity) -> bool:
        assert self._kernel is not None  # noqa: S101  # only `use` calls this
        try:
            watch = self._kernel.add(folder)
        except (FileNotFoundError, NotADirectoryError):
            return True  # the next scan does not see it any more
        except OSError as error:
            self._tell(f"{spelt(str(folder))}: {error.strerror}")
            return False
        self._watches[watch], self._folders[folder] = folder, (watch, identity)
        return True

    def _tell(self, reason: str) -> None:
        """Say once that a scan must do, until a watch works again."""
        if not self._failed:
            self._failed = True
            logger.warning("folders not watched; scanning only", extra={"reason": reason})

    def _forget(self, watch: int) -> None:
        folder = self._watches.pop(watch, None)
        if folder is not None:
            self._folders.pop(folder, None)
            self._seen.pop(folder, None)

    def _read(self) -> None:
        if self._kernel is not None:
            for event in self._kernel.read():
                self._note(event)

    def _note(self, event: Event) -> None:
        if event.what & inotify.OVERFLOW:
            self._seen.clear()
            self.changed.set()
        elif event.what & (inotify.IGNORED | inotify.DELETE_SELF | inotify.MOVE_SELF):
            self._forget(event.watch)
            self.changed.set()
        elif event.watch in self._watches:
            if event.what & _WAKING:
                self.changed.set()
            if not event.what & inotify.IS_FOLDER:
                self._note_file(self._seen[self._watches[event.watch]], event)

    def _note_file(self, seen: dict[str, Seen], event: Event) -> None:
        before = seen.pop(event.name, Seen.NOTHING)
        if event.what & inotify.DELETE:
            return
        if event.what & inotify.MOVED_FROM:
            self._moving = {event.cookie: before}  # its other half comes at once, or never
            return
        if (after := self._after(before, event)) is not Seen.NOTHING:
            seen[event.name] = after

    def _after(self, before: Seen, event: Event) -> Seen:
        what = event.what
        if what & inotify.MOVED_TO:
            moving = self._moving.get(event.cookie, Seen.NOTHING)
            return moving if moving in (Seen.OPENED, Seen.WRITING) else Seen.RENAMED
        if what & inotify.CREATE:
            return Seen.LINKED  # an open follows, unless it is a hard link to a file that is there
        if what & inotify.MODIFY:
            return Seen.WRITING
        if what & inotify.OPEN and before is Seen.LINKED:
            return Seen.OPENED
        return Seen.CLOSED if what & inotify.CLOSE_WRITE else before
