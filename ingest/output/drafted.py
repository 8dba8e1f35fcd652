"""What drafting a dataset from a sample leaves: imports nothing that reads files, so that it can go anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SEEN_ROWS: Final = 30
SEEN_COLUMNS: Final = 200
"""How much of a sample is shown beside its draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A drafted dataset as commented YAML, the sheets that there are, and the first rows of the one that was read.

    `rows` are texts as CSV has them, at most `SEEN_ROWS` of `SEEN_COLUMNS`; `header_row` is 1-based, None without one.
    """

    text: str
    sheets: tuple[str, ...]
    sheet: str
    rows: tuple[tuple[str | None, ...], ...]
    header_row: int | None
