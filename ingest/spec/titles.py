"""The form in which titles of columns and names of sheets are compared; knows no sheets."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Return a text in NFKC and without case."""
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()


def trimmed(label: str) -> str:
    """Return a title by which two of one file are told apart: NFKC, trimmed, without case."""
    return folded(label).strip()


def normal(label: str) -> str:
    """Return a title in the form in which titles are compared: also with any white space within as one space.

    A title that is broken into lines is the same as in one.
    """
    return " ".join(folded(label).split())
