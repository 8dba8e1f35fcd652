"""What the system says of a configured path; one that cannot even be looked at is told in words, never raised as is."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from ..errors import StartupError

ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
_REMEDIES: Final = {
    errno.EACCES: "let this user enter the folders above it, or correct the path",
    errno.ENAMETOOLONG: "correct the path: one of its names is too long",
    errno.ELOOP: "correct the path, or the symbolic link that leads to itself",
    errno.ESTALE: "mount its file system anew, or correct the path",
}
_OTHER_REMEDY: Final = "mend its file system, or correct the path"


def status_of(path: Path) -> os.stat_result | None:
    """Return the status of a path, or None if there is nothing. Blocking.

    `Path.is_dir` and its like raise some of what is told here, and take the rest for nothing there.

    Raises:
        StartupError: the system does not say; the message is `reason; remedy`.

    """
    try:
        return path.stat()
    except OSError as error:
        if error.errno in ABSENT:
            return None
        reason = f"{path} cannot be looked at ({error.strerror or type(error).__name__})"
        raise StartupError(f"{reason}; {remedy_of(error)}") from error


def remedy_of(error: OSError) -> str:
    """Return what to do about a path that cannot be looked at."""
    return _REMEDIES.get(error.errno or 0, _OTHER_REMEDY)


def is_possible(path: str) -> bool:
    """Say whether the system takes a text as a path at all, whatever is there."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
