"""Locks of files: owns how it is seen that the process that held one has ended; knows not what the files are."""

from __future__ import annotations

import contextlib
import fcntl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_let_go(lock: Path) -> bool:
    """Say whether a lock is there that nobody holds: the kernel drops it with the process. Blocking."""
    with contextlib.suppress(FileNotFoundError), lock.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
    return False
