"""Rejected rows that come back: what each says of the row that it was, and how it was told to say so."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..cells.cells import Kind
from ..cells.display import displayed
from ..errors import CATALOGUE
from ..languages import in_language, languages
from .header import REJECT_TITLES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ..cells.cells import Column
    from .header import Labels

    Mask = NDArray[np.bool_]

_SHEET_END: Final = "!"
"""What stands between a sheet's name and a row, as in a spreadsheet's own references."""
_NUMBER: Final = r"^\d+([,.' \x{a0}\x{202f}]\d{3})*([.,]00?)?$"
"""A number of a row as programs write it into a CSV: `4.0` if some rows have none (pandas), `1,234` by its format."""


def original_name(sheet: str, row: int, *, alone: bool) -> str | int:
    """Return what a rejected row is called where it is handed back: its number, and its sheet if that is not `alone`.

    It is the same in every form, so that sheets may be saved as CSV one by one.
    """
    return row if alone else f"{sheet}{_SHEET_END}{row}"


def names_column(labels: Labels) -> int | None:
    """Return the 0-based column with the names of rows, of a header that is one of handed back rows."""
    return next((column for column, label in enumerate(labels) if label and label.strip() in _titles()), None)


@cache
def _titles() -> frozenset[str]:
    return frozenset(in_language(REJECT_TITLES[0], language) for language in languages())


def added_labels(columns: Mapping[int, Column], fields: int) -> Labels:
    """Return the titles of what a sheet of rejected rows without titles has in addition, behind so many fields.

    They stand around the codes; there are none on a sheet that was not handed back.
    """
    for place, column in columns.items():
        if place > fields:
            texts = column.texts.filter(pa.array(column.kinds != Kind.EMPTY))
            codes = next(iter(texts.slice(0, 1).to_pylist()), None) or ""
            if all(code in CATALOGUE for code in codes.split(", ")):
                return (*[None] * (place - 1), *REJECT_TITLES)
    return ()


def names_of(below: Mapping[int, Column], labels: Labels, *, date1904: bool) -> pa.LargeStringArray | None:
    """Return what each row below the header is called in the original, null where it says nothing; None: none does."""
    place = names_column(labels)
    if place is None or place not in below or not (below[place].kinds != Kind.EMPTY).any():
        return None
    texts = _plain(pc.utf8_trim_whitespace(displayed(below[place], date1904=date1904)))
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)


def _plain(names: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return names in which numbers are nothing but their digits."""
    digits = pc.replace_substring_regex(pc.replace_substring_regex(names, r"[.,]00?$", ""), r"^0+|\D", "")
    return pc.if_else(pc.match_substring_regex(names, _NUMBER), digits, names)


def rows_of(names: pa.LargeStringArray | None, loaded: Collection[str]) -> Mask | None:
    """Say which rows are among those of the original that were loaded; None if there can be none."""
    if names is None or not loaded:
        return None
    return truth(pc.is_in(names, value_set=pa.array(sorted(loaded), names.type)))
