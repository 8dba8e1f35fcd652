"""Cumulative histograms as plain numbers: parts observe into them, metrics render them, neither knows the other."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramSnapshot:
    """What was observed until now. `counts[i]` is how many values were <= `bounds[i]`, cumulated; the last is all."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


class Histogram:
    """Counts of observed values by upper bound, safe to observe and to read from any thread."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, value: float) -> None:
        """Count one value in the unit of the bounds."""
        index = bisect_left(self._bounds, value)
        with self._lock:
            self._counts[index] += 1
            self._sum += value

    def snapshot(self) -> HistogramSnapshot:
        """Return the cumulated counts; `len(counts) == len(bounds) + 1`, the last for +Inf."""
        with self._lock:
            counts, total = tuple(self._counts), self._sum
        cumulated: list[int] = []
        running = 0
        for count in counts:
            running += count
            cumulated.append(running)
        return HistogramSnapshot(bounds=self._bounds, counts=tuple(cumulated), sum=total)
