"""What converting one column yields: typed values, and what is wrong with which cells; knows no rules itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Cells of one column that share one thing wrong; `index` are 0-based data rows."""

    code: str
    index: NDArray[np.int64]
    message: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """Typed values, null where a cell is missing or wrong, and the faults of the wrong ones."""

    values: pa.Array
    faults: tuple[Fault, ...] = ()


def fault(code: str, where: NDArray[np.bool_], message: str, expected: str) -> tuple[Fault, ...]:
    """Return the fault of the cells at `where`; nothing if there is none."""
    index = where.nonzero()[0]
    return (Fault(code=code, index=index, message=message, expected=expected),) if len(index) else ()


def faulty(faults: Iterable[Fault], rows: int) -> NDArray[np.bool_]:
    """Return which of the rows have any of the faults."""
    wrong = np.zeros(rows, np.bool_)
    for found in faults:
        wrong[found.index] = True
    return wrong
