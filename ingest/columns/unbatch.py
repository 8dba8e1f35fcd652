"""Columns that were worked on as one, for a call into a library costs more than the cells of a short one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .converted import Converted, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator


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
