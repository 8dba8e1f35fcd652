"""What a file is called that somebody sent: a label for people, never a path."""

from __future__ import annotations

from typing import Final
from unicodedata import category

NAME_LENGTH: Final = 255
JOINERS: Final = "\u200c\u200d"
"""Of words in Persian and of emoji: they are not seen themselves, and what is beside them is another without them."""


def file_label(name: str | None, otherwise: str) -> str:
    """Return the last part of the name that a sender gave, without what cannot be printed; any blank can be."""
    last = (name or otherwise).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(filter(_is_kept, last))[:NAME_LENGTH] or otherwise


def _is_kept(character: str) -> bool:
    return character.isprintable() or category(character) == "Zs" or character in JOINERS
