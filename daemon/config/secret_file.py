"""Files that hold one secret: owns who else may read them; never repeats what is in them."""

from __future__ import annotations

import stat
from pathlib import Path

from ..errors import StartupError


def read_private(path: Path) -> str:
    """Return the text of a file that nobody else may read. Blocking.

    Raises:
        StartupError: others may read it, or it cannot be read; the message is `reason; remedy`.

    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise StartupError(f"{path} is not a file; name a file that holds the secret")
        if status.st_mode & 0o077:
            raise StartupError(
                f"{path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o}); run: chmod 600 {path}"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StartupError(f"{path}: {error.strerror}; create it, readable by this user only") from error
    except UnicodeDecodeError:
        # Not chained: the error would carry the secret's bytes along.
        raise StartupError(f"{path} is not a text; write the secret into it as UTF-8") from None


def read_secret(path: Path) -> str:
    """Return the only line of a secret file. Blocking.

    Raises:
        StartupError: others may read it, or it cannot be read or is empty; the message is `reason; remedy`.

    """
    secret = read_private(path).strip()
    if not secret or "\n" in secret:
        raise StartupError(f"{path} must hold exactly one line; write the secret into it")
    return secret
