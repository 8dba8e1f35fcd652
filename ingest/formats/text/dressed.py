"""What writers put around texts so that Excel leaves them as they are, and how it is taken off again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from ...cells.arrow_masks import has_byte

if TYPE_CHECKING:
    import pyarrow as pa

_TEXT: Final = r'\s*"((?:[^"]|"")*)"\s*'
_FORMULA: Final = rf"^\s*=(?:{_TEXT}|\s*[Tt]?\({_TEXT}\)\s*)$"
"""A formula that is nothing but a text, also in brackets or in Excel's function of the text that its argument is.

Writers keep the zeros of an id by it from Excel.
"""
_TABBED: Final = r"^\t*([^\s]*[0-9][^\s]*)\t*$"
"""A word with digits between tabs, which keep Excel from taking it for a number."""
_TAB_AROUND: Final = ("^\t", "\t$")
_LEAST_TABBED: Final = 2
_OTHERS: Final = 2
"""Cells of a column that are no values: its title, a line below the table."""


def without_formula(text: str) -> str:
    """Return what `without_formulas` makes of a single text."""
    found = re.match(_FORMULA, text) if "=" in text else None
    return (found[1] or found[2] or "").replace('""', '"') if found else text


def without_formulas(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts in which a formula that is nothing but a text is that text: `="00123"` is `00123`."""
    formulas = pc.match_substring_regex(texts, _FORMULA) if has_byte(texts, b"=") else None
    if formulas is None or not pc.any(formulas).as_py():
        return texts
    plain = pc.replace_substring(pc.replace_substring_regex(texts, _FORMULA, r"\1\2"), '""', '"')
    return pc.if_else(formulas, plain, texts)


def without_tabs(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the texts of a column without tabs around a word with digits, or at the same side of all its values."""
    if not has_byte(texts, b"\t"):
        return texts
    plain = pc.replace_substring_regex(texts, _TABBED, r"\1")
    filled = _count(pc.not_equal(texts, ""))
    for tab in _TAB_AROUND:
        tabbed = _count(pc.match_substring_regex(texts, tab))
        if tabbed >= max(_LEAST_TABBED, filled - _OTHERS):
            plain = pc.replace_substring_regex(plain, tab, "")
    return plain


def _count(where: pa.BooleanArray) -> int:
    return pc.sum(where).as_py() or 0
