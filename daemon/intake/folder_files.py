"""Files below a watched folder, reached without following a link: listed, opened, moved. Blocking; for I/O threads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import fnmatch
import os
import re
import signal
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..machine.file_identity import Stamp, spelt, stamp_of
from ..machine.mounts import FolderIdentity, identity_of
from ..machine.renaming import rename_to_free
from .folder_names import cut, name_bytes_max, names_beside, names_for, part_beside
from .marker import Marker


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The regular files of a folder by their path below it, in order, and its folders, itself included and first.

    `unread` has what could not be looked at, by its path below, and why. `changed_ns` has when anything of a file was
    last changed by the clock of its file system (ctime), which nobody can set.
    """

    files: dict[str, Stamp]
    folders: dict[Path, FolderIdentity]
    unread: dict[str, str]
    changed_ns: dict[str, int]


class Ignored:
    """The names that are left alone, files and folders, by patterns as a shell has them; case does not matter."""

    def __init__(self, patterns: Iterable[str]) -> None:
        whole = "|".join(f"(?:{fnmatch.translate(pattern)})" for pattern in patterns)
        self._found = re.compile(whole or r"(?!)", re.IGNORECASE | re.DOTALL)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ignored) and self._found == other._found

    def __hash__(self) -> int:
        return hash(self._found)

    def __contains__(self, name: str) -> bool:
        return self._found.match(name) is not None


def list_files(folder: Path, *, recursive: bool, ignored: Ignored, skip: Collection[str] = ()) -> Listing:
    """Return what a folder holds but for ignored names and the folders at its top named in `skip`.

    Raises:
        OSError: it cannot be read, or is no folder any more.

    """
    files: dict[str, Stamp] = {}
    folders: dict[Path, FolderIdentity] = {}
    unread: dict[str, str] = {}
    changed_ns: dict[str, int] = {}
    named: list[Path] = []
    refused: list[OSError] = []
    for root, names, entries, descriptor in os.fwalk(folder, onerror=refused.append):
        folders[Path(root)] = identity_of(os.fstat(descriptor))
        top = Path(root) == folder
        names[:] = sorted(name for name in names if recursive and not (name in ignored or (top and name in skip)))
        named += (Path(root) / name for name in names)
        below = PurePosixPath(os.path.relpath(root, folder))
        for name in sorted(entries):
            if name in ignored:
                continue
            try:
                facts = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                unread[str(below / name)] = reason_of(error)
                continue
            if stat.S_ISREG(facts.st_mode):
                files[str(below / name)], changed_ns[str(below / name)] = stamp_of(facts), facts.st_ctime_ns
    if folder not in folders:  # what is no folder, or a link by now, is passed over without a word
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "It is a link by now: restart Headgate to follow it", str(folder))
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    # The errors name a folder without its path: which one it was is told by those that were not come to.
    if (reason := next((reason_of(error) for error in refused if error.errno != errno.ENOENT), None)) is not None:
        missed = (path for path in named if path not in folders and not path.is_symlink())
        unread |= {str(path.relative_to(folder)): reason for path in missed}
    return Listing(files=files, folders=folders, unread=unread, changed_ns=changed_ns)


def reason_of(error: OSError) -> str:
    """Return what the system says, without the path."""
    return error.strerror or spelt(str(error))


