"""Which daemon looks at a source that several share, and whose files are lost with a daemon that is no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tables import insert_into

if TYPE_CHECKING:
    from .context import LedgerContext
    from .queries import Taken


class SourceLeases:
    """Leases of sources, by the origin of their files and the database's clock; each call is one transaction."""

    def __init__(self, context: LedgerContext) -> None:
        self._context, self._database = context, context.database
        self._table = context.tables.source

    async def hold(self, origin: str, seconds: float) -> bool:
        """Take or renew the lease of a source for so long; False if another daemon has it."""
        table, context = self._table, self._context
        values = {"daemon": context.daemon_id, "held_until": context.now + seconds}
        insert = insert_into(table, self._database.dialect).values(origin=origin, **values)
        free = (table.c.daemon == context.daemon_id) | (table.c.held_until < context.now)
        held = insert.on_conflict_do_update(index_elements=["origin"], set_=values, where=free)
        async with self._database.write() as connection:
            return (await connection.execute(held.returning(table.c.daemon))).one_or_none() is not None

    async def release(self, origin: str) -> None:
        """Let another daemon have a source at once."""
        table = self._table
        mine = (table.c.origin == origin) & (table.c.daemon == self._context.daemon_id)
        async with self._database.write() as connection:
            await connection.execute(table.delete().where(mine))

    async def has_lost(self, taken: Taken) -> bool:
        """Say whether a job waits for a file in the spool of daemons that are no more."""
        if taken.state != "queued" or taken.spool_id == self._context.spool_id:
            return False
        async with self._database.read() as connection:
            return not await self._context.spool_is_served(connection, taken.spool_id)
