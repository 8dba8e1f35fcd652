"""What becomes of the jobs of dead daemons: back to the queue, or given up when too many have died of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from .queries import job_from_row
from .reasons import DAEMONS_DIED
from .tables import in_state, unfinished
from .wishes import wisher

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .context import LedgerContext
    from .jobs import Job


class Reaper:
    """Ends the leases of daemons for the ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context, self._database = context, context.database
        # One process owns an SQLite file, so whatever another daemon left there is over.
        self._alone = self._database.dialect == "sqlite"

    async def reap(self, *, known_dead: Sequence[str] = (), max_lost_leases: int) -> list[Job]:
        """Give the jobs of dead daemons back and return those that this gave up for good.

        Dead is a daemon whose heartbeat is older than the lease by the database's clock, one whose row is gone,
        or one in `known_dead`. The attempt is given back: the death need not be the file's fault. A file that
        was there at `max_lost_leases` deaths is given up, or it could take every daemon down for ever.

        A job whose row somebody holds is left for a later time, and with it its daemon.
        """
        daemon, table = self._context.tables.daemon, self._context.tables.job
        async with self._database.write("beat") as connection:
            expired = await connection.execute(
                sa.select(daemon.c.id).where(
                    daemon.c.id != self._context.daemon_id,
                    sa.or_(
                        sa.literal(self._alone),
                        daemon.c.beat_at < self._context.now - self._context.lease_seconds,
                        daemon.c.id.in_(known_dead),
                    ),
                )
            )
            dead = list(expired.scalars())
            vanished = await connection.execute(
                sa.select(table.c.lease_daemon)
                .distinct()
                .where(
                    in_state(table, "running"),
                    table.c.lease_daemon.not_in(sa.select(daemon.c.id)),
                )
            )
            owners = [*dead, *vanished.scalars()]
            if not owners:
                return []
            free = await self._free(connection, owners)
            given_up = await self._give_up(connection, free, max_lost_leases) if free else []
            if free:
                await self._put_back(connection, table.c.id.in_(free), lost=True)
            await self._remove(connection, dead)
        return given_up

    async def _free(self, connection: AsyncConnection, owners: Sequence[str]) -> list[int]:
        """Lock the running jobs of these daemons and return them, but for those whose load still holds them.

        A daemon that was stopped in the middle of a load holds its job until it goes on or its connection ends: this
        one must not wait for it.
        """
        table = self._context.tables.job
        held = sa.select(table.c.id).where(
            unfinished(table), in_state(table, "running"), table.c.lease_daemon.in_(owners)
        )
        return list((await connection.execute(held.with_for_update(skip_locked=True, key_share=True))).scalars())

    async def _remove(self, connection: AsyncConnection, dead: Sequence[str]) -> None:
        """Remove the rows of dead daemons that have no job any more, and that they do not hold themselves."""
        daemon, table = self._context.tables.daemon, self._context.tables.job
        has_jobs = sa.exists().where(in_state(table, "running"), table.c.lease_daemon == daemon.c.id)
        over = sa.select(daemon.c.id).where(daemon.c.id.in_(dead), ~has_jobs).with_for_update(skip_locked=True)
        ids = list((await connection.execute(over)).scalars())
        if ids:
            await connection.execute(daemon.delete().where(daemon.c.id.in_(ids)))

    async def _give_up(self, connection: AsyncConnection, ids: Sequence[int], limit: int) -> list[Job]:
        table = self._context.tables.job
        rows = await connection.execute(
            table.update()
            .where(in_state(table, "running"), table.c.id.in_(ids), table.c.lost_leases + 1 >= limit)
            .values(
                state=sa.case((table.c.check_only, "checked"), else_="dead"),
                would_be=sa.case((table.c.check_only, "dead")),
                lost_leases=table.c.lost_leases + 1,
                finished_at=self._context.now,
                reason=DAEMONS_DIED.format(daemons=limit),
            )
            .returning(*table.c)
        )
        jobs = [job_from_row(row) for row in rows.mappings()]
        for job in jobs:
            await self._context.event(connection, job.id, job.state, job.attempt, job.reason)
        return jobs

    async def held(self) -> set[str]:
        """Return the lease tokens of all jobs that this daemon runs by the ledger's account."""
        table = self._context.tables.job
        mine = table.c.lease_daemon == self._context.daemon_id
        async with self._database.read() as connection:
            found = await connection.execute(
                sa.select(table.c.lease_token).where(unfinished(table), in_state(table, "running"), mine)
            )
            return set(found.scalars())

    async def let_go(self, tokens: Collection[str]) -> None:
        """Put jobs back in the queue that this daemon holds and does not run: nobody got the answer to their claim."""
        if tokens:
            table = self._context.tables.job
            async with self._database.write("beat") as connection:
                await self._put_back(connection, table.c.lease_token.in_(tokens), lost=False)

    async def give_back(self, connection: AsyncConnection, owners: Sequence[str]) -> None:
        """Put the running jobs of these daemons back in the queue, and return their attempts."""
        await self._put_back(connection, self._context.tables.job.c.lease_daemon.in_(owners), lost=False)

    async def _put_back(self, connection: AsyncConnection, which: sa.ColumnElement[bool], *, lost: bool) -> None:
        table = self._context.tables.job
        rows = await connection.execute(
            table.update()
            .where(unfinished(table), in_state(table, "running"), which)
            .values(
                state="queued",
                attempt=table.c.attempt - 1,
                lost_leases=table.c.lost_leases + int(lost),
                lease_token=None,
                lease_daemon=None,
                run_at=self._context.now,
                cancelled_by=sa.func.coalesce(table.c.cancelled_by, wisher(self._context.tables)),
            )
            .returning(table.c.id, table.c.attempt)
        )
        for row in rows.all():
            await self._context.event(connection, row.id, "lease_lost" if lost else "given_back", row.attempt, None)
