"""Which file it is, and in which state: a path as a line of text and the stamp that a change of the file changes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple, Self
from unicodedata import category

_SPELT_BYTE: Final = re.compile(r"\\udc([89a-f][0-9a-f])")
_SPELT_LETTER: Final = re.compile(
    r"\\(?:[nrt]|x(?!00)[0-9a-f]{2}|u(?!d[89a-f])[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})"
)


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
    whole = as_text(path)
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in whole)


def as_text(name: str) -> str:
    """Return a name, of a file or with it in something, in letters of Unicode: bytes that are no text are escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def readings(text: str) -> tuple[str, ...]:
    """Return the paths that may have been spelt out so: a backslash may be one of the name, or begin what was spelt."""
    name = _SPELT_BYTE.sub(lambda found: os.fsdecode(bytes([int(found[1], 16)])), text)
    letters = _SPELT_LETTER.sub(lambda found: _letter_of(found[0]), name)
    return (name,) if letters == name else (name, letters)


def as_named(text: str) -> str:
    """Return a path that was spelt out with its blanks, joiners and new letters as its owner wrote them.

    What is no text, and what would begin a line, stays spelt out.
    """
    return _SPELT_LETTER.sub(lambda found: _within_a_line(found[0]), text)


def _within_a_line(escape: str) -> str:
    letter = _letter_of(escape)
    return escape if category(letter[0]) in {"Cc", "Zl", "Zp"} else letter


def _letter_of(escape: str) -> str:
    letter = escape.encode().decode("unicode_escape")
    return escape if letter.isprintable() else letter


def is_changed(path: str, stamp: str) -> bool:
    """Say whether the file of a path that was spelt out is there in another state by now. Blocking."""
    for reading in readings(path):
        try:
            return str(stamp_of(Path(reading).lstat())) != stamp
        except OSError:
            continue
    return False
