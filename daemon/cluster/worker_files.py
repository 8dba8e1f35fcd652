"""The files of calls on a Dask worker: owns their copies on its disk, and their way from and to the shared spool."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from ingest.messages import say

from ..errors import ClusterAwayError, SpoolAwayError, StartupError
from ..spool.shared import SharedSpool, digest_of
from ..spool.upload import SOURCE, disk_errors
from .call import MadeFiles

if TYPE_CHECKING:
    from ..config.settings import SpoolSettings
    from ..executors.executors import Executors
    from .call import MadeFolder, SharedFile, SpoolName

MADE: Final = "made"


class WorkerFiles:
    """Opens the shared spool of each ledger that calls come from, and gives each call a folder of its own."""

    def __init__(self, settings: SpoolSettings, scratch: Path, executors: Executors) -> None:
        self._settings, self._scratch, self._executors = settings, scratch, executors
        self._spools: dict[SpoolName, SharedSpool] = {}
        self._lock: int | None = None

    def open(self) -> None:
        """Make the scratch folder, and remove what a killed worker left there; this process owns it. Blocking.

        Raises:
            StartupError: another worker has it, or it cannot be written.

        """
        try:
            self._scratch.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._scratch.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch.mkdir(mode=0o700)
        except BlockingIOError as error:
            raise StartupError(
                f"another worker uses {self._scratch.parent}; give each a state_dir of its own"
            ) from error
        except OSError as error:
            raise StartupError(
                f"{self._scratch} cannot be written: {error.strerror}; set state_dir to one that this user may write"
            ) from error

    def close(self) -> None:
        """Give up the connections and the folder. Blocking."""
        for spool in self._spools.values():
            spool.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)

    @asynccontextmanager
    async def of(self, spool: SpoolName) -> AsyncIterator[CallFiles]:
        """Give the files of one call; what lies in its folder is removed in the end.

        Raises:
            ClusterAwayError: the spool that this worker reaches is another one.
            SpoolAwayError: it does not answer now.

        """
        run_io = self._executors.run_io
        shared = self._spools.get(spool) or await run_io(self._opened, spool)
        folder = Path(await run_io(tempfile.mkdtemp, dir=self._scratch))
        try:
            yield CallFiles(shared, folder, self._executors)
        finally:
            await run_io(shutil.rmtree, folder, ignore_errors=True)

    def _opened(self, spool: SpoolName) -> SharedSpool:
        shared = SharedSpool.of(self._settings, spool.ledger_id)
        if shared is None or shared.known_as() != spool.spool_id:
            raise ClusterAwayError(
                say(
                    "a worker of the cluster has another spool ({url}) than the daemon; give both the same spool.url",
                    url=self._settings.url or "none",
                )
            )
        return self._spools.setdefault(spool, shared)


class CallFiles:
    """The files of one call."""

    def __init__(self, shared: SharedSpool, folder: Path, executors: Executors) -> None:
        self._shared, self._executors = shared, executors
        self._copies = folder
        self.folder = folder / MADE
        """Where the call may leave files; it makes the folder itself."""

    async def fetched(self, file: SharedFile) -> Path:
        """Return the path of a copy.

        Raises:
            SpoolAwayError: the shared spool does not give it now.
            SpoolFullError: there is no room for it.
            FileNotFoundError: it is there no more: its job has ended.

        """
        path: Path = await self._executors.run_io(self._fetch, file)
        return path

    def _fetch(self, file: SharedFile) -> Path:
        path = self._copies / SOURCE
        with disk_errors():
            if not self._shared.get(file.key, SOURCE, path, file.sha256):
                raise FileNotFoundError(f"{file.key} is not in the shared spool any more")
        return path

    async def shared(self, made: MadeFolder) -> MadeFiles:
        """Put what the call has made into the shared spool.

        Raises:
            SpoolAwayError: it does not take it now.

        """
        files: MadeFiles = await self._executors.run_io(self._share, made.key)
        return files

    def _share(self, key: str) -> MadeFiles:
        place, files = uuid4().hex, {}
        try:
            for path in sorted(self.folder.iterdir()):
                digest = digest_of(path)
                self._shared.put(key, f"{place}/{path.name}", path, digest)
                files[path.name] = (digest, path.stat().st_size)
        except SpoolAwayError:
            self._shared.remove(key, *(f"{place}/{name}" for name in files))
            raise
        return MadeFiles(place=place, files=files)
