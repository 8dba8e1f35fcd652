"""The form in which titles of columns and names of sheets are compared; knows no sheets."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from ..invisible import INVISIBLE
from ..unspaced import UNSPACED

_INVISIBLE: Final = re.compile(f"[\u00ad{INVISIBLE}]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
"""In a value each is an error; a title with one is the same title, or its column would be missing."""
_NEEDLESS: Final = re.compile(f"(?<=[{UNSPACED}]) | (?=[{UNSPACED}])")


def folded(text: str) -> str:
    """Return a text in NFKC, without case and invisible characters; the `i` of Turkish is one, whatever its dot."""
    if text.isascii():
        return text.casefold()
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return plain.replace("i\u0307", "i").replace("ı", "i")


def trimmed(label: str) -> str:
    """Return a title by which two of one file are told apart: NFKC, trimmed, without case."""
    return folded(label).strip()


def in_one_line(text: str) -> str:
    """Return a name or a label in the form in which they are compared: also with white space within as one space."""
    return " ".join(folded(text).split())


def normal(label: str) -> str:
    """Return a title in the form in which titles are compared: one that is broken into lines is the same as in one.

    Beside Chinese and Japanese letters white space is none: `数 量` and `金额 (元)` are `数量` and `金额(元)`.
    """
    return compact(folded(label))


def compact(plain: str) -> str:
    """Return a text that is folded already with the white space that counts in titles, and no other."""
    text = " ".join((plain if plain.isprintable() else _CONTROL.sub("", plain)).split())
    return text if text.isascii() else _NEEDLESS.sub("", text)
