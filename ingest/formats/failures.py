"""Whatever a reader did not foresee, as a refusal with its place: no exception of a reader leaves the readers."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import ERROR_SHOWN, FileRejectedError, is_of_the_machine, lacks_a_thread, rejected, told
from ..messages import say, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def refused(sheet: str | None = None, row: Callable[[], int | None] | None = None) -> Iterator[None]:
    """Refuse the file for any exception within but what the machine lacks; add sheet and row to a refusal without.

    `row` says which 1-based row was being read.

    Raises:
        FileRejectedError: the reader's own, or `file.unreadable`.

    """
    try:
        yield
    except FileRejectedError as error:
        place = None if row is None else row()
        found = error.record
        raise FileRejectedError(replace(found, sheet=found.sheet or sheet, row=found.row or place)) from error
    except Exception as error:
        if is_of_the_machine(error):
            raise
        if lacks_a_thread(error):
            raise OSError(errno.EAGAIN, told(error)) from error
        place = None if row is None else row()
        said = f"{type(error).__name__} {error}"
        message = (
            say("the reader failed: {error}", error=said)
            if place is None
            else say("the reader failed, near row {row}: {error}", row=place, error=said)
        )
        record = rejected("file.unreadable", within(message, ERROR_SHOWN), sheet=sheet).record
        raise FileRejectedError(replace(record, row=place)) from error
