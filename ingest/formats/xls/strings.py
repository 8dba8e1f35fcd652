"""The shared strings of an xls workbook, which lie in one record and those that continue it; knows no cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ..binary.chain import find_records
from ..binary.latin1 import latin_texts_at
from ..binary.utf16 import texts_at
from ..unsure import UnsureError
from .layout import CONTINUE, HEAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..binary.stream import Stream

    Places = NDArray[np.int64]

_WIDE, _PHONETIC, _RICH = 1, 4, 8
"""Flags of a string, [MS-XLS] 2.5.293: two bytes a character, phonetic data or runs of formats behind the text."""
_FLAGS: Final = _WIDE | _PHONETIC | _RICH
_TITLE: Final = 8
"""Bytes before the first string: how many there are."""
_BEYOND: Final = 1 << 62
_LONGEST_GUESS: Final = 0x100


def shared_strings(stream: Stream, place: int) -> pa.LargeStringArray:
    """Return the strings of the record at a place, in order.

    Raises:
        UnsureError: there are fewer than the record says, or one is no text.

    """
    layout = _Layout(stream, _segments(stream, place))
    count = int(stream.integers[place + HEAD + 4])
    first = place + HEAD + _TITLE
    if first > layout.end:
        raise UnsureError("the list of shared strings is cut")
    places, following = find_records(layout, first, layout.end) if count else (np.zeros(0, np.int64), first)
    if len(places) < count or (len(places) == count and following > layout.end):
        raise UnsureError("there are fewer shared strings than their list says")
    return layout.texts(places[:count])


def _segments(stream: Stream, place: int) -> tuple[Places, Places]:
    """Return where the data of a record and of those that continue it begin and end."""
    starts: list[int] = []
    ends: list[int] = []
    while not starts or (place + HEAD <= stream.end and stream.shorts[place] == CONTINUE):
        starts.append(place + HEAD)
        place += HEAD + int(stream.shorts[place + 2])
        ends.append(place)
    if place > stream.end:
        raise UnsureError("the list of shared strings is cut")
    return np.array(starts, np.int64), np.array(ends, np.int64)


class _Layout:
    """How strings follow each other; one may begin in one segment and end in a later one."""

    def __init__(self, stream: Stream, segments: tuple[Places, Places]) -> None:
        self._stream = stream
        self._starts, self._ends = segments
        self._next = np.append(self._starts[1:], self._ends[-1])
        self.end = int(self._ends[-1])

    def plausible(self, places: Places) -> NDArray[np.bool_]:
        """Say where a string may begin that is not long."""
        lengths = self._stream.shorts[places]
        found: NDArray[np.bool_] = (lengths > 0) & (lengths < _LONGEST_GUESS)
        found &= (self._stream.bytes[places + 2] & ~np.uint8(_FLAGS)) == 0
        return found

    def following(self, places: Places) -> Places:
        """Return where the strings begin that follow those at places."""
        _, ends, segments = self._extents(places)
        last = self._ends[segments]
        following = np.where(ends == last, self._next[segments], ends)
        for place in np.flatnonzero(ends > last).tolist():
            following[place] = self.after(int(places[place]))
        return following

    def after(self, place: int) -> int:
        """Return where the string begins that follows one."""
        try:
            return self._read(place)[1]
        except UnsureError:
            return _BEYOND

    def texts(self, places: Places) -> pa.LargeStringArray:
        """Return the strings at places."""
        starts, ends, segments = self._extents(places)
        flags = self._stream.bytes[places + 2]
        if (flags & ~np.uint8(_FLAGS)).any():
            raise UnsureError("a shared string has flags that none has")
        torn = ends > self._ends[segments]
        wide = (flags & _WIDE).astype(np.bool_) & ~torn
        narrow = ~(wide | torn)
        lengths = self._stream.shorts[places].astype(np.int64)
        parts = [
            texts_at(self._stream, starts[wide], lengths[wide], strict=True),
            latin_texts_at(self._stream, starts[narrow], lengths[narrow]),
            pa.array([self._read(place)[0] for place in places[torn].tolist()], pa.large_string()),
        ]
        order = np.empty(len(places), np.int64)
        order[np.concatenate([np.flatnonzero(part) for part in (wide, narrow, torn)])] = np.arange(len(places))
        return pa.concat_arrays(parts).take(pa.array(order))

    def _extents(self, places: Places) -> tuple[Places, Places, Places]:
        """Return where the texts begin, where the strings end if they are not torn, and in which segments they are."""
        flags = self._stream.bytes[places + 2]
        lengths = self._stream.shorts[places].astype(np.int64) << (flags & _WIDE)
        starts = places + 3
        ends = starts + lengths
        other = np.flatnonzero(flags > _WIDE)
        if len(other):
            rich = (flags[other] & _RICH) != 0
            phonetic = (flags[other] & _PHONETIC) != 0
            runs = np.where(rich, self._stream.shorts[starts[other]], 0)
            starts[other] += 2 * rich
            behind = np.where(phonetic, self._stream.integers[starts[other]].astype(np.int64), 0)
            starts[other] += 4 * phonetic
            ends[other] = starts[other] + lengths[other] + 4 * runs.astype(np.int64) + behind
        return starts, ends, np.searchsorted(self._starts, places, side="right") - 1

    def _read(self, place: int) -> tuple[str, int]:
        """Return one string and where the next one begins, [MS-XLS] 2.5.293: each segment says anew how wide it is.

        Raises:
            UnsureError: it is cut, or torn where none should be.

        """
        segment = int(np.searchsorted(self._starts, place, side="right")) - 1
        content, end = self._stream.content, int(self._ends[segment])
        length, flags = int.from_bytes(content[place : place + 2], "little"), content[place + 2]
        place += 3
        runs = int.from_bytes(content[place : place + 2], "little") if flags & _RICH else 0
        place += 2 if flags & _RICH else 0
        behind = int.from_bytes(content[place : place + 4], "little") if flags & _PHONETIC else 0
        place += 4 if flags & _PHONETIC else 0
        if place > end:
            raise UnsureError("the head of a shared string is torn")
        pieces = []
        while True:
            wide = flags & _WIDE
            count = min(length, (end - place) >> wide)
            piece = content[place : place + (count << wide)]
            # The two halves of a character may be in two segments.
            pieces.append(piece if wide else piece.decode("latin-1").encode("utf-16-le"))
            place += count << wide
            length -= count
            if not length:
                break
            segment, place, end = self._turn(segment)
            flags = content[place]
            place += 1
        for _ in range(runs):
            if place == end:
                segment, place, end = self._turn(segment)
            place += 4
            if place > end:
                raise UnsureError("a run of a shared string is torn")
        place += behind
        if place >= end:
            over = place - end
            if segment + 1 == len(self._starts):
                return _decoded(b"".join(pieces)), place
            segment, place, end = self._turn(segment)
            place += over
            if place > end:
                raise UnsureError("what follows a shared string is torn twice")
        return _decoded(b"".join(pieces)), place

    def _turn(self, segment: int) -> tuple[int, int, int]:
        segment += 1
        if segment == len(self._starts) or self._starts[segment] == self._ends[segment]:
            raise UnsureError("a shared string is cut")
        return segment, int(self._starts[segment]), int(self._ends[segment])


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise UnsureError("a shared string is no text") from error
