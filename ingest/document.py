"""YAML documents that remember their lines: owns how a bad key is reported with file, line, reason and remedy."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a configuration or dataset file, and what to do about it."""

    file: str
    line: int | None
    key: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        """Render as `file:line: key: reason; remedy`, the form editors and people can follow."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, f"{self.reason}; {self.remedy}") if part)


class DocumentError(Exception):
    """The file cannot be used as it is."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Problem, ...]]]:
        """Survive pickling: the constructor takes problems, not the message."""
        return type(self), (self.problems,)
