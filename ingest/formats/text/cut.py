"""Where a delimited text in good order can be cut in two that are read alike: by its bytes, knows no fields."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .orderly import Quotes

_TRIED: Final = 100
"""Lines behind the middle that are looked at."""


def record_behind_middle(content: bytes, quotes: Quotes | None) -> int:
    """Return where a record begins behind the middle; 0 if none is found at once."""
    place = len(content) // 2
    for _ in range(_TRIED):
        place = content.find(b"\n", place) + 1
        if not place:
            break
        closing = None if quotes is None else quotes.closing(place)
        if closing is not None:
            place = closing
        # At the start of a text, this would be a byte order mark to leave out, or a record without fields.
        elif not content.startswith((BOM_UTF8, b"\n", b"\r"), place):
            return place if place < len(content) else 0
    return 0
