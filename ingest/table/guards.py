"""The apostrophe before texts of rejected rows that a spreadsheet would take for formulas: set, and taken off."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pyarrow.compute as pc

from ..cells.cells import Column, Kind

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet take a text of a CSV file for a formula (OWASP, CSV injection)."""
_GUARDED: Final = r"^'('*[=+\-@\t\r\n])"
_GUARDED_TEXT: Final = re.compile(_GUARDED)


def guarded(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula; numbers are none."""
    if not text.startswith(FORMULA_STARTS):
        return guarded_again(text)
    return text if _is_number(text) else f"'{text}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.startswith(("+", "-"))


def guarded_again(text: str) -> str:
    """Put a second apostrophe before a text that begins as if it were guarded, so that it is not taken for that."""
    return f"'{text}" if _GUARDED_TEXT.match(text) else text


def unguarded_labels(rows: list[tuple[str | None, ...]]) -> list[tuple[str | None, ...]]:
    """Return the first rows of a file of rejected rows as they were; titles are guarded as texts are."""
    return [tuple(label and _GUARDED_TEXT.sub(r"\1", label) for label in labels) for labels in rows]


def unguarded(column: Column) -> Column:
    """Return a column of a file of rejected rows as its texts were before they were guarded."""
    if not (column.kinds == Kind.TEXT).any():
        return column
    texts = pc.replace_substring_regex(column.texts, _GUARDED, r"\1")
    if np.array_equal(column.kinds, np.full_like(column.kinds, Kind.TEXT)):
        return Column(kinds=column.kinds, texts=texts)
    return Column(kinds=column.kinds, texts=pc.if_else(column.kinds == Kind.TEXT, texts, column.texts))
