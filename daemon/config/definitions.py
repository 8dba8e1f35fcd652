"""The files of datasets as people change them through the API: which file a dataset has, and how it is written."""

from __future__ import annotations

import difflib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.spec.dataset_file import load_dataset
from ingest.spec.yaml_document import DocumentError

from ..errors import HeadgateError
from .dataset_files import dataset_files

if TYPE_CHECKING:
    from collections.abc import Sequence

_WILD: Final = frozenset("*?[")
_MODE: Final = 0o644


class DefinitionError(HeadgateError):
    """The file of a dataset cannot be written; the message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A file that was written: what it was before (None if it is new), and a unified diff from then to now."""

    path: Path
    before: str | None
    diff: str


class Definitions:
    """The files that the setting `datasets` names. Everything here is blocking."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """`patterns` are the absolute globs of the setting."""
        self._patterns = tuple(patterns)

    def find(self, name: str) -> Path | None:
        """Return the file of a dataset; None if there is none."""
        for path in dataset_files(self._patterns):
            with suppress(DocumentError):
                if load_dataset(path).dataset == name:
                    return path
        return None

    def save(self, name: str, text: str) -> Saved:
        """Write a dataset's file whole or not at all: the one that it has, else a new one in the first folder.

        Raises:
            DefinitionError: no folder takes a new file, or the file cannot be written.

        """
        path = self.find(name)
        before = None if path is None else _read(path)
        if path is None:
            path = self._new(name)
        _write(path, text)
        return Saved(path=path, before=before, diff=_diff(before, text, path.name))

    def undo(self, saved: Saved) -> None:
        """Put back what was there before.

        Raises:
            DefinitionError: the file cannot be written.

        """
        if saved.before is not None:
            _write(saved.path, saved.before)
            return
        try:
            saved.path.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise DefinitionError(f"{saved.path} cannot be removed ({reason}); remove it yourself") from error

    def _new(self, name: str) -> Path:
        """Return the path of a new file in the first folder of which the setting takes every file of that ending."""
        for pattern in self._patterns:
            folder, form = os.path.split(pattern)
            for ending in (".yml", ".yaml"):
                file = f"{name}{ending}"
                if not _WILD & set(folder) and _WILD & set(form) and fnmatchcase(file, form):
                    path = Path(folder) / file
                    if path.exists():
                        raise DefinitionError(f"{path} holds another dataset; take another name, or mend that file")
                    return path
        raise DefinitionError(
            "no folder of the setting `datasets` takes new files; add one to it, as `datasets: [datasets/*.yml]`"
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path} cannot be read ({error}); mend the file") from error


def _write(path: Path, text: str) -> None:
    """Put a file in place by a rename: whoever reads it has the whole of it. It is on disk when this returns."""
    part = None
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".", delete=False) as file:
            part = Path(file.name)
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), path.stat().st_mode & 0o777 if path.exists() else _MODE)
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        reason = error.strerror or type(error).__name__
        remedy = f"let the daemon's user write into {path.parent}, or save the text there yourself"
        raise DefinitionError(f"{path} cannot be written ({reason}); {remedy}") from error


def _diff(before: str | None, after: str, name: str) -> str:
    old = [] if before is None else before.splitlines(keepends=True)
    lines = difflib.unified_diff(old, after.splitlines(keepends=True), f"{name} before", f"{name} after")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
