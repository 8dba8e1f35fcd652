"""What converting one column yields: typed values, and what is wrong with which cells; knows no rules itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def spread(values: pa.Array, where: NDArray[np.bool_]) -> pa.Array:
    """Return an array as long as `where` that has the values, in order, at its true places and nulls elsewhere."""
    if where.all():
        return values
    place = np.cumsum(where) - 1
    return values.take(pa.array(place, mask=~where))


def truth(mask: pa.BooleanArray) -> NDArray[np.bool_]:
    """Return an Arrow mask as a NumPy one; null is false."""
    known = mask.fill_null(False) if mask.null_count else mask  # noqa: FBT003
    found: NDArray[np.bool_] = known.to_numpy(zero_copy_only=False)
    return found


def has_byte(texts: pa.LargeStringArray, wanted: bytes) -> bool:
    """Say whether any of the bytes may be in any of the texts: a look at all of them at once, before a closer one."""
    content = texts.buffers()[2]
    if not len(texts) or content is None:
        return False
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    found = np.zeros(256, np.bool_)
    found[np.frombuffer(wanted, np.uint8)] = True
    return bool(found[np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]].any())
