"""Which file it is, and in which state: a path as a line of text and the stamp that a change of the file changes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple, Self

_SPELT_BYTE: Final = re.compile(r"\\udc([89a-f][0-9a-f])")


class Stamp(NamedTuple):
    """What changes when somebody writes to a file or puts another in its place."""

    inode: int
    size: int
    mtime_ns: int

    def __str__(self) -> str:
        return f"{self.inode}:{self.size}:{self.mtime_ns}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the stamp that a text is of."""
        return cls(*map(int, text.split(":")))

    def moved_from(self, other: Stamp) -> bool:
        """Say whether only the inode differs, as where a folder was copied or restored with its times."""
        return self[1:] == other[1:]


def stamp_of(facts: os.stat_result) -> Stamp:
    """Return the stamp in a file's facts."""
    return Stamp(facts.st_ino, facts.st_size, facts.st_mtime_ns)


def spelt(path: str) -> str:
    """Return a path as a text of one line: what is not UTF-8 or cannot be printed is spelt out."""
    whole = path.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in whole)


def unspelt(text: str) -> str:
    """Return the path that was spelt out, but for what cannot be printed in it."""
    return _SPELT_BYTE.sub(lambda found: os.fsdecode(bytes([int(found[1], 16)])), text)


def is_changed(path: str, stamp: str) -> bool:
    """Say whether the file of a path that was spelt out is there in another state by now. Blocking."""
    try:
        return str(stamp_of(Path(unspelt(path)).lstat())) != stamp
    except OSError:
        return False
