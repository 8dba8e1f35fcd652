"""A file that is a text, as its readers are given it; decodes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ..hint import Hint


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """Where it is, its decoded text, and what is known of it besides."""

    path: Path
    text: str
    hint: Hint
