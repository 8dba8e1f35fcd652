"""The bytes of a part as numbers at any place; knows no records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_PADDING: Final = 16
"""Bytes behind the content, so that what begins in it can be read without a look at the end."""


class Stream:
    """A whole part: `end` bytes, each of them the first one of a number of 1, 2, 4 or 8 bytes, little-endian."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.content = b"".join([*pieces, bytes(_PADDING)])
        self.end = len(self.content) - _PADDING
        self.bytes = self._numbers("u1")
        self.shorts: NDArray[np.uint16] = self._numbers("<u2")
        self.integers: NDArray[np.uint32] = self._numbers("<u4")
        self.reals: NDArray[np.float64] = self._numbers("<f8")

    def _numbers(self, kind: str) -> NDArray[Any]:
        # Each element begins one byte behind the one before.
        count = len(self.content) - np.dtype(kind).itemsize + 1
        return np.ndarray((count,), kind, self.content, strides=(1,))
