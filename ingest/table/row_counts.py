"""The line in which a database tells below a result how many rows it has: known by its count, and no data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from ..cells.cells import Kind
from .marks import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..cells.cells import Column

    Mask = NDArray[np.bool_]

_LAST: Final = 4
"""So many filled rows at the end are looked at: a prompt or the time that it took may stand below."""
_LONGEST: Final = 100
_COUNT: Final = re.compile(
    r"(?:\(|已选择 ?|已選取 ?)?(\d{1,15}) ?"
    r"(?:row\(s\)|rows?|records?|zeilen?|lignes?|filas?|righ[ae]|linhas?|rader|rijen|строк[аи]?|行(?:记录|記錄)?|개 행)"
    r"(?![^\W\d_]).*",
    re.IGNORECASE | re.DOTALL,
)
"""As psql, sqlcmd, SQL*Plus, mysql and beeline write it, in the languages that they speak."""


def row_counts(columns: Mapping[int, Column], filled: Mapping[int, Mask], others: Mask) -> Mask:
    """Say which row is such a line: nothing else stands in it, and it counts the rows above but for the `others`."""
    found = np.zeros_like(others)
    count = counted(filled.values(), len(others))
    for row in np.flatnonzero(count)[-_LAST:].tolist():
        if count[row] != 1:
            continue
        column = next(columns[place] for place, mask in filled.items() if mask[row])
        text = (column.texts[row].as_py() or "").strip()
        if column.kinds[row] != Kind.TEXT or len(text) > _LONGEST or (said := _COUNT.match(text)) is None:
            continue
        if int(said[1]) == int(np.count_nonzero((count > 0)[:row] & ~others[:row])):
            found[row] = True
            break
    return found
