"""The form in which titles of columns and names of sheets are compared; knows no sheets."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from ..invisible import INVISIBLE

_INVISIBLE: Final = re.compile(f"[\u00ad{INVISIBLE}]")


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
