"""Where the records of a stream begin: owns the walk from each to the next one; knows no formats and no cells.

Only the record before says where one begins, so a walk is a loop. It is one of a few steps, though, if many walkers
set out at once, each from a place that looks like the beginning of a record, until it comes to where the next one set
out. The first walker is right; another one is right if the one before it arrives exactly where it began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.int64]

_WINDOW: Final = 1024
"""Bytes between two walkers: more walkers cost more guesses, longer ways more steps."""
_LOOKED_AT: Final = 64
"""Bytes in which a record is looked for that may be the first of its way."""
_IN_A_ROW: Final = 5
"""So many records must look like such behind that one; the walker sets out from the last of them."""
_FEW: Final = 8
"""So many walkers are faster one after the other than together."""
_ONE_BY_ONE: Final = 16 * _WINDOW
"""A stretch of fewer bytes is not worth many walkers."""


class Layout(Protocol):
    """How records follow each other in a stream of `end` bytes; any byte behind them may be read."""

    @property
    def end(self) -> int:
        """The place behind the last byte."""

    def plausible(self, places: Places) -> NDArray[np.bool_]:
        """Say where a record of a kind that is frequent may begin; a guess."""

    def following(self, places: Places) -> Places:
        """Return where the records end that begin at places within the stream; it may be behind `end`."""

    def after(self, place: int) -> int:
        """Return where one record ends."""


def find_records(layout: Layout, first: int, stop: int) -> tuple[Places, int]:
    """Return where all records begin from one at `first` on, up to `stop`; and where the last of them ends."""
    if stop - first < _ONE_BY_ONE:
        return _one_by_one(layout, first, stop)
    starts = _guessed(layout, first, stop)
    walked, bounds, ends = _walked(layout, starts, np.append(starts[1:], stop))
    wrong = np.flatnonzero(ends[:-1] != starts[1:])
    if not len(wrong):
        return walked, int(ends[-1])
    parts, lane = [], 0
    while True:
        here = int(np.searchsorted(wrong, lane))
        last = int(wrong[here]) if here < len(wrong) else len(starts) - 1
        parts.append(walked[bounds[lane] : bounds[last + 1]])
        place = int(ends[last])
        lane = int(np.searchsorted(starts, place))
        while place < stop and (lane == len(starts) or starts[lane] != place):
            # Nobody set out from here: on alone to where the next one did.
            alone, place = _one_by_one(layout, place, int(starts[lane]) if lane < len(starts) else stop)
            parts.append(alone)
            lane = int(np.searchsorted(starts, place))
        if place >= stop:
            return np.concatenate(parts), place


def _one_by_one(layout: Layout, place: int, stop: int) -> tuple[Places, int]:
    places = []
    while place < stop:
        places.append(place)
        place = layout.after(place)
    return np.array(places, np.int64), place


def _guessed(layout: Layout, first: int, stop: int) -> Places:
    """Return `first`, and of each window a place where a record is likely to begin.

    It is the last of some that follow each other: ways that begin within a record soon come to the right one.
    """
    windows = np.arange(first + _WINDOW, stop - _LOOKED_AT, _WINDOW)
    places = (windows[:, np.newaxis] + np.arange(_LOOKED_AT)).ravel()
    places = places[layout.plausible(places)]
    number = (places - first) // _WINDOW
    for _ in range(_IN_A_ROW):
        places = np.minimum(layout.following(places), layout.end)
        good = layout.plausible(places)
        places, number = places[good], number[good]
    _, earliest = np.unique(number, return_index=True)
    places = np.unique(places[earliest])
    return np.append(np.int64(first), places[places < stop])


def _walked(layout: Layout, starts: Places, limits: Places) -> tuple[Places, Places, Places]:
    """Return where each walker has been, one after the other; the bounds of each; its first place beyond its limit."""
    ends = starts.copy()
    walkers = np.arange(len(starts))
    counts = np.zeros(len(starts), np.int64)
    steps: list[tuple[Places, Places]] = []
    while len(walkers) > _FEW:
        places = ends[walkers]
        steps.append((walkers, places))
        counts[walkers] = len(steps)
        places = layout.following(places)
        ends[walkers] = places
        walkers = walkers[places < limits[walkers]]
    tails: list[tuple[int, Places]] = []
    for walker in walkers.tolist():
        alone, ends[walker] = _one_by_one(layout, int(ends[walker]), int(limits[walker]))
        tails.append((walker, alone))
        counts[walker] = len(steps) + len(alone)
    bounds = np.append(np.int64(0), np.cumsum(counts))
    walked = np.empty(bounds[-1], np.int64)
    for step, (walkers, places) in enumerate(steps):
        walked[bounds[walkers] + step] = places
    for walker, alone in tails:
        walked[bounds[walker] + len(steps) : bounds[walker + 1]] = alone
    return walked, bounds, ends
