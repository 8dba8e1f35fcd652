"""Refused rows that only wait for others of their file: which they may be, and how they are written after all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ..messages import say
from .loaded import Merged
from .savepoints import savepoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .merge import Merge
    from .refusals import Refusal, Refusals

TRIES_MAX: Final = 5_000
"""How many times refused rows are tried again in all: what one waits for may stand further down, or wait itself."""


async def written_later(
    connection: AsyncConnection,
    refusals: Refusals,
    write: Callable[[int], Awaitable[Merged]],
    *,
    at_fault: Callable[[BaseException], bool],
) -> list[Merged]:
    """Write the refused rows that can be written by now, and take their refusals back; return what that did.

    From the last row on every other time: where each waits for the one below it, all can be written so.

    Raises:
        TooManyError: more rows stay refused than the dataset tolerates.

    """
    done: list[Merged] = []
    tries, order = 0, 1
    while tries < TRIES_MAX:
        before = len(done)
        tries += len(refusals.lines)
        for line in refusals.lines[::order]:
            try:
                async with savepoint(connection):
                    merged = await write(line)
            except Exception as error:  # raised again unless the row is to blame
                if not at_fault(error):
                    raise
                continue
            if merged != Merged():
                refusals.forgive(line)
                done.append(merged)
        if len(done) == before:
            break
        order = -order
    refusals.settle()
    return done


async def may_wait(
    connection: AsyncConnection, dataset: Dataset, merge: Merge, line: int, refusal: Refusal, refusals: Refusals
) -> Refusal | None:
    """Return the refusal of a row that may only wait for others of the file; None if it does not, or is one too many.

    It does if its parent comes with the file, or if a value of it is that of a row which the file gives another one.
    What is in the way of an exclusion constraint (times that overlap) is not looked for: only writing tells.
    """
    if not refusals.may_ask():
        return None
    if refusal.code == "row.db_foreign_key":
        return refusal if any(key.own for key in merge.target.facts.foreign_keys) else None
    if refusal.excluded:
        return refusal if merge.writes_over(dataset) else None
    names = [name for name in refusal.fields if name in merge.staged]
    if refusal.code != "row.db_unique" or not merge.writes_over(dataset) or not names:
        return None
    if not (await connection.exec_driver_sql(merge.held_by_another(line, names))).scalar_one():
        return None
    hint = (
        say(
            "rows of the file exchange this value, which the database takes only one by one: make the unique "
            "constraint DEFERRABLE, or load first a file that gives one of the rows another value"
        )
        if merge.dialect == "postgresql"
        else say(
            "rows of the file exchange this value, which the database takes only one by one: load first a file that "
            "gives one of the rows another value"
        )
    )
    return replace(refusal, hint=hint)
