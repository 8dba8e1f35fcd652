"""A change of jobs and the note of it for those who follow events, in one statement where the database can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_GIVEN: Final = "given_"
"""What distinguishes the parameters of a statement from the columns that they are for."""


def parameters(table: sa.Table, names: Mapping[str, Any] | tuple[str, ...]) -> dict[str, Any]:
    """Return a parameter for each of these columns of a table."""
    return {name: sa.bindparam(_GIVEN + name, type_=table.c[name].type) for name in names}


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `parameters`."""
    return {_GIVEN + name: value for name, value in values.items()}


class NotedChange:
    """A statement that changes jobs, made once. It must return the `id` of each and its `attempt`.

    The number of the note is taken when the job is changed: those who read the events wait for numbers that are
    missing, until the transaction is committed.
    """

    def __init__(
        self,
        change: sa.Insert | sa.Update,
        *returned: sa.ColumnElement[Any],
        event: sa.Table,
        now: sa.ColumnElement[float],
        daemon_id: str,
        at_once: bool,
    ) -> None:
        self._note = event.insert().values(at=now, daemon=daemon_id)
        self._at_once = at_once
        returning = change.returning(*returned)
        self._change: sa.Executable = returning
        if at_once:
            changed = returning.cte("changed")
            noted = event.insert().from_select(
                ["job_id", "attempt", "at", "daemon", "event", "detail"],
                sa.select(
                    changed.c.id,
                    changed.c.attempt,
                    now,
                    sa.literal(daemon_id, sa.Text),
                    sa.bindparam("note_event", type_=sa.Text),
                    sa.bindparam("note_detail", type_=sa.Text),
                ),
                include_defaults=False,
            )
            self._change = sa.select(changed).add_cte(noted.cte("noted"))

    async def make(
        self, connection: AsyncConnection, values: Mapping[str, Any], *, event: str, detail: str | None = None
    ) -> sa.RowMapping | None:
        """Change the one job and return what the statement says of it; None, and no note, if it has changed none."""
        rows = await self.make_each(connection, values, event=event, detail=detail)
        return rows[0] if rows else None

    async def make_each(
        self, connection: AsyncConnection, values: Mapping[str, Any], *, event: str, detail: str | None = None
    ) -> Sequence[sa.RowMapping]:
        """Change jobs and return, in no order, what the statement says of each; nothing is noted of none."""
        note = {"note_event": event, "note_detail": detail} if self._at_once else {}
        rows = (await connection.execute(self._change, {**values, **note})).mappings().all()
        if rows and not self._at_once:
            about = [{"job_id": row["id"], "attempt": row["attempt"], "event": event, "detail": detail} for row in rows]
            await connection.execute(self._note, about)
        return rows
