"""The key of a table that a load has made: built once, over all of its rows, instead of with each of them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from .facts import quoted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .facts import IndexFacts
    from .target import Target


@contextlib.asynccontextmanager
async def key_built_last(connection: AsyncConnection, target: Target) -> AsyncIterator[None]:
    """Fill a table inside, and have its primary key built at the end if this transaction has made the table.

    PostgreSQL advises so (https://www.postgresql.org/docs/current/populate.html#POPULATE-RM-INDEXES): of 50,000 rows by
    a key of 18 digits the index costs half of the COPY otherwise. Others' tables keep their indexes: taking one away
    locks everybody out.

    Raises:
        sqlalchemy.exc.DBAPIError: the rows are not unique by the key.

    """
    index = _primary_key(target) if target.made else None
    if index is None or not await _is_taken_away(connection, target, index):
        yield
        return
    yield
    columns = ", ".join(quoted(column) for column in index.columns if column is not None)
    await connection.exec_driver_sql(
        f"ALTER TABLE {target.quoted} ADD CONSTRAINT {quoted(index.name)} PRIMARY KEY ({columns})"
    )


def _primary_key(target: Target) -> IndexFacts | None:
    """Return the key that the table was made with; None if it has none, or if somebody has added to the table.

    What an event trigger of the application has made of it may want the key.
    """
    facts = target.facts
    alone = len(facts.unique) == 1 and not (facts.triggers or facts.referrers)
    return facts.unique[0] if alone else None


async def _is_taken_away(connection: AsyncConnection, target: Target, index: IndexFacts) -> bool:
    try:
        async with connection.begin_nested():
            await connection.exec_driver_sql(f"ALTER TABLE {target.quoted} DROP CONSTRAINT {quoted(index.name)}")
    except DBAPIError:
        # An event trigger may have given the table to another role, or refuse changes: then the key stays.
        return False
    return True
