"""The records of a part of an xlsb workbook: their numbers, and where their data begin and end; knows no cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ..binary.chain import find_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ..binary.stream import Stream

    Places = NDArray[np.int64]

_MORE: Final = 0x80
"""The bit of a byte that says that a number goes on: 7 bits a byte, 2 bytes for a kind, up to 4 for a size."""
_LONGEST: Final = 4
_BEYOND: Final = 1 << 62
SPAN_BYTES: Final = 2 << 20
"""So much of a part is looked at at once."""


class Records(NamedTuple):
    """Records in their order: where each begins, its number, and where its data begin and end."""

    places: Places
    numbers: Places
    starts: Places
    ends: Places


class XlsbLayout:
    """How the records of a part follow each other, [MS-XLSB] 2.1.4: a number, a size, the data.

    `likely` says by the first two bytes of a record whether most of that part are such: `CELLS` or `STRINGS`.
    """

    def __init__(self, stream: Stream, likely: NDArray[np.bool_]) -> None:
        self._stream, self._likely = stream, likely
        self.end = stream.end

    def plausible(self, places: Places) -> NDArray[np.bool_]:
        """Say where a record of those that are likely may begin."""
        found: NDArray[np.bool_] = self._likely[self._stream.shorts[places]]
        return found

    def following(self, places: Places) -> Places:
        """Return where records end."""
        steps = _STEPS[self._stream.shorts[places]]
        ends = places + steps
        rare = np.flatnonzero(steps == 0)
        if len(rare):
            ends[rare] = self._heads(places[rare]).ends
        return ends

    def after(self, place: int) -> int:
        """Return where one record ends."""
        content = self._stream.content
        place += 1 + (content[place] >= _MORE)
        size = 0
        for shift in range(0, 7 * _LONGEST, 7):
            byte = content[place]
            size |= (byte & (_MORE - 1)) << shift
            place += 1
            if byte < _MORE:
                return place + size
        return place + _BEYOND

    def spans(self, cut_at: int | None = None) -> Iterator[Records]:
        """Yield all records in spans; with `cut_at`, a span begins with a record of that number if there is any.

        Raises:
            IndexError: the last record is cut; all before it were yielded.

        """
        place = 0
        while place < self.end:
            records, following = self._records(place, min(place + SPAN_BYTES, self.end))
            if cut_at is not None and following < self.end:
                cuts = np.flatnonzero(records.numbers[1:] == cut_at)
                if len(cuts):
                    following = int(records.places[cuts[-1] + 1])
                    records = Records(*(part[: cuts[-1] + 1] for part in records))
            yield records
            place = following
        if place > self.end:
            raise IndexError("a record is longer than its part")

    def _records(self, first: int, stop: int) -> tuple[Records, int]:
        """Return the whole records from one at `first` on that begin before `stop`, and where the next one begins."""
        places, following = find_records(self, first, stop)
        if following > self.end:
            places = places[:-1]
        pairs = self._stream.shorts[places]
        numbers, starts = (pairs & 0xFF).astype(np.int64), places + 2
        ends = places + _STEPS[pairs]
        rare = np.flatnonzero(ends == places)
        if len(rare):
            _, numbers[rare], starts[rare], ends[rare] = self._heads(places[rare])
        return Records(places, numbers, starts, ends), following

    def _heads(self, places: Places) -> Records:
        content = self._stream.bytes
        first, second = (content[places + place].astype(np.int64) for place in (0, 1))
        wide = first >= _MORE
        numbers = np.where(wide, first + (second << 7) - _MORE, first)
        starts = places + 1 + wide
        sizes, more = np.zeros(len(places), np.int64), np.ones(len(places), np.bool_)
        for place in range(_LONGEST):
            byte = content[starts].astype(np.int64)
            sizes += np.where(more, (byte & (_MORE - 1)) << (7 * place), 0)
            starts += more
            more &= byte >= _MORE
        sizes[more] = _BEYOND
        return Records(places, numbers, starts, starts + sizes)


def each_record(stream: Stream) -> Iterator[tuple[int, int]]:
    """Yield the number of each record of a whole part, and where its data begin.

    Raises:
        IndexError: the last one is cut.

    """
    for records in XlsbLayout(stream, CELLS).spans():
        yield from zip(records.numbers.tolist(), records.starts.tolist(), strict=True)


def _steps() -> NDArray[np.int64]:
    """Return, by the first two bytes of a record, how long it is; 0 if they do not say that alone."""
    first, second = np.arange(0x10000) & 0xFF, np.arange(0x10000) >> 8
    return np.where((first < _MORE) & (second < _MORE), second + 2, 0)


def _likely(sizes: Mapping[int, range]) -> NDArray[np.bool_]:
    """Return, by the first two bytes of a record, whether it is one with these numbers and the sizes of each."""
    likely = np.zeros(0x10000, np.bool_)
    for number, possible in sizes.items():
        likely[[number + (size << 8) for size in possible]] = True
    return likely


_STEPS: Final = _steps()
CELLS: Final = _likely({
    0: range(17, 256, 8),
    **{number: range(size, size + 1) for number, size in ((1, 8), (2, 12), (3, 9), (4, 9), (5, 16), (7, 12))},
    **{number: range(size, size + 1) for number, size in ((12, 4), (13, 8), (14, 5), (15, 5), (16, 12), (18, 8))},
    **{number: range(size, 256) for number, size in ((8, 14), (9, 18), (10, 11), (11, 11), (62, 13))},
    **{number: range(size, 256, 2) for number, size in ((6, 12), (17, 8))},
})  # fmt: skip
"""The records of rows and cells: spans of columns, texts and formulas vary in size."""
STRINGS: Final = _likely({19: range(5, 256, 2)})
"""The items of the list of shared strings."""
