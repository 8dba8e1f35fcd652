"""The records of an xls workbook's stream: their kinds, and where their data are; knows no cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ..binary.chain import find_records
from ..unsure import UnsureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..binary.stream import Stream

    Places = NDArray[np.int64]

SPAN_BYTES: Final = 2 << 20
"""So much of a sheet is looked at at once."""
HEAD: Final = 4
"""Bytes before the data of a record: its kind and its size."""

# Kinds of records, [MS-XLS] 2.3.
FORMULA, EOF, CONTINUE, BOF = 0x06, 0x0A, 0x3C, 0x0809
LABEL_SST, MULTIPLE_RK, MULTIPLE_BLANK, RICH_STRING = 0xFD, 0xBD, 0xBE, 0xD6
DIMENSIONS, BLANK, NUMBER, LABEL, BOOLEAN_OR_ERROR = 0x200, 0x201, 0x203, 0x204, 0x205
STRING, ROW, RK, MERGED = 0x207, 0x208, 0x27E, 0xE5
_WORKSHEET: Final = 0x10
SHARED_FORMULA, ARRAY, TABLE = 0x4BC, 0x221, 0x236

OLDER: Final = (RICH_STRING, 0x206, 0x406, 0x09, 0x209, 0x409)
"""What only older workbooks have: texts with their formats, formulas, and begins of parts."""
VALUES: Final = (NUMBER, RK, LABEL_SST, LABEL, BOOLEAN_OR_ERROR, MULTIPLE_RK, FORMULA)
_SIZES: Final = {
    NUMBER: (14, 14),
    RK: (10, 10),
    LABEL_SST: (10, 10),
    BOOLEAN_OR_ERROR: (8, 8),
    BLANK: (6, 6),
    ROW: (16, 16),
    LABEL: (8, 600),
    STRING: (3, 600),
    FORMULA: (22, 600),
    MULTIPLE_RK: (18, 1600),
    MULTIPLE_BLANK: (8, 600),
}
"""The sizes that frequent records have."""


class Records(NamedTuple):
    """Records in their order: their kinds, the places of their data, and the sizes of these."""

    kinds: Places
    starts: Places
    sizes: Places

    def at(self, index: Places | slice) -> Records:
        """Return some of them."""
        return Records(*(part[index] for part in self))


class XlsLayout:
    """How the records of the stream follow each other, [MS-XLS] 2.1.4: a kind, a size, the data."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.end = stream.end

    def plausible(self, places: Places) -> NDArray[np.bool_]:
        """Say where a record of a cell may begin."""
        kinds, sizes = self._stream.shorts[places], self._stream.shorts[places + 2]
        found: NDArray[np.bool_] = (sizes >= _LEAST[kinds]) & (sizes <= _MOST[kinds])
        return found

    def following(self, places: Places) -> Places:
        """Return where records end."""
        return places + HEAD + self._stream.shorts[places + 2]

    def after(self, place: int) -> int:
        """Return where one record ends."""
        return place + HEAD + int(self._stream.shorts[place + 2])

    def sheet(self, place: int) -> Iterator[Records]:
        """Yield the records of the sheet whose first one is at a place, in spans that hold whole rows, as a rule.

        Those of charts within it, and the last one, are left out.

        Raises:
            UnsureError: it does not begin or end as a sheet does.

        """
        if not 0 <= place < self.end or tuple(self._stream.shorts[[place, place + HEAD + 2]]) != (BOF, _WORKSHEET):
            raise UnsureError("a sheet does not begin where the list of sheets says")
        place, within = self.after(place), False
        while place < self.end:
            places, following = find_records(self, place, min(place + SPAN_BYTES, self.end))
            cut = self._cut(places)
            if following < self.end and cut is not None:
                places, following = places[:cut], int(places[cut])
            keep, within, ended = _own(self._stream.shorts[places], within=within)
            if not ended and following > self.end:
                break
            places = places[keep]
            shorts = self._stream.shorts
            yield Records(shorts[places].astype(np.int64), places + HEAD, shorts[places + 2].astype(np.int64))
            if ended:
                return
            place = following
        raise UnsureError("the end of a sheet is missing")

    def _cut(self, places: Places) -> int | None:
        """Return which record is the first of the last row, if there are several rows."""
        cells = np.flatnonzero(_IS_CELL[self._stream.shorts[places]])
        rows = self._stream.shorts[places[cells] + HEAD]
        changes = np.flatnonzero(rows[1:] != rows[:-1])
        return int(cells[changes[-1] + 1]) if len(changes) else None


def _own(kinds: NDArray[np.uint16], *, within: bool) -> tuple[NDArray[np.bool_], bool, bool]:
    """Return which records are the sheet's own, whether the last one is within a chart, and whether the sheet ended."""
    keep, start = np.ones(len(kinds), np.bool_), 0
    for place in np.flatnonzero((kinds == BOF) | (kinds == EOF)).tolist():
        if kinds[place] == BOF:
            start, within = (start if within else place), True
        elif within:
            keep[start : place + 1] = False
            within = False
        else:
            keep[place:] = False
            return keep, False, True
    if within:
        keep[start:] = False
    return keep, within, False


def _limits(place: int, missing: int) -> NDArray[np.uint16]:
    found = np.full(0x10000, missing, np.uint16)
    for kind, sizes in _SIZES.items():
        found[kind] = sizes[place]
    return found


_LEAST: Final = _limits(0, 0xFFFF)
_MOST: Final = _limits(1, 0)
_IS_CELL: Final = np.isin(np.arange(0x10000), (*VALUES, BLANK, MULTIPLE_BLANK))
