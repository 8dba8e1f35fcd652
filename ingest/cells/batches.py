"""Columns that are treated alike are worked on as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

CELLS_AT_ONCE: Final = 40_000
"""Laying more below each other costs more than it saves; fewer, and most of the time goes into calls."""


def alike(kinds: Iterable[Hashable], rows: int) -> list[list[int]]:
    """Return the places of columns of so many rows that are worked on as one, by kind: each by itself if it is long."""
    most = max(1, CELLS_AT_ONCE // max(1, rows))
    groups: dict[Hashable, list[int]] = {}
    for place, kind in enumerate(kinds):
        groups.setdefault(kind, []).append(place)
    return [group[start : start + most] for group in groups.values() for start in range(0, len(group), most)]
