"""Work on whole columns, shared by two threads: Arrow's functions release the interpreter while they run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")

THREADS: Final = 2
"""One parse has a core of its own, and the second one while nobody else needs it."""
WORTH_ROWS: Final = 5_000
"""Below this, threads cost more than they save."""


def each(function: Callable[[T], R], parts: Iterable[T], rows: int) -> list[R]:
    """Return the function's results for parts of a table of so many rows, in their order; the first error is raised."""
    if rows < WORTH_ROWS:
        return list(map(function, parts))
    with ThreadPoolExecutor(THREADS, thread_name_prefix="columns") as pool:
        return list(pool.map(function, parts))
