"""Bytes between places of a part, many at once, as Arrow has them; knows no format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int64]


def pieces(content: bytes, starts: Places, ends: Places) -> pa.LargeBinaryArray:
    """Return the bytes from each start to its end, in any order: every second element of the array that all make."""
    offsets = np.append(_alternating(starts, ends), len(content))
    return in_sequence(content, offsets).take(pa.array(np.arange(0, 2 * len(starts), 2)))


def between(content: bytes, starts: Places, ends: Places) -> pa.LargeBinaryArray:
    """Return what lies between each end and the next start."""
    return in_sequence(content, _alternating(starts, ends)).take(pa.array(np.arange(1, 2 * len(starts) - 1, 2)))


def in_sequence(content: bytes, offsets: Places) -> pa.LargeBinaryArray:
    """Return what lies between all places one after the other; where they go back, a piece may not be taken."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _alternating(starts: Places, ends: Places) -> Places:
    places = np.empty(2 * len(starts), np.int64)
    places[::2], places[1::2] = starts, ends
    return places
