"""The private spool: owns where a submission's bytes lie from receipt to its end, and that they lie there for good."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from ingest.messages import say
from ingest.output.report import REJECTED_FILE

from .errors import FileTooLargeError, FileUnstableError, SpoolFullError, StartupError

CHUNK_BYTES: Final = 1 << 20
FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A file that lies in the spool, fsynced, under its key; `seconds` is how long it took to get there."""

    key: str
    sha256: str
    size_bytes: int
    seconds: float


class Upload:
    """One submission being received: write its bytes, then `keep` or `discard` it. Blocking; for an I/O thread."""

    def __init__(self, folder: Path, key: str, max_bytes: int, *, check_room: Callable[[], None]) -> None:
        self._folder, self._key, self._max_bytes = folder, key, max_bytes
        self._check_room = check_room
        self._digest = hashlib.sha256()
        self._size = 0
        self._began = time.monotonic()
        folder.mkdir(mode=0o700)
        self._file = (folder / "source.part").open("xb", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            FileTooLargeError: there are more than the limit.
            SpoolFullError: the disk has no room.

        """
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise FileTooLargeError(say("the file has more than {limit} bytes", limit=self._max_bytes))
        self._digest.update(chunk)
        with _disk_errors():
            self._check_room()
            view = memoryview(chunk)
            while view:
                view = view[self._file.write(view) :]

    def keep(self) -> Received:
        """Make the bytes durable: fsync, rename, fsync of both folders. Only then may the ledger name them."""
        with _disk_errors():
            os.fsync(self._file.fileno())
            self._file.close()
            (self._folder / "source.part").rename(self._folder / "source")
            _sync_folder(self._folder)
            _sync_folder(self._folder.parent)
        return Received(
            key=self._key,
            sha256=self._digest.hexdigest(),
            size_bytes=self._size,
            seconds=time.monotonic() - self._began,
        )

    def discard(self) -> None:
        """Remove what was written."""
        self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Spool:
    """Folders of submissions below one root, each `<daemon>.<key>`; several daemons may share a root."""

    def __init__(self, root: Path, daemon_id: str, *, min_free_bytes: int = 0) -> None:
        self.root = root
        self._min_free_bytes = min_free_bytes
        self._daemon_id = daemon_id
        self._lock: int | None = None
        self.id = ""

    def open(self) -> Self:
        """Make the folders (mode 0700) and hold this daemon's lock, by which others see that it lives.

        Raises:
            StartupError: the spool cannot be written.

        """
        try:
            for folder in (self.root, self._jobs, self._daemons):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._lock_path(self._daemon_id), os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self.id = self._identity()
        except OSError as error:
            raise StartupError(
                f"spool {self.root} cannot be written: {error.strerror}; "
                "make the folder writable for this user or set state_dir to one that is"
            ) from error
        return self

    def close(self) -> None:
        """Give the daemon's lock up."""
        if self._lock is not None:
            self._lock_path(self._daemon_id).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def trouble(self) -> str | None:
        """Return why nothing can be taken into the spool, None if it can, as far as its folders say. Blocking."""
        for folder in (self._jobs, self._daemons):
            if not folder.is_dir():
                return f"the spool folder {folder} is gone"
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                return f"the spool folder {folder} cannot be read and written"
        return None

    @property
    def _jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def _daemons(self) -> Path:
        return self.root / "daemons"

    def _lock_path(self, daemon_id: str) -> Path:
        return self._daemons / f"{daemon_id}.lock"

    def _identity(self) -> str:
        """Return the spool's own id, made once: whoever sees this file can read the jobs that name it."""
        path = self.root / "id"
        mine = self.root / f"id.{self._daemon_id}"
        mine.write_text(uuid4().hex, encoding="ascii")
        with contextlib.suppress(FileExistsError):
            os.link(mine, path)
        mine.unlink()
        return path.read_text(encoding="ascii")

    def check_room(self, size_bytes: int = 0) -> None:
        """Refuse before the disk is full: what runs already needs the rest of it.

        Raises:
            SpoolFullError: with so many bytes more, less than the reserve would be free.

        """
        if self.free_bytes() - size_bytes < self._min_free_bytes:
            raise SpoolFullError

    def free_bytes(self) -> int:
        """Return how many bytes may still be written to the spool's disk by this user."""
        disk = os.statvfs(self.root)
        return disk.f_bavail * disk.f_frsize

    def upload(self, max_bytes: int, expected_bytes: int = 0) -> Upload:
        """Begin a submission, which will have about so many bytes if that is known.

        Raises:
            SpoolFullError: there is no room for it.

        """
        key = f"{self._daemon_id}.{uuid4().hex}"
        with _disk_errors():
            self.check_room(expected_bytes)
            return Upload(self._jobs / key, key, max_bytes, check_room=self.check_room)

    def receive(self, chunks: Iterable[bytes], max_bytes: int) -> Received:
        """Take a whole submission from an iterable of its bytes; on any error nothing is left behind."""
        upload = self.upload(max_bytes)
        try:
            for chunk in chunks:
                upload.write(chunk)
            return upload.keep()
        except BaseException:
            upload.discard()
            raise

    def receive_file(self, path: Path, max_bytes: int) -> Received:
        """Take a copy of a regular file; links are not followed.

        Raises:
            FileUnstableError: it changed meanwhile.
            FileTooLargeError, SpoolFullError, OSError: it is too large, there is no room, it cannot be read.

        """
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return self.receive_open(descriptor, max_bytes)
        finally:
            os.close(descriptor)

    def receive_open(self, descriptor: int, max_bytes: int) -> Received:
        """Take a copy of a regular file that is open for reading; raises what `receive_file` raises."""
        with open(descriptor, "rb", buffering=0, closefd=False) as source:  # a descriptor, not a path
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise FileUnstableError(say("it is not a regular file"))
            if before.st_size > max_bytes:
                raise FileTooLargeError(
                    say(
                        "the file has {size} bytes, {limit} are allowed",
                        size=before.st_size,
                        limit=max_bytes,
                    )
                )
            upload = self.upload(max_bytes)
            try:
                while chunk := source.read(CHUNK_BYTES):
                    upload.write(chunk)
                after = os.fstat(descriptor)
                if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                    raise FileUnstableError(say("it changed while it was read"))
                return upload.keep()
            except BaseException:
                upload.discard()
                raise

    def source(self, key: str) -> Path:
        """Return where the bytes of a submission lie."""
        return self._jobs / key / "source"

    def work_folder(self, key: str, token: str) -> Path:
        """Return the folder of one attempt, which its worker makes: one of an earlier may still write into its own."""
        return self._jobs / key / token

    def remove(self, key: str) -> None:
        """Remove a submission and all that was made of it."""
        shutil.rmtree(self._jobs / key, ignore_errors=True)

    def rejects(self, key: str) -> Path:
        """Return where the error records of a job lie whose rejected rows may be asked for."""
        return self._jobs / key / "rejects.jsonl"

    def keep_rejects(self, key: str, token: str, more: Iterable[Mapping[str, Any]]) -> None:
        """Keep the error records that an attempt wrote, and `more` of them, beside the submission's bytes."""
        whole = self.rejects(key)
        part = whole.with_suffix(f".{token}.part")
        with part.open("w", encoding="utf-8") as out:
            written = self._jobs / key / token / REJECTED_FILE
            if written.exists():
                with written.open(encoding="utf-8") as records:
                    shutil.copyfileobj(records, out)
            out.writelines(f"{json.dumps(dict(record), ensure_ascii=False)}\n" for record in more)
        part.rename(whole)

    def remove_work(self, key: str, token: str) -> None:
        """Remove what one attempt made."""
        shutil.rmtree(self._jobs / key / token, ignore_errors=True)

    def dead_daemons(self) -> tuple[str, ...]:
        """Return the daemons of this spool that no longer hold their lock: the kernel drops it with the process."""
        dead = []
        for path in self._daemons.glob("*.lock"):
            if path.stem == self._daemon_id:
                continue
            with contextlib.suppress(FileNotFoundError), path.open("rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                dead.append(path.stem)
        return tuple(dead)

    def sweep(self, needed: set[str], dead: Iterable[str]) -> int:
        """Remove the folders that dead daemons left and no job needs; return how many.

        A living daemon's folders are its own affair: one may be about to get its ledger row.
        """
        owners = set(dead)
        removed = 0
        for folder in self._leftovers(owners, needed):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        for owner in owners:
            self._lock_path(owner).unlink(missing_ok=True)
        return removed

    def _leftovers(self, owners: set[str], needed: set[str]) -> Iterator[Path]:
        for folder in self._jobs.iterdir():
            owner = folder.name.partition(".")[0]
            gone = owner in owners or (owner != self._daemon_id and not self._lock_path(owner).exists())
            if gone and folder.name not in needed:
                yield folder


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise SpoolFullError from error
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
