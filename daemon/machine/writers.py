"""Whether this process can see who writes to the files of a folder: asks the kernel, and knows nothing of the files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from .mounts import file_system_of

_CAP_LEASE: Final = 28
_STATUS: Final = Path("/proc/self/status")
_SHARED: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "afs", "lustre", "gpfs", "vboxsf"})
"""File systems that other machines write to; the kernel here is not told."""


def blind_spot(folder: Path) -> str | None:
    """Say which writers to files of a folder cannot be seen from here; None where all can. Blocking."""
    if not sys.platform.startswith("linux"):
        return "the system tells of no writers"
    kind = file_system_of(folder.stat().st_dev).kind
    if is_shared(kind):
        return f"it is a file system of type {kind}, which others may write to"
    if not _may_lease():
        return "files of other users that were open before the start; with the capability CAP_LEASE they could be"
    return None


def is_shared(kind: str) -> bool:
    """Say whether other machines may write to a file system of that type, of which the kernel here is told nothing."""
    return kind in _SHARED or kind.startswith("fuse")


def _may_lease() -> bool:
    """Say whether files of every user can be asked for a lease, which a writer refuses (fcntl(2), F_SETLEASE)."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> _CAP_LEASE & 1)
    return False
