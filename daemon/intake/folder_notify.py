"""Notifications of change in folders: owns the watch and says only that something happened; scans find out what."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

logger = logging.getLogger(__name__)


class FolderWatch:
    """Sets `changed` soon after something changes in one of the folders; without it a scan comes a little later."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._folders: frozenset[Path] = frozenset()
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    @property
    def works(self) -> bool:
        """Whether changes are told of at all."""
        return self._task is not None and not self._task.done()

    async def use(self, folders: frozenset[Path]) -> None:
        """Watch these folders from now on, each without what is below it: the watch would follow links there."""
        if folders == self._folders and self.works:
            return
        await self.close()
        self._folders, self._stop = folders, asyncio.Event()
        self._task = asyncio.create_task(self._watch(folders, self._stop), name="folder watch")
        # What happened between the scan and the start of the watch has no notification.
        self.changed.set()

    async def close(self) -> None:
        """End the watch."""
        if self._task is not None:
            self._stop.set()
            await asyncio.wait({self._task})
            self._task = None

    async def _watch(self, folders: frozenset[Path], stop: asyncio.Event) -> None:
        from watchfiles import awatch  # noqa: PLC0415  # a daemon without watched folders does without it

        changes = awatch(*folders, watch_filter=None, stop_event=stop, recursive=False, ignore_permission_denied=True)
        try:
            async with contextlib.aclosing(changes):
                async for _ in changes:
                    self.changed.set()
        except (OSError, RuntimeError) as error:
            # A folder that is gone by now, or the limit of fs.inotify.
            logger.warning("folders not watched; scanning only", extra={"reason": str(error)})