@contextlib.contextmanager
def opened(folder: Path, name: str) -> Iterator[int]:
    """Open a file below the folder for reading, whatever it is; a link in any place of the way is an OSError."""
    path = PurePosixPath(name)
    with _opened_folder(folder, path.parent) as parent:
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _opened_folder(folder: Path, below: PurePosixPath, *, make: bool = False) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(folder, flags)
    try:
        for part in below.parts:
            if make:
                part = cut(part, "", name_bytes_max(descriptor))  # noqa: PLW2901  # one of an archive may be longer
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def is_being_written(descriptor: int) -> bool | None:
    """Say whether any process has the file open for writing; None where the file system cannot tell.

    A read lease (fcntl(2), F_SETLEASE) is refused with EAGAIN exactly then; it is given back at once. Should
    somebody open the file in between, the kernel tells of it by a signal: SIGURG, which ends nobody.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def move(folder: Path, name: str, stamp: Stamp, target: str, number: int) -> str | None:
    """Move a file into `target`, a folder at the top, under its name, or with the number in it where that is taken.

    Where that is taken too, as by an earlier ledger's job of that number, it counts on.
    Returns the new path below the folder; None if the file is not there any more or is another by now.
    """
    path = PurePosixPath(name)
    with contextlib.ExitStack() as stack:
        try:
            source = stack.enter_context(_opened_folder(folder, path.parent))
        except OSError as error:
            if not _is_absent(error) or not folder.is_dir():
                raise
            return None
        sink = stack.enter_context(_opened_folder(folder, PurePosixPath(target) / path.parent, make=True))
        if not _is(source, path.name, stamp):
            return None
        names = names_for(path.name, number, limit=name_bytes_max(sink))
        free = _rename_to_first_free(path.name, names, source=source, sink=sink)
        if not _is(sink, free, stamp):  # replaced between the look and the move
            os.rename(free, path.name, src_dir_fd=sink, dst_dir_fd=source)
            return None
    return str(PurePosixPath(target) / path.parent / free)


def place_of(folder: Path, name: str, stamp: Stamp, target: str, number: int) -> str | None:
    """Return where `move` has put a file, if it has and the file is there still."""
    path = PurePosixPath(name)
    try:
        with _opened_folder(folder, PurePosixPath(target) / path.parent) as sink:
            found = _found(path.name, number, stamp, sink)
    except OSError as error:
        if not _is_absent(error):
            raise
        return None
    return None if found is None else str(PurePosixPath(target) / path.parent / found)


def is_there(folder: Path, name: str, stamp: Stamp) -> bool:
    """Say whether a file below the folder is there, and is the one of that stamp still."""
    path = PurePosixPath(name)
    try:
        with _opened_folder(folder, path.parent) as parent:
            return _is(parent, path.name, stamp)
    except OSError as error:
        if not _is_absent(error) or not folder.is_dir():
            raise
        return False


def write_beside(folder: Path, name: str, suffix: str, number: int, content: bytes) -> None:
    """Write a new file next to the one of that path below the folder, whole or not at all.

    Its name is that one's stem, as far as there is room, and the suffix; with the number between where that is taken,
    and counting on where that is taken, too.
    """
    path = PurePosixPath(name)
    with _opened_folder(folder, path.parent, make=True) as parent:
        limit = name_bytes_max(parent)
        part = part_beside(path.name, suffix, number, limit=limit)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(part, flags, 0o640, dir_fd=parent), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _rename_to_first_free(part, names_beside(path.name, suffix, number, limit=limit), source=parent, sink=parent)


def remove_marker(folder: Path, name: str, ending: str) -> None:
    """Remove the marker of a file that was dealt with, unless it is said of another that has come meanwhile."""
    path = PurePosixPath(name)
    try:
        with _opened_folder(folder, path.parent) as parent:
            facts = os.stat(path.name + ending, dir_fd=parent, follow_symlinks=False)
            if _exists(parent, path.name):
                other = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
                marker = Marker(stamp_of(facts), facts.st_ctime_ns)
                if marker.counts_for(stamp_of(other), other.st_ctime_ns):
                    return
            os.unlink(path.name + ending, dir_fd=parent)
    except OSError as error:
        if not _is_absent(error):
            raise


def _rename_to_first_free(name: str, names: Iterable[str], *, source: int, sink: int) -> str:
    for free in names:
        with contextlib.suppress(FileExistsError):
            rename_to_free(name, free, source=source, sink=sink)
            return free
    raise AssertionError("names have an end")


def _found(name: str, number: int, stamp: Stamp, sink: int) -> str | None:
    """Return under which of its names a file was put away; behind the first that is free there is none."""
    for place, tried in enumerate(names_for(name, number, limit=name_bytes_max(sink))):
        if _is(sink, tried, stamp):
            return tried
        if place and not _exists(sink, tried):
            return None
    raise AssertionError("names have an end")


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_absent(error: OSError) -> bool:
    """Say whether there is nothing of that name; a name that is too long nothing can have."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def _is(folder: int, name: str, stamp: Stamp) -> bool:
    try:
        return stamp_of(os.stat(name, dir_fd=folder, follow_symlinks=False)) == stamp
    except OSError as error:
        if not _is_absent(error):
            raise
        return False
