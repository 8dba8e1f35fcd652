"""The number formats of a sheet's cell styles, applied to whole columns at once; knows no file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow_masks import truth
from .cells import Column, Kind, distinct
from .number_format import GENERAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .number_format import NumberFormat

_LEADING_ZEROS: Final = r"^0+([0-9])"
_WHOLE: Final = r"^(?:0|[1-9][0-9]{0,14})$"


class CellStyles:
    """Of each cell style, by its number, the format that it shows numbers in; an unknown style is the first one."""

    def __init__(self, formats: Sequence[NumberFormat]) -> None:
        self._formats = tuple(formats) or (GENERAL,)
        self._kinds = np.array([Kind.NUMBER if form.kind is None else form.kind for form in self._formats], np.uint8)
        self._telling = frozenset(place for place, form in enumerate(self._formats) if form.kind is None)
        """The styles of which the number itself says what it is."""

    def apply(
        self, styles: NDArray[np.int32], where: NDArray[np.bool_], kinds: NDArray[np.uint8], texts: pa.LargeStringArray
    ) -> pa.LargeStringArray:
        """Set the kinds of the numbers at `where`, in place; return the texts, with the zeros that are shown."""
        known = np.where(styles < len(self._formats), styles, 0)
        kinds[where] = self._kinds[known[where]]
        for style in self._telling.intersection(distinct(known[where]) if self._telling else ()):
            here = where & (known == style)
            found, shown = _told(self._formats[style], texts.filter(pa.array(here)))
            kinds[here] = found
            texts = pc.replace_with_mask(texts, pa.array(here), shown)
        return texts


def _told(form: NumberFormat, texts: pa.LargeStringArray) -> tuple[NDArray[np.uint8], pa.LargeStringArray]:
    if form.zeros is not None and truth(pc.match_substring_regex(texts, _WHOLE)).all():
        return np.full(len(texts), Kind.PADDED, np.uint8), pc.ascii_lpad(texts, form.zeros, "0")
    cells = [form.cell(text) if text else (Kind.NUMBER, text) for text in texts.to_pylist()]
    return np.array([kind for kind, _ in cells], np.uint8), pa.array([text for _, text in cells], pa.large_string())


def without_zeros(column: Column) -> Column:
    """Return the column with the numbers that stand behind digits shown with zeros: all but identifiers are those."""
    padded = column.kinds == Kind.PADDED
    if not padded.any():
        return column
    digits = pc.replace_substring_regex(column.texts.filter(pa.array(padded)), "[^0-9]+", "")
    numbers = pc.replace_substring_regex(digits, _LEADING_ZEROS, r"\1")
    return Column(
        kinds=np.where(padded, np.uint8(Kind.NUMBER), column.kinds),
        texts=pc.replace_with_mask(column.texts, pa.array(padded), numbers),
    )
