"""Rows that repeat the header, as reports do on each page: found anywhere below it; knows no values' types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..cells.cells import Kind
from ..cells.characters import without_case, without_needless_spaces
from ..spec.titles import normal
from .header import LEAST_TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..cells.cells import Column
    from .header import FoundHeader, Labels

    Mask = NDArray[np.bool_]


def repeated_headers(columns: Mapping[int, Column], header: FoundHeader, titles: Sequence[Labels], rows: int) -> Mask:
    """Say which rows below the header belong to a repetition of it: every title of a field stands in its column again.

    `titles` are the texts of the header's own rows, one or more; what stands in other columns must be the titles
    there, or nothing.
    """
    repeated = np.zeros(rows, np.bool_)
    places = sorted(header.columns.values())
    marks = [place for place in places if titles and normal(titles[0][place] or "")]
    if not marks or marks[0] not in columns:
        return repeated
    mark = columns[marks[0]]
    title = _comparable(pa.array([titles[0][marks[0]] or ""], pa.large_string()))[0]
    begins = truth(pc.equal(_comparable(mark.texts), title)) & (mark.kinds == Kind.TEXT)
    for row in np.flatnonzero(begins).tolist():
        if row + len(titles) <= rows and all(
            _repeats(columns, row + line, labels, places) for line, labels in enumerate(titles)
        ):
            repeated[row : row + len(titles)] = True
    return repeated


def _comparable(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    # To bring all of a column into NFKC would take longer than all else that is done here.
    plain = pc.replace_substring(pc.utf8_trim_whitespace(texts), "\u3000", " ")
    return without_needless_spaces(without_case(plain))


def _repeats(columns: Mapping[int, Column], row: int, labels: Labels, places: Sequence[int]) -> bool:
    """Say whether a row has the titles again, and enough of them to be no chance."""
    found = 0
    for place, label in enumerate(labels):
        again = normal(_text(columns, place, row))
        if again != normal(label or "") and (again or place in places):
            return False
        found += bool(again)
    return found >= LEAST_TITLES


def _text(columns: Mapping[int, Column], place: int, row: int) -> str:
    if place not in columns:
        return ""
    text: pa.LargeStringScalar = columns[place].texts[row]
    return text.as_py() or ""
