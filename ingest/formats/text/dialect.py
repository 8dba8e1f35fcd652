"""How a delimited text is written; knows no text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The character between fields, the one around them, and whether fields begin with spaces that mean nothing."""

    delimiter: str
    quote: str = '"'
    spaced: bool = False
