"""Rows that a load has left without a parent, where SQLite itself looks as late as at the COMMIT: too late for one row.

Owns which of them were so before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .foreign_keys import left_without_parents
from .merge import ALL

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .merge import Merge
    from .refusals import Refusal

DANGLING: Final = "headgate_dangling"


class LeftWithoutParentError(Exception):
    """A row that was written has no parent."""


class Dangling:
    """The rows that had no parent before a load, which foreign keys that were switched off have left, and those since.

    A row that had none is no fault of the load unless it writes that reference anew.
    """

    def __init__(self, connection: AsyncConnection, merge: Merge, dataset: Dataset) -> None:
        self._connection, self._merge = connection, merge
        self._searches = tuple(left_without_parents(merge, dataset))

    def __bool__(self) -> bool:
        """Say whether there is a foreign key that waits for the COMMIT."""
        return bool(self._searches)

    async def begin(self) -> None:
        """Take note of the rows that have no parent yet."""
        if not self._merge.key:
            # All rows that are written are new.
            return
        await self._connection.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{DANGLING}")
        await self._connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {DANGLING} (line INTEGER, reason, value)")
        for reason, (statement, stays, _) in enumerate(self._searches):
            await self._connection.exec_driver_sql(
                f"INSERT INTO temp.{DANGLING} SELECT line, {reason}, value FROM ({statement} AND {stays})"
            )
        await self._connection.exec_driver_sql(f"CREATE INDEX temp.{DANGLING}_line ON {DANGLING} (line)")

    async def first(self, lines: str = ALL, refused: Collection[int] = ()) -> tuple[list[int], Refusal] | None:
        """Return the lines, but for those refused, that one foreign key leaves without a parent, and why they go."""
        for reason, (statement, _, refusal) in enumerate(self._searches):
            condition = "true"
            if self._merge.key:
                condition = (
                    f"NOT EXISTS (SELECT 1 FROM temp.{DANGLING} d "
                    f"WHERE d.line = f.line AND d.reason = {reason} AND d.value = f.value)"
                )
            found = await self._connection.exec_driver_sql(
                f"SELECT f.line FROM ({statement} AND {lines}) f WHERE {condition} ORDER BY f.line"
            )
            if left := [int(line) for line in found.scalars() if line not in refused]:
                return left, refusal
        return None
