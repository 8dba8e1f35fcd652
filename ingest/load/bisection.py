"""Which rows of many a statement fails of: halves them under savepoints until each bad one stands alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from .savepoints import savepoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


class TooManyError(Exception):
    """More rows are refused than the file may have: the search is over."""


async def each_part(
    connection: AsyncConnection,
    first: int,
    last: int,
    write: Callable[[int, int], Awaitable[T]],
    *,
    at_fault: Callable[[BaseException], bool],
    refuse: Callable[[int, BaseException], Awaitable[None]],
) -> list[T]:
    """Write the rows of the lines `first` to `last` in as few parts as go, and return what `write` returned of each.

    A row that alone makes `write` fail is handed to `refuse`; errors that are not `at_fault` of a row are raised.

    Raises:
        TooManyError: by `refuse`.

    """
    done: list[T] = []
    waiting = [(first, last)]
    while waiting:
        start, stop = waiting.pop()
        error = await _tried(connection, partial(write, start, stop), done, at_fault)
        if error is not None and start == stop:
            await refuse(start, error)
        elif error is not None:
            waiting += halves(start, stop)
    return done


async def each_suspect(
    connection: AsyncConnection,
    last: int,
    write: Callable[[int, int], Awaitable[T]],
    *,
    at_fault: Callable[[BaseException], bool],
    refuse: Callable[[int, BaseException], Awaitable[None]],
) -> list[T]:
    """Do what `each_part` does with the places 1 to `last` of rows that may all be good, and are mostly bad if not.

    All are tried at once; after a failure one alone, and twice as many after each that went well. Where all are bad
    that is one write a row, half of what halving takes.

    Raises:
        TooManyError: by `refuse`.

    """
    done: list[T] = []
    first, size = 1, last
    while first <= last:
        stop = min(first + size - 1, last)
        error = await _tried(connection, partial(write, first, stop), done, at_fault)
        if error is None:
            first, size = stop + 1, size * 2
            continue
        if first == stop:
            await refuse(first, error)
            first += 1
        size = 1
    return done


async def _tried(
    connection: AsyncConnection,
    write: Callable[[], Awaitable[T]],
    done: list[T],
    at_fault: Callable[[BaseException], bool],
) -> Exception | None:
    """Write under a savepoint and add to `done`, or return the error that is a row's; others are raised."""
    try:
        async with savepoint(connection):
            done.append(await write())
    except Exception as error:  # raised again unless a row is to blame
        if not at_fault(error):
            raise
        return error
    return None


def halves(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield the second and the first half of a range of lines."""
    middle = (start + stop) // 2
    yield middle + 1, stop
    yield start, middle
