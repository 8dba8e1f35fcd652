"""On what a folder lies: its identity for the kernel and the file system below it; knows not what folders are for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

_MOUNTS: Final = Path("/proc/self/mountinfo")


class FolderIdentity(NamedTuple):
    """What changes when another folder stands in the place of one: by a mount, an unmount, or a new folder."""

    device: int
    inode: int


class FileSystem(NamedTuple):
    """A file system's type and source, as `nfs4` and `server:/export`; empty where they are not known.

    They stay the same when it is mounted again, which its device need not.
    """

    kind: str
    source: str


def identity_of(facts: os.stat_result) -> FolderIdentity:
    """Return the identity in a folder's facts."""
    return FolderIdentity(facts.st_dev, facts.st_ino)


def file_system_of(device: int) -> FileSystem:
    """Return the file system of a device number (proc_pid_mountinfo(5)). Blocking."""
    number = f"{os.major(device)}:{os.minor(device)}"
    found = FileSystem("", "")
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:  # not Linux
        return found
    for line in lines:
        before, _, after = line.partition(" - ")
        if before.split()[2] == number:
            found = FileSystem(*after.split()[:2])
    return found
