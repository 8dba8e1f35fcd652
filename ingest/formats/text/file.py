"""A file that is a text, as its readers are given it, in UTF-8 whatever it was in; knows no encodings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from ..hint import Hint

START_CHARACTERS: Final = 1 << 16
_LONGEST_CHARACTER: Final = 4
"""Bytes of a character in UTF-8."""


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """Where it is, its text in UTF-8 without a mark, and what is known of it besides."""

    path: Path
    content: bytes
    hint: Hint

    @property
    def text(self) -> str:
        """The whole text, decoded anew each time."""
        return self.content.decode()

    @cached_property
    def start(self) -> str:
        """The first `START_CHARACTERS` characters."""
        # Nothing is wrong with the bytes but that they may end within a character.
        return self.content[: START_CHARACTERS * _LONGEST_CHARACTER].decode(errors="ignore")[:START_CHARACTERS]

    @cached_property
    def first_lines(self) -> str:
        """The lines that are whole within the start, or the start of the only one."""
        start = self.start
        if len(start.encode()) == len(self.content):
            return start
        return start[: max(start.rfind("\n"), start.rfind("\r")) + 1] or start
