"""Which files hold datasets: owns how the globs of `datasets` are read; opens none of them."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def dataset_files(patterns: Iterable[str]) -> list[Path]:
    """Return the files that absolute globs name, each once, in the order of the globs."""
    found = (path for pattern in patterns for path in fitting(pattern))
    return list(dict.fromkeys(path for path in found if path.is_file()))


def fitting(pattern: str) -> list[Path]:
    """Return what a glob fits, in order; `**` reaches into folders. Blocking."""
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207  # Path.glob takes no absolute pattern, and fits hidden files
    return [Path(name) for name in sorted(found)]
