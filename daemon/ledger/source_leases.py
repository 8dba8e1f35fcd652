"""Which daemon looks at a source that several share, how its looks end, and whose files are lost with a dead daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from .tables import insert_into

if TYPE_CHECKING:
    from .context import LedgerContext
    from .queries import Taken


class SourceLeases:
    """Leases of sources, by the origin of their files and the database's clock; each call is one transaction."""

    def __init__(self, context: LedgerContext) -> None:
        self._context, self._database = context, context.database
        self._table = context.tables.source

    async def hold(self, origin: str, seconds: float, *, read: bool = False) -> bool:
        """Take or renew the lease of a source for so long; False if another daemon has it.

        With `read` a look has come to its end, and those that failed before it count no more.
        """
        table, context = self._table, self._context
        values = {"daemon": context.daemon_id, "held_until": context.now + seconds} | ({"failures": 0} if read else {})
        insert = insert_into(table, self._database.dialect).values(origin=origin, **values)
        free = (table.c.daemon == context.daemon_id) | (table.c.held_until < context.now)
        held = insert.on_conflict_do_update(index_elements=["origin"], set_=values, where=free)
        async with self._database.write() as connection:
            return (await connection.execute(held.returning(table.c.daemon))).one_or_none() is not None

    async def failed(self, origin: str) -> int:
        """Count a look that failed; return how many did in a row, 0 if another daemon has the source by now."""
        table = self._table
        count = table.update().where(self._is_mine(origin)).values(failures=sa.func.coalesce(table.c.failures, 0) + 1)
        async with self._database.write() as connection:
            return (await connection.execute(count.returning(table.c.failures))).scalar_one_or_none() or 0

    async def failures_elsewhere(self, origin: str) -> int | None:
        """Return how many looks have failed in a row; None if none has ended, or no other daemon has the source."""
        table = self._table
        asked = sa.select(table.c.failures)
        asked = asked.where(table.c.origin == origin, table.c.daemon != self._context.daemon_id)
        async with self._database.read() as connection:
            return (await connection.execute(asked)).scalar_one_or_none()

    async def release(self, origin: str) -> None:
        """Let another daemon have a source at once."""
        async with self._database.write() as connection:
            await connection.execute(self._table.delete().where(self._is_mine(origin)))

    async def has_lost(self, taken: Taken) -> bool:
        """Say whether a job waits for a file in the spool of daemons that are no more."""
        if taken.state != "queued" or taken.spool_id == self._context.spool_id:
            return False
        async with self._database.read() as connection:
            return not await self._context.spool_is_served(connection, taken.spool_id)

    def _is_mine(self, origin: str) -> sa.ColumnElement[bool]:
        return (self._table.c.origin == origin) & (self._table.c.daemon == self._context.daemon_id)
