"""Times that a clock wrote which was ahead and has been set right since: owns what is made of now, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from .jobs import DELAY_MAX_SECONDS
from .tables import in_state, unfinished

if TYPE_CHECKING:
    from collections.abc import Hashable

    from .context import LedgerContext

TOLERANCE_SECONDS: Final = 1.0
"""Clocks are put back by so much in the daily course, and nobody notices."""


class ClockCorrection:
    """Keeps jobs from waiting for a time that was never meant, and the dead from looking alive.

    When a job ended stays as it was written: perhaps it is the clock of now that is wrong, and all that is kept would
    be of long ago once it is right. Which load was the last is known without a clock; see `LedgerContext`.
    """

    def __init__(self, context: LedgerContext) -> None:
        self._context, self._database = context, context.database

    async def correct(self) -> float:
        """Return by how many seconds the ledger was ahead of its database's clock, 0.0 if it was not.

        Nothing that has happened lies in the future, and nothing is put off for longer than the longest delay. Where
        something does, all that is to come is of the same clock: what waits is due, if it was put off for a moment,
        too, replies are, and a daemon that has died can be seen to be silent, and has no source any more.
        """
        tables = self._context.tables
        job, daemon, mail, source = tables.job, tables.daemon, tables.mail, tables.source
        is_owed = mail.c.state == sa.literal_column("'owed'")
        waits_or_runs = unfinished(job)
        latest = (
            sa.select(sa.func.max(job.c.created_at)).where(waits_or_runs),
            sa.select(sa.func.max(job.c.started_at)).where(in_state(job, "running")),
            # Of this daemon's jobs, in the order of their index: others' are of concern to those who claim them.
            sa.select(sa.func.max(job.c.run_at) - DELAY_MAX_SECONDS).where(
                in_state(job, "queued"), job.c.spool_id == self._context.spool_id
            ),
            sa.select(sa.func.max(mail.c.reply_at) - DELAY_MAX_SECONDS).where(is_owed),
            sa.select(sa.func.max(daemon.c.beat_at)),
        )
        async with self._database.read("beat") as connection:
            now, *found = (
                await connection.execute(sa.select(self._context.now, *(one.scalar_subquery() for one in latest)))
            ).one()
        ahead = float(max((at for at in found if at is not None), default=now) - now)
        if ahead < TOLERANCE_SECONDS:
            return 0.0
        past = {name: _at_most(job.c[name], now) for name in ("created_at", "started_at", "run_at")}
        async with self._database.write("beat") as connection:
            await connection.execute(job.update().where(waits_or_runs).values(past))
            await connection.execute(daemon.update().where(daemon.c.beat_at > now).values(beat_at=now))
            owed = {name: _at_most(mail.c[name], now) for name in ("first_try_at", "reply_at")}
            await connection.execute(mail.update().where(is_owed).values(owed))
            # Of whoever holds it still, it is renewed: of a daemon that has died it would be for all of that time.
            held_until = {"held_until": source.c.held_until - ahead}
            await connection.execute(source.update().where(source.c.held_until > now).values(held_until))
        return ahead


def ahead_of_this_machine(said: float, asked_at: float, answered_at: float) -> float:
    """Return by how much a clock is ahead of this machine's, of which it was asked what it says between two moments.

    It is less than 0.0 for one that is behind, and 0.0 where nobody would notice.
    """
    ahead = said - min(max(said, asked_at), answered_at)
    return ahead if abs(ahead) > TOLERANCE_SECONDS else 0.0


class FirstSeen:
    """Takes moments that lie in the future for those at which they were first seen, or freshness would come from there.

    Kept for this process only: what is written stays.
    """

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[float, float]] = {}

    def at_most(self, about: Hashable, at: float, now: float) -> float:
        """Return a moment of what it is `about`, or when it was first seen, by the clock that says `now`."""
        if at <= now:
            return at
        known_at, seen_at = self._seen.get(about, (at, now))
        self._seen[about] = at, min(seen_at if known_at == at else now, now)
        return self._seen[about][1]


def _at_most(column: sa.ColumnElement[float], now: float) -> sa.ColumnElement[float]:
    return sa.case((column > now, now), else_=column)
