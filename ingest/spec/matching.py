"""Which dataset takes a file, by the patterns of its `match`."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dataset import Dataset


def dataset_takes(dataset: Dataset, paths: tuple[str, ...]) -> bool:
    """Say whether one of the dataset's patterns takes one of a file's paths."""
    globs = dataset.match.glob if dataset.match else ()
    return any(_glob_takes(pattern, path) for pattern in globs for path in paths)


def _glob_takes(pattern: str, path: str) -> bool:
    """Match like a shell with `**` for any depth, none included; a pattern without a slash takes the name alone."""
    if "/" not in pattern:
        return fnmatchcase(PurePosixPath(path).name, pattern.replace("**", "*"))
    return _parts_match(pattern.split("/"), path.split("/"))


def _parts_match(pattern: list[str], parts: list[str]) -> bool:
    if not pattern:
        return not parts
    head, rest = pattern[0], pattern[1:]
    if head == "**":
        return any(_parts_match(rest, parts[index:]) for index in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], head) and _parts_match(rest, parts[1:])
