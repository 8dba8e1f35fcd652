"""Where daemons of several machines reach accepted files: owns what lies there, under which names, and if it is whole.

Below its URL each ledger has a folder of its own: `id`, `jobs/<key>/source` and `jobs/<key>/rejects.jsonl`. Blocking.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self
from uuid import uuid4

from ingest.messages import say

from ..errors import SpoolAwayError, StartupError, StorageError, StorageSettingsError
from ..storage.filesystem import Storage
from ..storage.pool import StoragePool

if TYPE_CHECKING:
    from ..config.settings import SpoolSettings

logger = logging.getLogger(__name__)

JOBS: Final = "jobs"
IDENTITY: Final = "id"
UNNEEDED_SECONDS: Final = 3600.0
"""How long a file must have been nobody's before it is removed: the one that puts it there enters its job later."""
OPERATIONS: Final = ("put", "get", "remove", "list", "look")
TRIAL: Final = b"whether this can be written is tried\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationCounts:
    """What one kind of operation came to since the start."""

    done: int
    failed: int
    seconds: float


class SharedSpool:
    """Files of jobs in one storage, for as many threads as ask."""

    def __init__(self, storages: StoragePool, url: str) -> None:
        self._storages, self.url = storages, url
        self._lock = threading.Lock()
        self._unneeded: dict[str, float] = {}
        self._counts = {name: OperationCounts(done=0, failed=0, seconds=0.0) for name in OPERATIONS}
        self._trial = _path_of(uuid4().hex, "trial")  # where `sweep` finds it if it stays
        self._unwritten: str | None = None
        """Why it has not taken what it was given last; that it can be read says nothing of this."""
        self.trouble: str | None = None
        """Why it cannot be used now, as far as the last thing that was asked of it says; for any thread."""

    @classmethod
    def of(cls, settings: SpoolSettings, ledger_id: str) -> Self | None:
        """Return the shared spool of a ledger as the settings name it, None if they name none.

        Raises:
            StartupError: the URL, an option or the credentials file cannot be used.

        """
        if settings.url is None:
            return None
        place = f"{settings.url.rstrip('/')}/{ledger_id}"

        def opened() -> Storage:
            return Storage.at(
                place, settings.options, settings.credentials_file, timeout_seconds=settings.timeout_seconds
            )

        try:
            return cls(StoragePool(opened), place)
        except StorageSettingsError as error:
            raise StartupError(f"spool: {error}") from error

    def identity(self) -> str:
        """Return the spool's own id, made by who comes first; daemons that come at once must take turns.

        Raises:
            SpoolAwayError: the storage cannot be written or read.

        """
        with tempfile.TemporaryDirectory() as folder, self._operation("put") as storage:
            if (known := _known_as(storage)) is not None:
                return known
            path = Path(folder) / IDENTITY
            path.write_text(uuid4().hex, encoding="ascii")
            _write(storage, path, IDENTITY, digest_of(path))
            return path.read_text(encoding="ascii")

    def known_as(self) -> str | None:
        """Return the spool's own id, None if nobody has made one here.

        Raises:
            SpoolAwayError: the storage cannot be read.

        """
        with self._operation("look") as storage:
            return _known_as(storage)

    def put(self, key: str, name: str, source: Path, sha256: str) -> None:
        """Write a file of a job, whose hash is known; it lies there for good when this returns: it was read back.

        Raises:
            SpoolAwayError: the storage does not take it, or does not give back what was written.

        """
        with self._operation("put") as storage:
            self._see_that_it_is_there(storage)
            _write(storage, source, _path_of(key, name), sha256)

    def get(self, key: str, name: str, out: Path, sha256: str | None) -> bool:
        """Read a file of a job into one that does not exist yet, and return whether there is one.

        Raises:
            SpoolAwayError: the storage does not give it.
            StorageError: its bytes are others than those with this hash.

        """
        with self._operation("get") as storage, out.open("xb") as file:
            found = _read(storage, _path_of(key, name), file)
            if found is None:
                self._see_that_it_is_there(storage)
        if found is not None and sha256 is not None and found != sha256:
            raise StorageError(say("the shared spool has other bytes under {key} than were put there", key=key))
        return found is not None

    def has(self, key: str, name: str) -> bool:
        """Say whether a file of a job is there.

        Raises:
            SpoolAwayError: the storage does not say.

        """
        with self._operation("look") as storage:
            found = storage.exists(_path_of(key, name))
            if not found:
                self._see_that_it_is_there(storage)
            return found

    def remove(self, key: str, *names: str) -> None:
        """Remove files of a job; what cannot be removed now is left to `sweep`."""
        try:
            with self._operation("remove") as storage:
                for name in names:
                    storage.delete(_path_of(key, name))
        except SpoolAwayError as error:
            logger.warning("shared spool keeps a file for now", extra={"key": key, "error": str(error)})

    def sweep(self, needed: set[str]) -> int:
        """Remove the files that no job has named in this look nor in one an hour ago; return how many.

        `needed` was read from the ledger before; the clock of the storage says nothing here.

        Raises:
            SpoolAwayError: the storage cannot be listed, or a file not be removed.

        """
        removed, now, before = 0, time.monotonic(), self._unneeded
        self._unneeded = {}
        with self._operation("list") as storage:
            for page in storage.pages():
                for file in page:
                    key = _key_of(file.path)
                    if key is None or key in needed:
                        continue
                    since = self._unneeded.setdefault(key, before.get(key, now))
                    if now - since > UNNEEDED_SECONDS:
                        storage.delete(file.path)
                        removed += 1
        return removed

    def look(self) -> None:
        """See whether it answers, for `trouble`; whoever waits for it to come back does nothing with it meanwhile."""
        with contextlib.suppress(SpoolAwayError, OSError):  # a temporary folder without room says nothing of it
            with self._operation("look") as storage:
                self._see_that_it_is_there(storage)
            if self._unwritten is not None:
                self._try_to_write()

    def _try_to_write(self) -> None:
        """Put a file that is no job's, and take it away: what is full or read-only can be read all the same."""
        with tempfile.NamedTemporaryFile() as file, self._operation("put") as storage:
            file.write(TRIAL)
            file.flush()
            _write(storage, Path(file.name), self._trial, hashlib.sha256(TRIAL).hexdigest())
            storage.delete(self._trial)

    def _see_that_it_is_there(self, storage: Storage) -> None:
        """See that it is the spool: a mount that is gone leaves an empty folder, where nothing is lost or kept."""
        if not storage.exists(IDENTITY):
            raise StorageError(say("{url} holds no spool any more", url=self.url))

    def counts(self) -> dict[str, OperationCounts]:
        """Return what came of each kind of operation; may be called from any thread."""
        with self._lock:
            return dict(self._counts)

    def close(self) -> None:
        """Give up the connections."""
        self._storages.close()

    @contextmanager
    def _operation(self, name: str) -> Iterator[Storage]:
        """Give a connection, count what is done with it, and tell every failure as the spool's."""
        began, done = time.monotonic(), False
        try:
            with self._storages.lent() as storage:
                yield storage
            done = True
            if name == "put":
                self._unwritten = None
            self.trouble = self._unwritten
        except StorageError as error:
            self.trouble = say("the shared spool fails: {error}", error=error)
            if name == "put":
                self._unwritten = self.trouble
            raise SpoolAwayError(self.trouble) from error
        finally:
            with self._lock:
                before = self._counts[name]
                self._counts[name] = OperationCounts(
                    done=before.done + done,
                    failed=before.failed + (not done),
                    seconds=before.seconds + time.monotonic() - began,
                )


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file. Blocking."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(storage: Storage, source: Path, path: str, sha256: str) -> None:
    if storage.write(source, path).sha256 != sha256:
        raise StorageError(say("{path} was not kept as it was written", path=path))


def _known_as(storage: Storage) -> str | None:
    with tempfile.TemporaryFile() as out:
        if _read(storage, IDENTITY, out) is None:
            return None
        out.seek(0)
        return out.read().decode("ascii")


def _read(storage: Storage, path: str, out: BinaryIO) -> str | None:
    """Write what lies under a path into an open file and return its hash; None if nothing lies there."""
    found = storage.stat(path)
    return None if found is None else storage.read_into(found, out).sha256


def _path_of(key: str, name: str) -> str:
    return f"{JOBS}/{key}/{name}"


def _key_of(path: str) -> str | None:
    """Return the key of a job's file by its path; None for what is none."""
    folder, _, rest = path.partition("/")
    key, _, name = rest.partition("/")
    return key if folder == JOBS and name else None
