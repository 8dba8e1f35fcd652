"""What runs and watches Headgate: writes the files that come with it, keeps what was edited; knows not what is in them.

A manifest beside the files has the hash of each as it was written: what still has it is replaced by a newer one.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..config.shipped import shipped_files

MANIFEST: Final = "headgate-assets.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was done: the paths of files that were written, and of those that were kept with the difference to ours."""

    written: list[Path]
    kept: dict[Path, str]


def write_assets(folder: Path, *, replace: bool) -> Written:
    """Write the files that are missing, out of date or, with `replace`, edited.

    Raises:
        OSError: something cannot be written.

    """
    recorded, written, kept = _recorded(folder), [], {}
    for name, content in shipped_files().items():
        path = folder / name
        found = path.read_bytes() if path.is_file() else None
        if found not in {None, content} and not replace and _hash(found or b"") != recorded.get(name):
            kept[path] = _difference(name, found or b"", content)
            continue
        if found != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.append(path)
        recorded[name] = _hash(content)
    manifest = json.dumps({"files": recorded}, indent=1, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(manifest, encoding="utf-8")
    return Written(written=written, kept=kept)


def _recorded(folder: Path) -> dict[str, str]:
    """Return the hashes of the manifest; one that cannot be read says nothing, and every difference is an edit."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {str(name): str(value) for name, value in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _difference(name: str, found: bytes, ours: bytes) -> str:
    theirs, new = (text.decode("utf-8", "replace").splitlines(keepends=True) for text in (found, ours))
    return "".join(difflib.unified_diff(theirs, new, f"{name} (yours)", f"{name} (of this release)"))
