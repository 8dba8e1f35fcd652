"""Whether all quotes of a delimited text are in order, by its bytes as a whole: knows no records and no fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .dialect import Dialect

_ENDS: Final = (0x0A, 0x0D)


class Quotes:
    """The quotes of a text in UTF-8: by turns one that opens and one that closes, if all are in order."""

    def __init__(self, content: bytes, dialect: Dialect) -> None:
        self._bytes = np.frombuffer(content, np.uint8)
        self._delimiter = ord(dialect.delimiter)
        self._places = np.flatnonzero(self._bytes == ord(dialect.quote))

    @property
    def in_order(self) -> bool:
        """Whether each quote opens a field, closes it before a delimiter or an end, or is one of two."""
        if len(self._places) % 2:
            return False
        opening, closing = self._places[0::2], self._places[1::2]
        two = closing[:-1] + 1 == opening[1:]
        before = self._bytes[np.maximum(opening - 1, 0)]
        behind = self._bytes[np.minimum(closing + 1, len(self._bytes) - 1)]
        opens = self._bounds(before) | (opening == 0)
        closes = self._bounds(behind) | (closing + 1 == len(self._bytes))
        opens[1:] |= two
        closes[:-1] |= two
        return bool(opens.all() and closes.all())

    @property
    def doubled(self) -> bool:
        """Whether one that closes stands directly before one that opens: two that stand for one."""
        return bool((self._places[1:-1:2] + 1 == self._places[2::2]).any())

    def enclose(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which places lie within quotes, if all are in order."""
        enclosed: NDArray[np.bool_] = np.searchsorted(self._places, places) % 2 == 1
        return enclosed

    def closing(self, place: int) -> int | None:
        """Return where the quote stands that closes what a place lies within, if all are in order; None outside."""
        number = int(np.searchsorted(self._places, place))
        return int(self._places[number]) if number % 2 else None

    def tall_records(self) -> Iterator[tuple[int, int]]:
        """Yield where each record begins and ends that goes over several lines, if all quotes are in order."""
        ends = np.flatnonzero((self._bytes == _ENDS[0]) | (self._bytes == _ENDS[1]))
        inside = np.searchsorted(self._places, ends) % 2 == 1
        outer = ends[~inside]
        behind = np.unique(np.searchsorted(outer, ends[inside]))
        for place in behind.tolist():
            yield (
                int(outer[place - 1]) + 1 if place else 0,
                int(outer[place]) if place < len(outer) else len(self._bytes),
            )

    def _bounds(self, found: NDArray[np.uint8]) -> NDArray[np.bool_]:
        bounds: NDArray[np.bool_] = (found == self._delimiter) | (found == _ENDS[0]) | (found == _ENDS[1])
        return bounds
