"""The characters that values are typed in: full-width ones count as ASCII, digits of other scripts as no digits."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ..invisible import INVISIBLE
from ..unspaced import UNSPACED
from .arrow_masks import has_byte

_OTHER_DIGITS: Final = r"[\p{No}\p{Nl}]|[^\P{Nd}0-9０-９]"
"""Digits that are none here: Arabic, Devanagari and all other scripts, raised and circled ones, fractions."""
_WESTERN: Final = re.compile("[0-9０-９]")
_INVISIBLE: Final = re.compile(f"[{INVISIBLE}]")
_DRAWN: Final = "=_─━═-"
DRAWN_SIGNS: Final = "+|:┼╪╋│" + _DRAWN
"""What lines are drawn with in texts, and stands where they cross or says, in Markdown, how a column is aligned."""
DRAWN_PIECE: Final = rf"^[\s{DRAWN_SIGNS}]*[{_DRAWN}][\s{DRAWN_SIGNS}]*$"
DRAWN_LINE: Final = "|".join(f"{sign}{{3}}" for sign in _DRAWN)
"""A line is of three signs at least: fewer stand for a value that is not there."""
_NO_VALUE: Final = "?"
"""Stands where such a digit was: no number, date or time has it."""
_SAME: Final = (("ß", "ss"), ("ς", "σ"), ("ı", "i"), ("i\u0307", "i"))
"""Small letters of one capital letter or pair: German, Greek, Turkish with and without a dot, as Python makes it."""


def plain_characters(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts as numbers, dates and times are read from them: width made equal, any kind of space a plain one.

    Characters that cannot be seen are taken out. What is typed in other digits than 0 to 9 and their full-width forms
    can be read as nothing afterwards: `10²` must not become 102.
    """
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return pc.utf8_trim_whitespace(texts)
    seen = pc.replace_substring_regex(pc.utf8_normalize(texts, form="NFKC"), _INVISIBLE.pattern, "")
    plain = pc.utf8_trim_whitespace(seen)
    strange = pc.match_substring_regex(texts, _OTHER_DIGITS)
    return pc.if_else(strange, pa.scalar(_NO_VALUE, pa.large_string()), plain)


def without_case(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts in which words that differ in case alone are the same, in whatever language.

    Both sides of a comparison go through this: Python's small letters are others (`İ` has two, a final `Σ` its own).
    """
    lower = pc.utf8_lower(texts)
    for letters, same in _SAME:
        if has_byte(lower, letters[-1].encode()[:1]):
            lower = pc.replace_substring(lower, letters, same)
    return lower


def without_needless_spaces(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts in NFKC without white space beside letters that stand without it: `合 计` is `合计`."""
    if not has_byte(texts, b" \t\r\n"):
        return texts
    # To look for them takes a fraction of the time of taking them out.
    spaced = pc.fill_null(pc.match_substring_regex(texts, rf"[{UNSPACED}]\s|\s[{UNSPACED}]"), fill_value=False)
    few = texts.filter(spaced)
    few = pc.replace_substring_regex(few, rf"([{UNSPACED}])\s+", r"\1")
    few = pc.replace_substring_regex(few, rf"\s+([{UNSPACED}])", r"\1")
    return pc.replace_with_mask(texts, spaced, few)


def plain_character_text(text: str) -> str:
    """Return one text as `plain_characters` has it."""
    if text.isascii():
        return text.strip()
    if any(unicodedata.category(character)[0] == "N" and not _WESTERN.fullmatch(character) for character in text):
        return _NO_VALUE
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).strip()
