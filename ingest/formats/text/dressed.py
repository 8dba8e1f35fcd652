"""What writers put around texts so that Excel leaves them as they are, and how it is taken off again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from ...cells.arrow_masks import has_byte

if TYPE_CHECKING:
    import pyarrow as pa

_FORMULA: Final = r'^="((?:[^"]|"")*)"$'
"""A formula that is nothing but a text: writers keep the zeros of an id by it from Excel."""
_TABBED: Final = r"^\t*([^\s]*[0-9][^\s]*)\t*$"
"""A word with digits between tabs, which keep Excel from taking it for a number."""


def without_formulas(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts in which a formula that is nothing but a text is that text: `="00123"` is `00123`."""
    formulas = pc.match_substring_regex(texts, _FORMULA) if has_byte(texts, b"=") else None
    if formulas is None or not pc.any(formulas).as_py():
        return texts
    plain = pc.replace_substring(pc.replace_substring_regex(texts, _FORMULA, r"\1"), '""', '"')
    return pc.if_else(formulas, plain, texts)


def without_tabs(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return texts without tabs around a word with digits."""
    return pc.replace_substring_regex(texts, _TABBED, r"\1") if has_byte(texts, b"\t") else texts
