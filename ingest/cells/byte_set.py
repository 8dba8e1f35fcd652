"""Which of many bytes belong to a set: a look at whole columns of them; knows nothing of what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class ByteSet:
    """A set of bytes."""

    __slots__ = ("_table",)

    def __init__(self, members: Iterable[int]) -> None:
        known = frozenset(members)
        self._table = bytes(byte in known for byte in range(256))

    def has(self, content: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Say which bytes of an array belong to the set; the answer is the caller's to write to.

        `bytes.translate` takes a third of the time that an index into a table takes, and a tenth of `np.isin`'s.
        """
        found = bytearray(np.ascontiguousarray(content)).translate(self._table)
        return np.frombuffer(found, np.bool_).reshape(content.shape)
