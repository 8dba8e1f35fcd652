"""Dead connections are thrown away before anybody gets them; asks the server only when it was not heard for a while."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.pool import ConnectionPoolEntry

RETURNED: Final = "headgate_returned"
FRESH_SECONDS: Final = 1.0
"""A connection that was at work so recently is not asked whether it lives."""
PING_SECONDS: Final = 5.0


def watch_pre_ping(engine: Engine, *, silent: Callable[[], None]) -> None:
    """Do for an asyncpg engine what SQLAlchemy's `pool_pre_ping` does, without asking the server each time.

    Asking is a tenth of what a small job costs. A connection that the server has closed is known without it, and one
    that dies within its first second in the pool fails its user, who repeats what failed in passing. One that does not
    answer is ended, and `silent` is called: others will be as silent.
    """

    def refuse_dead(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
        driver = connection.driver_connection
        if driver.is_closed():
            raise InvalidatePoolError("the server has closed the connection")
        if time.monotonic() - record.info.get(RETURNED, math.inf) <= FRESH_SECONDS:
            return
        try:
            # Not as SQLAlchemy asks: this is one message instead of three, and bounded.
            connection.run_async(lambda driver: driver.execute("SELECT 1", timeout=PING_SECONDS))
        except Exception as error:
            driver.terminate()
            if isinstance(error, TimeoutError):
                silent()
            raise InvalidatePoolError("the connection does not answer") from error

    event.listen(engine, "checkin", _note_return)
    event.listen(engine, "checkout", refuse_dead)


def _note_return(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[RETURNED] = time.monotonic()
