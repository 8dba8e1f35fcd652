"""A file system of a few megabytes for tests, which can be filled to the last byte and given room again."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

CHUNK: Final = bytes(1 << 16)


class SmallDisk:
    """One that is mounted on a folder already; what fills it is a file beside whatever else lies there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._ballast = folder, folder / ".ballast"

    def fill(self, *, but_bytes: int = 0) -> None:
        """Leave no byte free, or so many."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (len(CHUNK), 1 << 10):
                try:
                    while True:
                        ballast.write(CHUNK[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
            ballast.truncate(max(0, ballast.tell() - but_bytes))

    def clear(self) -> None:
        """Give the room back."""
        self._ballast.unlink()
