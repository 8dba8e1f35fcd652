"""What is asked of a watched folder before the first look at it; blocking, for an I/O thread: a mount may hang."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..machine.mounts import identity_of
from ..machine.writers import blind_spot

if TYPE_CHECKING:
    from pathlib import Path

    from ..machine.mounts import FolderIdentity
    from .watched_folder import WatchedFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where a folder is behind links, which the ledger knows it by, and which writers there cannot be seen."""

    path: Path
    identity: FolderIdentity
    unseen: str | None


def begin(folder: WatchedFolder) -> Begun | None:
    """Return what is to be known of a folder; None if it cannot be read, or written where files are to be moved."""
    rights = os.R_OK | os.X_OK | (os.W_OK if folder.move else 0)
    try:
        path = folder.path.resolve()
        if not path.is_dir() or not os.access(path, rights):
            return None
        return Begun(path=path, identity=identity_of(path.stat()), unseen=blind_spot(path))
    except OSError:
        return None
