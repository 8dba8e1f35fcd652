"""What an error of the database means: whether it may work later, at whose cost, and the class it is counted under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..errors import DatabaseSilentError, DatabaseUnavailableError, NotConnectedError, RetryableError

Classification = Literal["transient", "data", "configuration", "other"]

ERROR_CLASSES: Final = (
    "connection",
    "conflict",
    "resources",
    "read_only",
    "silent",
    "locked",
    "stopped",
    "pool_timeout",
    "data",
    "access",
    "statement",
    "other",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an error means. `counted_as` is one of `ERROR_CLASSES`.

    `waits` says that the fault is the database's own, whatever is loaded: the job waits and spends no attempt.
    """

    classification: Classification
    counted_as: str
    waits: bool = False


def _meaning(classification: Classification, counted_as: str, *, waits: bool = False) -> Meaning:
    return Meaning(classification=classification, counted_as=counted_as, waits=waits)


NOT_CONNECTED: Final = _meaning("transient", "connection", waits=True)
NO_ACCESS: Final = _meaning("transient", "access", waits=True)
NO_ROOM: Final = _meaning("transient", "resources", waits=True)
READ_ONLY: Final = _meaning("transient", "read_only", waits=True)

SQLSTATES: Final = {
    # SQLSTATEs and their classes, https://www.postgresql.org/docs/current/errcodes-appendix.html
    "08": _meaning("transient", "connection"),
    "08001": NOT_CONNECTED,
    "08004": NOT_CONNECTED,
    "08P01": NOT_CONNECTED,  # what pgbouncer calls whatever is between it and the server
    "25006": READ_ONLY,  # a standby, a server that fails over, default_transaction_read_only
    "25P03": _meaning("transient", "stopped"),  # idle in a transaction for too long
    "25P04": _meaning("transient", "stopped"),  # a transaction of too long a time
    "26000": _meaning("transient", "connection"),  # a prepared statement that a pooler keeps on another connection
    "40": _meaning("transient", "conflict"),  # serialization, deadlock
    "53": NO_ROOM,  # disk, memory, too many connections
    "55": _meaning("transient", "locked"),
    "57": _meaning("transient", "stopped"),  # operator intervention: cancelled statement, ended connection
    "57P02": _meaning("transient", "stopped", waits=True),  # another backend has crashed
    "57P03": _meaning("transient", "stopped", waits=True),  # starting, stopping, recovering
    "57P05": _meaning("transient", "stopped"),  # idle for too long
    "58": NO_ROOM,  # system error, as of the disk
    "22": _meaning("data", "data"),
    "23": _meaning("data", "data"),
    "28": NO_ACCESS,  # a password that was changed, a rule of pg_hba.conf
    "3D": NO_ACCESS,  # no such database, or not yet again
    "42": _meaning("configuration", "statement"),  # syntax, rights, undefined object
}
SQLITE: Final = {
    # Words of sqlite3_errstr, https://sqlite.org/rescode.html
    "locked": _meaning("transient", "locked"),
    "busy": _meaning("transient", "locked"),
    "full": NO_ROOM,
    "i/o": NO_ROOM,
    "readonly": READ_ONLY,
    "unable to open": NO_ACCESS,
}


def meaning(error: BaseException, *, sqlite: bool) -> Meaning:
    """Say what an error means, by SQLSTATE where there is one."""
    chain = causes(error)
    if any(isinstance(cause, DatabaseSilentError) for cause in chain):
        return _meaning("transient", "silent")
    for cause in chain:
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        if isinstance(state, str) and (found := SQLSTATES.get(state) or SQLSTATES.get(state[:2])):
            return found
    for cause in chain:
        if isinstance(cause, PoolTimeoutError):
            return _meaning("transient", "pool_timeout", waits=True)
        if isinstance(cause, NotConnectedError):
            return NOT_CONNECTED
        if isinstance(cause, (ConnectionError, TimeoutError, InterfaceError)):
            return _meaning("transient", "connection")
        if isinstance(cause, DBAPIError) and cause.connection_invalidated:
            return _meaning("transient", "connection")
        if isinstance(cause, RetryableError):
            return _meaning("transient", "other")
    return _meaning_of_sqlite(error) if sqlite else _meaning("other", "other")


def is_of_database(error: BaseException) -> bool:
    """Say whether the database or the way to it failed, and not what was done with its answers."""
    return any(
        isinstance(cause, (DBAPIError, PoolTimeoutError, DatabaseUnavailableError))
        or type(cause).__module__.startswith("asyncpg")
        for cause in causes(error)
    )


def causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and what it came from, the driver's own last."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        original = getattr(error, "orig", None)
        error = original if isinstance(original, BaseException) else error.__cause__
    return found


def reason_of(error: BaseException) -> str:
    """Return the first line of what the driver said."""
    cause = causes(error)[-1]
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _meaning_of_sqlite(error: BaseException) -> Meaning:
    if isinstance(error, OperationalError):
        text = str(error).lower()
        return next((found for word, found in SQLITE.items() if word in text), _meaning("other", "statement"))
    if isinstance(error, IntegrityError):
        return _meaning("data", "data")
    return _meaning("other", "other")
