"""Rows for which no parent is seen while the database may find one: set aside, and written last; for both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .foreign_keys import children, missing_parents
from .merge import LINE

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .foreign_keys import Orphans
    from .merge import Merge

SUSPECTS: Final = "headgate_suspects"


class Suspects:
    """The lines of such rows in a temporary table, by their place (1-based): parents before their children.

    Written among the others, each would have to be found by halving all of them, and none could be told by its cell.
    """

    def __init__(self, connection: AsyncConnection, merge: Merge, dataset: Dataset) -> None:
        self._connection, self._merge = connection, merge
        self._table = f"{'temp' if merge.dialect == 'sqlite' else 'pg_temp'}.{SUSPECTS}"
        self.orphans = tuple(missing_parents(merge, dataset))

    async def begin(self) -> None:
        """Make the table, or empty it."""
        if self.orphans:
            end = "" if self._merge.dialect == "sqlite" else " ON COMMIT DROP"
            await self._connection.exec_driver_sql(
                f"CREATE TEMPORARY TABLE IF NOT EXISTS {SUSPECTS} "
                f"(place bigint PRIMARY KEY, {LINE} bigint UNIQUE, reason bigint){end}"
            )
            await self._connection.exec_driver_sql(f"DELETE FROM {self._table}")

    async def count(self) -> int:
        """Return how many there are."""
        if not self.orphans:
            return 0
        return int((await self._connection.exec_driver_sql(f"SELECT count(*) FROM {self._table}")).scalar_one())

    async def add(self, orphans: Orphans) -> None:
        """Set aside the rows without a parent by a foreign key."""
        await self._add(orphans, orphans.statement)

    async def add_children(self) -> None:
        """Set aside, after them, the rows that have their parents among them, and so on."""
        after = 0
        while (reached := await self.count()) > after:
            for orphans in self.orphans:
                statement = children(self._merge, orphans, self._table, after)
                if statement is not None:
                    await self._add(orphans, statement)
            after = reached

    async def _add(self, orphans: Orphans, statement: str) -> None:
        place = f"{await self.count()} + row_number() OVER (ORDER BY f.{LINE})"
        await self._connection.exec_driver_sql(
            f"INSERT INTO {self._table} (place, {LINE}, reason) "
            f"SELECT {place}, f.{LINE}, {self.orphans.index(orphans)} FROM ({statement}) f "
            f"WHERE NOT EXISTS (SELECT 1 FROM {self._table} x WHERE x.{LINE} = f.{LINE})"
        )

    @property
    def others(self) -> str:
        """The condition that a staged row is not among them."""
        return f"NOT EXISTS (SELECT 1 FROM {self._table} x WHERE x.{LINE} = s.{LINE})"

    def between(self, start: int, stop: int) -> str:
        """Return the condition that a staged row has one of these places among them."""
        return f"s.{LINE} IN (SELECT x.{LINE} FROM {self._table} x WHERE x.place BETWEEN {start} AND {stop})"

    async def at(self, place: int) -> tuple[int, Orphans]:
        """Return the line at a place, and by which foreign key it has no parent."""
        found = await self._connection.exec_driver_sql(
            f"SELECT {LINE}, reason FROM {self._table} WHERE place = {place}"
        )
        row = found.mappings().one()
        return int(row[LINE]), self.orphans[row["reason"]]
