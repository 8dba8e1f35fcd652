"""An exception that nobody foresaw in the values of a table: owns which row of it is to blame, and how it is told."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ..errors import ERROR_SHOWN, FileRejectedError, rejected
from ..messages import say, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Rows = NDArray[np.int64]

NOT_THE_VALUES: Final = (FileRejectedError, AssertionError, MemoryError, OSError)
"""What is told by itself, a law of ours that does not hold, and what the machine lacks: no value is to blame."""


def failing_row(rows: int, work: Callable[[Rows], object]) -> int | None:
    """Return the first of the rows that fails alone, by halving them; None if it takes several, or none fails again.

    `work` does with some of the rows (0-based, in order) what failed with all of them.
    """
    left = np.arange(rows)
    while len(left) > 1:
        middle = len(left) // 2
        failing = next((half for half in (left[:middle], left[middle:]) if _fails(work, half)), None)
        if failing is None:
            return None
        left = failing
    return int(left[0]) if len(left) else None


def _fails(work: Callable[[Rows], object], rows: Rows) -> bool:
    try:
        work(rows)
    except (Exception, SystemExit, KeyboardInterrupt):  # noqa: BLE001  # any failure tells that it lies in these rows
        return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the value is that was to blame, as far as there is one: a field, a sheet, a 1-based row of it."""

    field: str | None = None
    sheet: str | None = None
    row: int | None = None


@contextmanager
def values_refused(place: Callable[[], Place] = Place) -> Iterator[None]:
    """Refuse the file for any exception within that its values may be to blame for.

    `place` finds out which; it is asked after a failure only.

    Raises:
        FileRejectedError: one that was raised within, or `file.unreadable`.

    """
    try:
        yield
    except NOT_THE_VALUES:
        raise
    except Exception as error:
        at = place()
        where = say("field {name}", name=at.field) if at.field else say("the table")
        if at.row:
            where = say("{where} in row {row}", where=where, row=at.row)
        message = say("working on {where} failed: {error}", where=where, error=f"{type(error).__name__} {error}")
        record = rejected("file.unreadable", within(message, ERROR_SHOWN), sheet=at.sheet).record
        raise FileRejectedError(replace(record, field=at.field, row=at.row)) from error
