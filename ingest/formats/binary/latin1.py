"""Texts of one byte a character, the first 256 of Unicode, to Arrow's UTF-8, many at once; knows no records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ..pieces import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .stream import Stream

_ONE_BYTE: Final = 0x80


def latin_texts_at(stream: Stream, places: NDArray[np.int64], lengths: NDArray[np.int64]) -> pa.LargeStringArray:
    """Return texts of so many bytes that begin at places within the stream, in their order."""
    narrow = pieces(stream.content, places, places + lengths)
    offsets = np.frombuffer(narrow.buffers()[1], np.int64)[: len(narrow) + 1]
    buffer = narrow.buffers()[2]
    content = np.frombuffer(b"" if buffer is None else buffer, np.uint8)[: offsets[-1]]
    if len(content) and content.max() >= _ONE_BYTE:
        ends = np.append(np.int64(0), np.cumsum(1 + (content >= _ONE_BYTE).view(np.uint8), dtype=np.int64))
        offsets, content = ends[offsets], np.frombuffer(content.tobytes().decode("latin-1").encode(), np.uint8)
    return pa.LargeStringArray.from_buffers(len(narrow), pa.py_buffer(offsets), pa.py_buffer(content))
