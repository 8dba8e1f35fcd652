"""Zips of files, made in memory."""

from __future__ import annotations

import io
import zipfile


def zipped(**files: bytes) -> bytes:
    """Return a zip with these files by their names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()
