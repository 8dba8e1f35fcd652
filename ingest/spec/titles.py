"""The form in which titles of columns and names of sheets are compared; knows no sheets."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]"
)
"""Where a word may break, in which direction it runs, marks of byte order: they come along with what is pasted."""


def folded(text: str) -> str:
    """Return a text in NFKC, without case and invisible characters; the `i` of Turkish is one, whatever its dot."""
    if text.isascii():
        return text.casefold()
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return plain.replace("i\u0307", "i").replace("ı", "i")


def trimmed(label: str) -> str:
    """Return a title by which two of one file are told apart: NFKC, trimmed, without case."""
    return folded(label).strip()


def normal(label: str) -> str:
    """Return a title in the form in which titles are compared: also with any white space within as one space.

    A title that is broken into lines is the same as in one.
    """
    return " ".join(folded(label).split())
