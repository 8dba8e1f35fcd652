"""Which files hold datasets: owns how the globs of `datasets` are read; opens none of them."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def dataset_files(patterns: Iterable[str]) -> list[Path]:
    """Return the files that absolute globs name, each once, in the order of the globs."""
    # Path.glob takes no absolute pattern, and takes hidden files.
    found = (Path(name) for pattern in patterns for name in sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207
    return list(dict.fromkeys(path for path in found if path.is_file()))
