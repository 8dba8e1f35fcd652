"""Numbers packed into 30 bits, as both binary formats have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def unpacked(bits: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return numbers by [MS-XLSB] 2.5.122 and [MS-XLS] 2.5.217: integers, upper parts of doubles, or 100ths of them."""
    upper = (bits & np.uint32(0xFFFFFFFC)).astype(np.uint64) << np.uint64(32)
    numbers = np.where(bits & 2, (bits.view(np.int32) >> 2).astype(np.float64), upper.view(np.float64))
    hundredths = (bits & 1).astype(np.bool_)
    numbers[hundredths] /= 100
    return numbers
