"""The key of a table that a load has made: built once, over all rows of a COPY, instead of with each of them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from .facts import quoted
from .loaded import OtherWayError, Way
from .refusals import driver_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .target import Target

NO_RESOURCES: Final = "53"
"""The class of SQLSTATE that says that the server lacks something: to sort the keys it may need temporary files."""
_KEY: Final = """
SELECT k.conname AS name, pg_get_constraintdef(k.oid) AS definition
FROM pg_constraint k JOIN pg_index i ON i.indexrelid = k.conindid
WHERE k.conrelid = to_regclass($1) AND k.contype = 'p' AND NOT i.indisreplident AND NOT i.indisclustered
    AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = k.conrelid)
"""
"""The primary key of a table, unless something may want it before all rows are there, or would not find it again.

Nothing does in a table that was made a moment ago, but for what event triggers of the application make of it.
"""


@contextlib.asynccontextmanager
async def key_built_last(connection: AsyncConnection, target: Target, way: Way) -> AsyncIterator[None]:
    """Fill a table inside; if this transaction has made it, have its primary key built at the end of a STRAIGHT way.

    PostgreSQL advises so (https://www.postgresql.org/docs/current/populate.html#POPULATE-RM-INDEXES): of 50,000 rows by
    a key of 18 digits the index costs half of the COPY otherwise. Others' tables keep their indexes: taking one away
    locks everybody out.

    Raises:
        OtherWayError: the server lacks what it needs to build the key.
        sqlalchemy.exc.DBAPIError: the rows are not unique by the key.

    """
    key = await _taken_away(connection, target) if target.made and way is Way.STRAIGHT else None
    yield
    if key is None:
        return
    name, definition = key
    try:
        await connection.exec_driver_sql(f"ALTER TABLE {target.quoted} ADD CONSTRAINT {quoted(name)} {definition}")
    except DBAPIError as error:
        if str(getattr(driver_error(error), "sqlstate", "")).startswith(NO_RESOURCES):
            raise OtherWayError(Way.STRAIGHT_BY_KEY) from error
        raise


async def _taken_away(connection: AsyncConnection, target: Target) -> tuple[str, str] | None:
    """Take the primary key away and return its name and its definition; None if it stays or there is none."""
    key = (await connection.exec_driver_sql(_KEY, (target.quoted,))).one_or_none()
    if key is None:
        return None
    try:
        async with connection.begin_nested():
            await connection.exec_driver_sql(f"ALTER TABLE {target.quoted} DROP CONSTRAINT {quoted(key.name)}")
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        # An event trigger may have given the table to another role, or refuse changes.
        return None
    return key.name, key.definition
