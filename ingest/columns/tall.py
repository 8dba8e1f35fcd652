"""Columns of a small table worked on as one: a call into a library costs more than its hundred cells."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from .converted import Converted, Fault

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

SMALL_ROWS: Final = 2_000
"""From here on laying columns below each other costs more than it saves."""


def alike(kinds: Iterable[Hashable], rows: int) -> list[list[int]]:
    """Return the places of columns that may be worked on as one, by kind; of a large table each by itself."""
    if rows > SMALL_ROWS:
        return [[place] for place, _ in enumerate(kinds)]
    groups: dict[Hashable, list[int]] = {}
    for place, kind in enumerate(kinds):
        groups.setdefault(kind, []).append(place)
    return list(groups.values())


def taken_apart(converted: Converted, columns: int) -> Iterator[Converted]:
    """Yield what was found of each of the columns that lay below each other."""
    rows = len(converted.values) // columns
    bounds = np.arange(columns + 1) * rows
    places = [np.searchsorted(found.index, bounds).tolist() for found in converted.faults]
    for column, (start, stop) in enumerate(pairwise(bounds.tolist())):
        faults = tuple(
            Fault(
                code=found.code,
                index=found.index[cuts[column] : cuts[column + 1]] - start,
                message=found.message,
                expected=found.expected,
            )
            for found, cuts in zip(converted.faults, places, strict=True)
            if cuts[column] < cuts[column + 1]
        )
        yield Converted(values=converted.values[start:stop], faults=faults)
