"""Savepoints of a load: owns that what went wrong within one is not lost where the savepoint itself has gone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction


@contextlib.asynccontextmanager
async def savepoint(connection: AsyncConnection) -> AsyncIterator[AsyncTransaction]:
    """Begin a savepoint and return to it if something is raised within.

    SQLite undoes a whole transaction for some errors; then the return fails, and that failure has them for its cause.
    """
    failed: Exception | None = None
    try:
        async with connection.begin_nested() as begun:
            try:
                yield begun
            except Exception as error:
                failed = error
                raise
    except Exception as error:
        if failed is None or error is failed or connection.dialect.name != "sqlite":
            raise
        raise error from failed
