"""The numbers of a metric that events change: written by the main loop, read by the exporter's thread."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .definitions import Definition

LabelValues = tuple[str, ...]


class MetricValues:
    """Numbers by label values, in the order of the definition's labels; those that are known are there at 0."""

    def __init__(self, definition: Definition) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[LabelValues, float] = dict.fromkeys(known_series(definition), 0.0)

    def prepare(self, *values: str) -> None:
        """Make a series, at 0 unless it is there."""
        with self._lock:
            self._numbers.setdefault(values, 0.0)

    def prepare_first(self, *values: str) -> None:
        """Make a series, at 0, unless one is there that differs in the last label alone."""
        with self._lock:
            if not any(known[:-1] == values[:-1] for known in self._numbers):
                self._numbers[values] = 0.0

    def add(self, amount: float, *values: str) -> None:
        """Count."""
        with self._lock:
            self._numbers[values] = self._numbers.get(values, 0.0) + amount

    def add_all(self, amounts: Mapping[str, float], *before: str) -> None:
        """Count under several values of the last label at once: nobody sees some of them without the others."""
        with self._lock:
            for last, amount in amounts.items():
                values = (*before, last)
                self._numbers[values] = self._numbers.get(values, 0.0) + amount

    def set(self, number: float, *values: str) -> None:
        """Put a number in the place of the one before."""
        with self._lock:
            self._numbers[values] = number

    def replace(self, number: float, *values: str) -> None:
        """Put a series in the place of those with other values of the last label."""
        with self._lock:
            self._numbers = {known: kept for known, kept in self._numbers.items() if known[:-1] != values[:-1]}
            self._numbers[values] = number

    def drop(self, first: str) -> None:
        """Take the series away whose first label has this value."""
        with self._lock:
            self._numbers = {known: kept for known, kept in self._numbers.items() if known[0] != first}

    def snapshot(self) -> dict[LabelValues, float]:
        """Return the numbers as they are now."""
        with self._lock:
            return dict(self._numbers)


def known_series(definition: Definition) -> list[LabelValues]:
    """Return every combination of label values, none where the configuration decides about one of them."""
    known = [values for values in definition.labels.values() if not isinstance(values, str)]
    return list(itertools.product(*known)) if len(known) == len(definition.labels) else []
