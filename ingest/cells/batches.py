"""Columns that are treated alike are worked on as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

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
