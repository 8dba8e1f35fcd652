"""Zips of files: made in memory, or changed where they lie."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def zipped(**files: bytes) -> bytes:
    """Return a zip with these files by their names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def rewrite(path: Path, change: Callable[[str, bytes], bytes]) -> None:
    """Write each part of a zip anew as what is made of its name and content."""
    with zipfile.ZipFile(path) as whole:
        parts = {name: change(name, whole.read(name)) for name in whole.namelist()}
    path.write_bytes(zipped(**parts))
