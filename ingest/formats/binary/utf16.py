"""Texts in UTF-16 to Arrow's UTF-8, many at once; knows no records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ..pieces import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .stream import Stream

_ONE_BYTE, _TWO_BYTES = 0x80, 0x800
_SURROGATES: Final = 0xD800
_SURROGATE_BITS: Final = 0xF800
_LOW: Final = 0x400


def texts_at(
    stream: Stream, places: NDArray[np.int64], lengths: NDArray[np.int64], *, strict: bool
) -> pa.LargeStringArray:
    """Return texts of so many 16-bit units that begin at places within the stream, in their order.

    What is no UTF-16 becomes U+FFFD.

    Raises:
        UnicodeDecodeError: with `strict`, one is no UTF-16.

    """
    wide = pieces(stream.content, places, places + 2 * lengths)
    offsets = np.frombuffer(wide.buffers()[1], np.int64)[: len(wide) + 1] // 2
    content = wide.buffers()[2]
    units = np.frombuffer(b"" if content is None else content, "<u2")[: offsets[-1]]
    if not len(units) or units.max() < _ONE_BYTE:
        return _array(offsets, units.astype(np.uint8))
    try:
        text = units.tobytes().decode("utf-16-le").encode()
    except UnicodeDecodeError:
        return _one_by_one(wide, "strict" if strict else "replace")
    sizes = 1 + (units >= _ONE_BYTE).view(np.uint8) + (units >= _TWO_BYTES).view(np.uint8)
    surrogate = (units & _SURROGATE_BITS) == _SURROGATES
    if surrogate.any():
        low = surrogate & ((units & _LOW) != 0)
        if low[offsets[:-1][lengths > 0]].any():
            # Two halves that stand in two texts make no character.
            return _one_by_one(wide, "strict" if strict else "replace")
        sizes[surrogate] = 4
        sizes[low] = 0
    ends = np.append(np.int64(0), np.cumsum(sizes, dtype=np.int64))
    return _array(ends[offsets], np.frombuffer(text, np.uint8))


def _array(offsets: NDArray[np.int64], text: NDArray[np.uint8]) -> pa.LargeStringArray:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, *buffers[1:])


def _one_by_one(wide: pa.LargeBinaryArray, errors: str) -> pa.LargeStringArray:
    return pa.array([piece.decode("utf-16-le", errors) for piece in wide.to_pylist()], pa.large_string())
