"""The first rows of a file as they stand in the table once they are loaded: owns what a check shows, keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy.exc import DBAPIError

from .loaded import Sample
from .merge import LINE
from .savepoints import savepoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .loaded import Spooled
    from .merge import Merge

T = TypeVar("T")

SHOWN_CHARACTERS: Final = 200
"""Of each value; a table may hold texts of any length."""


async def sampled(
    connection: AsyncConnection, merge: Merge, spooled: Spooled, write: Callable[[], Awaitable[T]]
) -> tuple[T, Sample | None]:
    """Write staged rows and return what that came to, with the first of them as they stand in the table then.

    None where no rows are asked for, or where this role may not read them. Rows with a key are found by it; others are
    written once before, one by one, and what the database made of each is taken back.
    """
    if not spooled.sampled:
        return await write(), None
    written = None if merge.key else await _tried(connection, merge, spooled.sampled)
    done = await write()
    return done, await _found(connection, merge, spooled.sampled) if merge.key else written


async def see_deferred(connection: AsyncConnection) -> None:
    """Have constraints looked at that would wait for the COMMIT, where there are such (PostgreSQL).

    Raises:
        sqlalchemy.exc.IntegrityError: one does not hold.

    """
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")


async def _tried(connection: AsyncConnection, merge: Merge, limit: int) -> Sample:
    lines = await connection.exec_driver_sql(f"SELECT s.{LINE} FROM {merge.stage} s ORDER BY s.{LINE} LIMIT {limit}")
    rows: list[tuple[str | None, ...]] = []
    async with savepoint(connection) as begun:
        for line in list(lines.scalars()):
            statement = (
                f"{merge.insert(f'{merge.stage} s WHERE s.{LINE} = {line}')} RETURNING {_texts(connection, merge)}"
            )
            rows += await _rows(connection, statement) or ()
        await begun.rollback()
    return Sample(columns=tuple(merge.names), rows=tuple(rows))


async def _found(connection: AsyncConnection, merge: Merge, limit: int) -> Sample | None:
    texts, first = _texts(connection, merge, "t."), f"(SELECT * FROM {merge.stage} ORDER BY {LINE} LIMIT {limit}) s"
    there = merge.rows_with(merge.names)
    rows = await _rows(connection, f"SELECT {texts} FROM {first} JOIN {there} ON {merge.same_key} ORDER BY s.{LINE}")
    return None if rows is None else Sample(columns=tuple(merge.names), rows=rows)


async def _rows(connection: AsyncConnection, statement: str) -> tuple[tuple[str | None, ...], ...] | None:
    """Return what a statement finds; None if the database refuses it, which a check may not fail of."""
    try:
        async with savepoint(connection):
            return tuple(tuple(row) for row in await connection.exec_driver_sql(statement))
    except DBAPIError:
        return None


def _texts(connection: AsyncConnection, merge: Merge, row: str = "") -> str:
    """Return the columns of the table as short texts."""
    if connection.dialect.name == "sqlite":
        shown = "substr(CASE typeof({0}) WHEN 'blob' THEN hex({0}) ELSE CAST({0} AS TEXT) END, 1, {1})"
    else:
        shown = "left({0}::text, {1})"
    return ", ".join(shown.format(f"{row}{name}", SHOWN_CHARACTERS) for name in merge.names.values())
