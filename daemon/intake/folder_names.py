"""Names for what is put away and written in a watched folder: one that is free in the end, none too long for a disk."""

from __future__ import annotations

import os
from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME_BYTES: Final = 255
"""NAME_MAX of Linux and macOS; some tell of more and mean letters."""
_ENDING_BYTES: Final = 32
"""What follows the last dot and is longer belongs to the name: `No. 3 of the orders` has no ending."""


def name_bytes_max(folder: int) -> int:
    """Return how long a name may be in an open folder, in bytes; eCryptfs takes 143. Blocking."""
    try:
        told = os.fpathconf(folder, "PC_NAME_MAX")
    except OSError:
        return _NAME_BYTES
    return min(told, _NAME_BYTES) if told > 0 else _NAME_BYTES


def names_for(name: str, number: int, *, limit: int) -> Iterator[str]:
    """Yield the names under which a file may be put away: its own, that with the number in it, and on without end."""
    stem, ending = _parts(name)
    yield cut(stem, ending, limit)
    for tail in _tails(number):
        yield cut(stem, f"{tail}{ending}", limit)


def names_beside(name: str, suffix: str, number: int, *, limit: int) -> Iterator[str]:
    """Yield the names of what is written beside a file: its stem and the suffix, with the number, and so on."""
    stem, _ = _parts(name)
    yield cut(stem, suffix, limit)
    for tail in _tails(number):
        yield cut(stem, f"{tail}{suffix}", limit)


def part_beside(name: str, suffix: str, number: int, *, limit: int) -> str:
    """Return the name under which that is written before it is whole: one that is left alone."""
    stem, _ = _parts(name)
    return f".{cut(stem, f'.{number}{suffix}.part', limit - 1)}"


def cut(stem: str, ending: str, limit: int) -> str:
    """Return a name of so many bytes at the most: the stem is cut behind a whole letter."""
    room = limit - len(os.fsencode(ending))
    used = 0
    for place, letter in enumerate(stem):
        used += len(os.fsencode(letter))
        if used > room:
            return f"{stem[:place]}{ending}"
    return f"{stem}{ending}"


def _parts(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return (path.stem, path.suffix) if len(os.fsencode(path.suffix)) <= _ENDING_BYTES else (name, "")


def _tails(number: int) -> Iterator[str]:
    yield f".{number}"
    yield from (f".{number}.{again}" for again in count(2))
