"""How many connections the PostgreSQL server has, by state and application; asked on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import sqlalchemy as sa

from ..errors import HeadgateError
from .errors import reason_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

logger = logging.getLogger(__name__)

OTHER: Final = "_other"
STATES: Final = ("active", "idle", "idle_in_transaction", "other")
"""States of pg_stat_activity; `other` are the rare ones, and those that this user may not see."""
ANSWER_SECONDS: Final = 10.0

_STATE_NAMES: Final = {
    "active": "active",
    "idle": "idle",
    "idle in transaction": "idle_in_transaction",
    "idle in transaction (aborted)": "idle_in_transaction",
}
# Of other users' connections the server hides state and type from whom is no member of pg_read_all_stats ("Viewing
# Statistics" in PostgreSQL's manual), but not that they are in a database, which its own processes are not, as a rule.
_CONNECTIONS: Final = sa.text(
    "SELECT application_name, state, count(*) FROM pg_stat_activity "
    "WHERE coalesce(backend_type = 'client backend', datid IS NOT NULL) GROUP BY application_name, state"
)
_MAX: Final = sa.text("SELECT current_setting('max_connections')::int")


class ServerNotSeenError(HeadgateError):
    """The database server has not said how many connections it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStats:
    """The server's client connections by (state, application), and how many it allows."""

    connections: Mapping[tuple[str, str], int]
    max: int


class ServerStatsWatch:
    """Asks the server each `interval_seconds`; applications that are not named share `_other`."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        close: Callable[[], Awaitable[None]],
        applications: Collection[str],
        interval_seconds: float,
    ) -> None:
        self._engine, self._close = engine, close
        self._applications = (*applications, OTHER)
        self._interval_seconds = interval_seconds
        self._closing = asyncio.Event()
        self._stats: ServerStats | None = None
        self._trouble = ""

    async def __aenter__(self) -> Self:
        """Ask for the first time, so that the first scrape has numbers."""
        await self._ask()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop asking and close the connection."""
        self._closing.set()
        await self._close()

    async def run(self) -> None:
        """Ask until closed."""
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._interval_seconds)
                return
            await self._ask()

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._engine.connect() as connection:
                rows = (await connection.execute(_CONNECTIONS)).all()
                allowed = (await connection.execute(_MAX)).scalar_one()
        except Exception as error:  # noqa: BLE001  # whatever it is, the scrape tells of it and the next look may succeed
            if not self._trouble:
                logger.warning("database server not seen", extra={"error": reason_of(error)})
            self._stats, self._trouble = None, reason_of(error)
            return
        counts = dict.fromkeys(itertools.product(STATES, self._applications), 0)
        for application, state, count in rows:
            known = application if application in self._applications else OTHER
            counts[_STATE_NAMES.get(state, "other"), known] += count
        self._stats, self._trouble = ServerStats(connections=counts, max=allowed), ""

    def stats(self) -> ServerStats:
        """Return what the server last said; safe to call from any thread.

        Raises:
            ServerNotSeenError: it did not answer when it was last asked.

        """
        if self._stats is None:
            raise ServerNotSeenError(f"the database server was not seen: {self._trouble}")
        return self._stats
