"""The private spool: owns where a submission's bytes lie from receipt to its end, and that they lie there for good."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import uuid4

from ingest.messages import say
from ingest.output.report import REJECTED_FILE

from ..errors import (
    FileLostError,
    FileTooLargeError,
    FileUnstableError,
    SpoolAwayError,
    SpoolFullError,
    StartupError,
    StorageError,
)
from ..machine.locks import is_let_go
from .shared import IDENTITY, digest_of
from .upload import SOURCE, UNWRITABLE, Received, Upload, disk_errors

if TYPE_CHECKING:
    from .shared import SharedSpool

CHUNK_BYTES: Final = 1 << 20
REJECTS: Final = "rejects.jsonl"
COPY_SECONDS: Final = 3600.0
"""How long a file that no job names may lie in a spool that is shared: its job may be about to be entered."""


class Spool:
    """Folders of submissions below one root, each `<daemon>.<key>`; several daemons may share a root.

    With `shared` what is entered lies there, too, where daemons of other machines reach it; the root holds copies.
    """

    def __init__(
        self, root: Path, daemon_id: str, *, min_free_bytes: int = 0, shared: SharedSpool | None = None
    ) -> None:
        self.root, self.shared = root, shared
        self._min_free_bytes = min_free_bytes
        self._daemon_id = daemon_id
        self._lock: int | None = None
        self.id = ""
        self.is_new = False
        """Whether its folder was made by `open`: no daemon of this ledger was here before."""

    def open(self) -> Self:
        """Make the folders (mode 0700) and hold this daemon's lock, by which others see that it lives.

        Raises:
            StartupError: the spool cannot be written.

        """
        try:
            self.is_new = not self.root.exists()
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
            with contextlib.suppress(OSError):  # of a disk that fails; a lock that nobody holds is as good as none
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
        if self._lock is not None:
            try:
                os.utime(self._lock)  # a disk that fails may take no byte though the rights say that it does
            except OSError as error:
                if error.errno in UNWRITABLE:
                    return f"the spool {self.root} cannot be written: {error.strerror}"
        return None if self.shared is None else self.shared.trouble

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
        path = self.root / IDENTITY
        mine = self.root / f"{IDENTITY}.{self._daemon_id}"
        try:
            mine.write_text(uuid4().hex, encoding="ascii")
            with contextlib.suppress(FileExistsError):
                os.link(mine, path)
        finally:
            mine.unlink(missing_ok=True)  # a full disk takes the name and no byte
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
            SpoolFullError, SpoolUnwritableError: there is no room for it; nothing can be written.

        """
        key = f"{self._daemon_id}.{uuid4().hex}"
        with disk_errors():
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
            SpoolUnwritableError: nothing can be written.

        """
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            [received] = filter(None, self.copying(descriptor, max_bytes))
            return received
        finally:
            os.close(descriptor)

    def copying(self, descriptor: int, max_bytes: int) -> Iterator[Received | None]:
        """Take a copy of a regular file that is open for reading; raises what `receive_file` raises.

        Yields after each piece, and in the end what was received: then it is its receiver's.
        """
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
                    yield None
                after = os.fstat(descriptor)
                if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                    raise FileUnstableError(say("it changed while it was read"))
                received = upload.keep()
            except BaseException:
                upload.discard()
                raise
        yield received

    def share(self, received: Received) -> None:
        """Put a received file where every daemon of this spool reaches it; only then may the ledger name it.

        Raises:
            SpoolAwayError: the shared spool does not take it now.

        """
        if self.shared is not None:
            self.shared.put(received.key, SOURCE, self.source(received.key), received.sha256)

    def bring(self, key: str, *, sha256: str, size_bytes: int) -> Path:
        """Return where the bytes of a submission lie, which are fetched first if another daemon has received them.

        Raises:
            SpoolAwayError: the shared spool does not give it now.
            SpoolFullError: there is no room for it.

        """
        source = self.source(key)
        if self.shared is not None and not source.exists():
            with disk_errors():
                self.check_room(size_bytes)
                self._fetch(self.shared, key, SOURCE, sha256)
        return source

    def _fetch(self, shared: SharedSpool, key: str, name: str, sha256: str | None = None) -> bool:
        """Fetch a file of the shared spool and return whether it is there; nobody sees half of it."""
        folder = self._jobs / key
        part = folder / f"{name}.{uuid4().hex}.part"
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            found = shared.get(key, name, part, sha256)
            if found:
                part.rename(folder / name)
            return found
        finally:
            part.unlink(missing_ok=True)

    def source(self, key: str) -> Path:
        """Return where the bytes of a submission lie that this daemon has received."""
        return self._jobs / key / SOURCE

    def see_that_it_has(self, key: str) -> None:
        """See that the bytes of a submission are there: a spool may have been emptied, or an older ledger restored.

        Raises:
            FileLostError: they are not.
            SpoolAwayError: the shared spool does not say now; the disk with the spool is gone.

        """
        there = self.source(key).exists() if self.shared is None else self.shared.has(key, SOURCE)
        if not there:
            if self.shared is None and not (self.root / IDENTITY).exists():
                raise SpoolAwayError(say("the spool folder {folder} is gone", folder=self.root))
            place = self.root if self.shared is None else self.shared.url
            raise FileLostError(say("the file of this job is not in the spool {place} any more", place=place))

    def work_folder(self, key: str, token: str) -> Path:
        """Return the folder of one attempt, which its worker makes: one of an earlier may still write into its own."""
        return self._jobs / key / token

    def remove(self, key: str) -> None:
        """Remove a submission and all that was made of it; what a shared spool does not let go now, it does later."""
        shutil.rmtree(self._jobs / key, ignore_errors=True)
        if self.shared is not None:
            self.shared.remove(key, SOURCE, REJECTS)

    def rejects(self, key: str) -> Path | None:
        """Return where the error records of a job lie whose rejected rows may be asked for, None if none are kept.

        Raises:
            SpoolAwayError: the shared spool does not give them now.

        """
        path = self._jobs / key / REJECTS
        if self.shared is not None:
            # Another attempt of another daemon may have written them anew.
            return path if self._fetch(self.shared, key, REJECTS) else None
        return path if path.exists() else None

    def keep_rejects(self, key: str, token: str, more: Iterable[Mapping[str, Any]]) -> None:
        """Keep the error records that an attempt wrote, and `more` of them, beside the submission's bytes.

        Raises:
            SpoolAwayError: the shared spool does not take them now.

        """
        whole = self._jobs / key / REJECTS
        part = whole.with_suffix(f".{token}.part")
        with part.open("w", encoding="utf-8") as out:
            written = self._jobs / key / token / REJECTED_FILE
            if written.exists():
                with written.open(encoding="utf-8") as records:
                    shutil.copyfileobj(records, out)
            out.writelines(f"{json.dumps(dict(record), ensure_ascii=False)}\n" for record in more)
        part.rename(whole)
        if self.shared is not None:
            self.shared.put(key, REJECTS, whole, digest_of(whole))

    def bring_work(self, key: str, token: str, place: str, files: Mapping[str, tuple[str, int]]) -> None:
        """Fetch what an attempt has made elsewhere into its work folder; by name are given hash and size in bytes.

        It lies in folder `place` of the job in the shared spool, and is removed there.

        Raises:
            SpoolAwayError: the shared spool does not give it now.
            SpoolFullError: there is no room for it.
            StorageError: a file is gone, or other than it was.

        """
        if self.shared is None:
            return
        folder = self.work_folder(key, token)
        with disk_errors():
            self.check_room(sum(size for _, size in files.values()))
            folder.mkdir(mode=0o700, parents=True)
            for name, (sha256, _) in files.items():
                if not self.shared.get(key, f"{place}/{name}", folder / name, sha256):
                    raise StorageError(say("the shared spool has lost {key}", key=f"{key}/{place}/{name}"))
        self.shared.remove(key, *(f"{place}/{name}" for name in files))

    def remove_work(self, key: str, token: str) -> None:
        """Remove what one attempt made."""
        shutil.rmtree(self._jobs / key / token, ignore_errors=True)

    def dead_daemons(self) -> tuple[str, ...]:
        """Return the daemons of this spool that no longer hold their lock."""
        others = (path for path in self._daemons.glob("*.lock") if path.stem != self._daemon_id)
        return tuple(path.stem for path in others if is_let_go(path))

    def left_by_other_ledgers(self) -> dict[Path, int]:
        """Return the spools beside this one that have files and no daemon that lives, and how many files each has."""
        found = {}
        for jobs in self.root.parent.glob("*/jobs"):
            other = jobs.parent
            files = 0 if other == self.root else len(list(jobs.glob(f"*/{SOURCE}")))
            if files and all(is_let_go(lock) for lock in (other / "daemons").glob("*.lock")):
                found[other] = files
        return found

    def ownerless(self, dead: Iterable[str]) -> tuple[Path, ...]:
        """Return the folders of submissions whose daemon has ended.

        A living daemon's folders are its own affair: one may be about to get its ledger row. Hence this is asked for
        before the ledger says what is needed: a daemon that ends in between has entered its files.
        """
        owners = set(dead)
        found = []
        for folder in self._jobs.iterdir():
            owner = folder.name.partition(".")[0]
            if owner in owners or (owner != self._daemon_id and not self._lock_path(owner).exists()):
                found.append(folder)
        return tuple(found)

    def sweep(self, ownerless: Iterable[Path], needed: Collection[str], dead: Iterable[str]) -> int:
        """Remove those of the folders that no job needs, and the locks of dead daemons; return how many folders."""
        removed = 0
        for folder in ownerless:
            if folder.name not in needed:
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        for owner in dead:
            self._lock_path(owner).unlink(missing_ok=True)
        return removed

    def sweep_shared(self, needed: set[str]) -> int:
        """Remove what no job needs any more of copies and of the shared spool; return how many.

        Jobs whose files this daemon has received may have ended elsewhere, and a shared spool may have been away when
        a job ended. Who has made it is no matter: what is young may be about to get its ledger row.

        Raises:
            SpoolAwayError: the shared spool cannot be listed now.

        """
        if self.shared is None:
            return 0
        removed = 0
        for folder in self._jobs.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if folder.name not in needed and time.time() - _written_at(folder) > COPY_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
        return removed + self.shared.sweep(needed)


def _written_at(folder: Path) -> float:
    """Return when a folder or a file in it was last written: one that comes over a slow line takes hours."""
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
