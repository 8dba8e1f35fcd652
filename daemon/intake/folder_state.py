"""How a watched folder is: told in metrics at every look, in the log when it changes; looks at nothing itself."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from ..machine.file_identity import spelt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..machine.mounts import FileSystem, FolderIdentity
    from ..metrics.folder_metrics import FolderMetrics

logger = logging.getLogger(__name__)

_LOOKS: Final = 3
_LOOK_LIMIT_SECONDS: Final = 600.0
"""So many looks may fail to come, and a look may always take so long: a file in it may be large."""


class FolderState:
    """What was last found of one folder. `waits` and `unmoved` of a look are kept until the next one says otherwise."""

    def __init__(self, folder: Path, metrics: FolderMetrics) -> None:
        self._folder, self._metrics = spelt(str(folder)), metrics
        self._identity: FolderIdentity | None = None
        self._first: FileSystem | None = None
        self._mounted = True
        self._said: dict[str, object] = {}
        self.readable = True

    def watched(self, *, unseen: str | None, rescan_seconds: float) -> None:
        """Begin; `unseen` says which writers cannot be seen there."""
        limit = max(_LOOK_LIMIT_SECONDS, _LOOKS * rescan_seconds)
        self._metrics.watched(self._folder, blind=unseen is not None, look_limit_seconds=limit)
        self._looked(readable=True)
        if unseen is not None:
            logger.warning("cannot see writers here", extra={"folder": self._folder, "unseen": unseen})

    def read(self, identity: FolderIdentity, file_system: FileSystem) -> None:
        """Note that it could be read, which folder it is and on what it lies."""
        self._first = self._first or file_system
        if self._identity not in (None, identity):
            self._metrics.replaced(self._folder)
            logger.warning(
                "folder replaced; watched anew",
                extra={"folder": self._folder, "type": file_system.kind, "source": file_system.source},
            )
        self._identity, self._mounted = identity, file_system == self._first
        self._looked(readable=True)
        if self._is_news("reason", None):
            logger.info("folder read again", extra={"folder": self._folder})

    def lost(self, error: Exception) -> None:
        """Note that it could not be read."""
        self._looked(readable=False)
        reason = spelt(str(error))
        if self._is_news("reason", reason):
            logger.warning("folder not read", extra={"folder": self._folder, "reason": reason})

    def goes_on(self) -> None:
        """Note that a file of it was dealt with: a look at very many of them takes its time."""
        self._looked(readable=self.readable)

    def waits(self, reason: str | None) -> None:
        """Note what keeps its files from being taken, if anything does."""
        if self._is_news("waits", reason):
            level, event = (logging.WARNING, "folder waits") if reason else (logging.INFO, "folder goes on")
            logger.log(level, event, extra={"folder": self._folder, "reason": reason})

    def found(
        self,
        *,
        unreadable: Mapping[str, str],
        unmoved: Mapping[str, str],
        outdated: Mapping[str, str],
        unfinished: int,
    ) -> None:
        """Note what is left of it after a look: files and folders with the reason why, and how many are unfinished.

        Those with an `outdated` marker are unfinished, too.
        """
        self._metrics.found(self._folder, unreadable=len(unreadable.keys() | unmoved.keys()), unfinished=unfinished)
        self._tell_of("files not read", unreadable)
        self._tell_of("files not moved", unmoved)
        self._tell_of("markers outdated", outdated)

    def _looked(self, *, readable: bool) -> None:
        self.readable = readable
        self._metrics.looked(self._folder, at=time.time(), readable=readable, mounted=self._mounted)

    def _tell_of(self, event: str, troubles: Mapping[str, str]) -> None:
        """Tell of all of them in one line: there may be thousands."""
        if not self._is_news(event, frozenset(troubles.items()) or None):
            return
        name, reason = next(iter(troubles.items()), (None, None))
        about = {"folder": self._folder, "files": len(troubles), "first": name and spelt(name), "reason": reason}
        logger.log(logging.WARNING if troubles else logging.INFO, event, extra=about)

    def _is_news(self, topic: str, said: object) -> bool:
        before, self._said[topic] = self._said.get(topic), said
        return said != before
