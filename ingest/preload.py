"""What every parse needs, imported once in the process that worker processes are forked from."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


def preload() -> None:
    """Import the parser with the readers of all formats, without pandas."""
    preload_parser()
    preload_readers()


def preload_readers() -> None:
    """Import the readers of all formats, without pandas."""
    with unavailable("pandas"):
        importlib.import_module("ingest.formats.readers").import_all()


def preload_parser() -> None:
    """Import the parser without pandas, and without readers: a worker can import the one that it needs.

    Arrow imports pandas as soon as it makes a scalar, only to see whether it was given a thing of pandas: 0.3 s and
    30 MB that few workbooks need. Refused once, it does without until somebody asks for a DataFrame.
    """
    with unavailable("pandas"):
        arrow = importlib.import_module("pyarrow")
        arrow.scalar("")
        importlib.import_module("ingest.parse")


@contextmanager
def unavailable(package: str) -> Iterator[None]:
    """Let nobody import a package meanwhile that was not imported before."""
    finder = _Refuse(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Refuse:
    """A finder without its abstract base, whose module is imported for nothing else here and takes 20 ms."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        del path, target
        if name.partition(".")[0] == self._package:
            raise ModuleNotFoundError(f"{name} is not imported here", name=name)
        return None
