"""Programs as they write files into folders, each run as a user of its own: what the matrix of writers is made of."""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

PAUSE_SECONDS = 3.0


def steady(path: Path, content: bytes, pause: float) -> None:
    """Write from the beginning to the end."""
    del pause
    path.write_bytes(content)


def pausing(path: Path, content: bytes, pause: float) -> None:
    """Write three parts, each to the end of a line, and hold the file open in between."""
    with path.open("wb", buffering=0) as out:
        for part in thirds(content):
            out.write(part)
            time.sleep(pause)


def preallocating(path: Path, content: bytes, pause: float) -> None:
    """Make room for the whole file first, as copies over SMB do, then fill it."""
    with path.open("wb", buffering=0) as out:
        out.truncate(len(content))
        for part in thirds(content):
            time.sleep(pause)
            out.write(part)


def in_bursts(path: Path, content: bytes, pause: float) -> None:
    """Close the file after each part and append the next, as `>>` does and a transfer that is resumed."""
    for part in thirds(content):
        with path.open("ab") as out:
            out.write(part)
        time.sleep(pause)


def renaming(path: Path, content: bytes, pause: float) -> None:
    """Write beside under an unfinished name, then rename."""
    part = path.with_name(f"{path.name}.filepart")
    pausing(part, content, pause)
    part.rename(path)


def marking(path: Path, content: bytes, pause: float) -> None:
    """Write in bursts, and a marker at the end."""
    in_bursts(path, content, pause)
    path.with_name(f"{path.name}.done").touch()


WRITERS: dict[str, Callable[[Path, bytes, float], None]] = {
    writer.__name__: writer for writer in (steady, pausing, preallocating, in_bursts, renaming, marking)
}


def thirds(content: bytes) -> list[bytes]:
    """Cut a text at ends of lines, anything else anywhere."""
    cuts = [0, *(len(content) * third // 3 for third in (1, 2)), len(content)]
    if not content.startswith(b"PK"):
        cuts = [0, *(content.index(b"\n", cut) + 1 for cut in cuts[1:3]), len(content)]
    return [content[first:last] for first, last in itertools.pairwise(cuts)]


def main() -> None:
    """Write the file `source` to `target` as one of the writers does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("writer", choices=WRITERS)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--pause", type=float, default=PAUSE_SECONDS)
    given = parser.parse_args()
    os.umask(0o022)
    WRITERS[given.writer](given.target, given.source.read_bytes(), given.pause)


if __name__ == "__main__":
    main()
