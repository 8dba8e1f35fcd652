"""Work that two threads share: the functions of Arrow and NumPy release the interpreter while they run."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")

_MOST_THREADS: Final = 2
"""One parse has a core of its own, and a second one while nobody else needs it."""
WORTH_CELLS: Final = 100_000
"""Below this, threads cost more than they save."""


_allowed: Final = ContextVar("allowed threads", default=_MOST_THREADS)


def allow_threads(most: int) -> None:
    """Say how many threads the parses that follow may use: more than there are free cores only take from another."""
    _allowed.set(max(1, min(most, _MOST_THREADS)))


def threads() -> int:
    """Return how many threads a parse should use."""
    return _allowed.get()


def is_shared(cells: int) -> bool:
    """Say whether several threads work on so many cells."""
    return cells >= WORTH_CELLS and threads() > 1


def each(function: Callable[[T], R], parts: Iterable[T], cells: int) -> list[R]:
    """Return the function's results for parts of so many cells, in their order; the first error is raised."""
    if not is_shared(cells):
        return list(map(function, parts))
    with ThreadPoolExecutor(threads(), thread_name_prefix="columns") as pool:
        return list(pool.map(function, parts))


def ahead(function: Callable[[T], R], parts: Iterable[T]) -> Iterator[R]:
    """Yield the function's results for parts that come one by one, in order; a few are worked on meanwhile.

    A single part needs no threads, and each next one is asked for by the caller's own.
    """
    if threads() == 1:
        yield from map(function, parts)
        return
    parts = iter(parts)
    first, second = list(islice(parts, 1)), list(islice(parts, 1))
    if not second:
        yield from map(function, first)
        return
    with ThreadPoolExecutor(threads(), thread_name_prefix="ahead") as pool:
        waiting: deque[Future[R]] = deque()
        for part in chain(first, second, parts):
            waiting.append(pool.submit(function, part))
            if len(waiting) > threads():
                yield waiting.popleft().result()
        yield from (each.result() for each in waiting)


@contextmanager
def beside(function: Callable[[], R]) -> Iterator[Callable[[], R]]:
    """Run a function while the caller goes on with other work; what is given waits for its result, or raises its error.

    Where there is no second core, it is run before.
    """
    if threads() == 1:
        result = function()
        del function  # and what it was given: the caller's work goes on for longer
        yield lambda: result
        return
    with ThreadPoolExecutor(1, thread_name_prefix="beside") as pool:
        begun = [pool.submit(function)]
        del function

        def finished() -> R:
            return begun[0].result()

        try:
            yield finished
        finally:
            # An error leads to the frames that it went through, and the caller's leads here: that were a circle.
            begun.clear()
