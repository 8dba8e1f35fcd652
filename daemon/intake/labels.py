"""What a file is called that somebody sent: a label for people, never a path."""

from __future__ import annotations

from typing import Final

NAME_LENGTH: Final = 255


def file_label(name: str | None, otherwise: str) -> str:
    """Return the last part of the name that a sender gave, without what cannot be printed."""
    last = (name or otherwise).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(character for character in last if character.isprintable())[:NAME_LENGTH] or otherwise
