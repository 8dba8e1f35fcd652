"""The form in which titles of columns and names of sheets are compared; knows no sheets."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Return a text in NFKC and without case."""
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()


def normal(label: str) -> str:
    """Return a title in the form in which titles are compared: NFKC, trimmed, without case."""
    return folded(label).strip()
