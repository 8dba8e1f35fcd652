"""What an error of the database means: whether it may work later, at whose cost, and the class it is counted under."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..errors import DatabaseSilentError, DatabaseUnavailableError, NotConnectedError, RetryableError
from .sqlstates import ERROR, NO_ACCESS, NO_ROOM, NOT_CONNECTED, READ_ONLY, Meaning, meaning_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


SQLSTATE_LENGTH: Final = 5
NO_TABLE: Final = "42P01"
NO_CONNECTION: Final = "08001"
NO_THREAD: Final = "can't start new thread"
"""Words of Python's `_thread`: each connection to SQLite has one."""
_ROUTINE: Final = "server_source_function"
SQLITE: Final = {
    # Words of sqlite3_errstr, https://sqlite.org/rescode.html
    "locked": Meaning(classification="transient", counted_as="locked"),
    "busy": Meaning(classification="transient", counted_as="locked"),
    "full": NO_ROOM,
    "i/o": NO_ROOM,
    "readonly": READ_ONLY,
    "unable to open": NO_ACCESS,
}


def meaning(error: BaseException, *, sqlite: bool) -> Meaning:
    """Say what an error means, by SQLSTATE where there is one."""
    chain = causes(error)
    if any(isinstance(cause, DatabaseSilentError) for cause in chain):
        return Meaning(classification="transient", counted_as="silent")
    if any(isinstance(cause, NotConnectedError) for cause in chain):
        return NOT_CONNECTED
    if (state := _sqlstate(chain)) is not None:
        return meaning_of(state, severity=_told(chain, "severity_en"), routine=_told(chain, _ROUTINE))
    for cause in chain:
        if isinstance(cause, PoolTimeoutError):
            return Meaning(classification="transient", counted_as="pool_timeout", waits=True)
        if isinstance(cause, (ConnectionError, TimeoutError, InterfaceError)):
            return Meaning(classification="transient", counted_as="connection")
        if isinstance(cause, DBAPIError) and cause.connection_invalidated:
            return Meaning(classification="transient", counted_as="connection")
    if sqlite and (found := _meaning_of_sqlite(chain)) is not None:
        return found
    # What we say ourselves of an error that we pass on comes last: the error says more.
    retryable = any(isinstance(cause, RetryableError) for cause in chain)
    return Meaning(classification="transient" if retryable else "other", counted_as="other")


@contextlib.contextmanager
def nothing_asked_yet() -> Iterator[None]:
    """Take a connection that ends at the first statement for none: what is loaded has no part in it.

    A pooler lets everybody in, and ends the connections for which it finds no server in time.

    Raises:
        NotConnectedError: it has ended.

    """
    try:
        yield
    except NotConnectedError:
        raise
    except Exception as error:
        if meaning(error, sqlite=False).counted_as != NOT_CONNECTED.counted_as:
            raise
        raise NotConnectedError(reason_of(error)) from error


def is_of_no_table(error: BaseException) -> bool:
    """Say whether PostgreSQL knows no table of a name that a statement has."""
    return _sqlstate(causes(error)) == NO_TABLE


def is_of_another_server(error: BaseException) -> bool:
    """Say whether the database is there, and one that it asks itself is not, as behind a foreign table."""
    chain = causes(error)
    return _sqlstate(chain) == NO_CONNECTION and _told(chain, "severity_en") == ERROR


def _sqlstate(chain: Iterable[BaseException]) -> str | None:
    for cause in chain:
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        if isinstance(state, str) and len(state) == SQLSTATE_LENGTH:
            return state
    return None


def _told(chain: Iterable[BaseException], name: str) -> str | None:
    """Return what the server tells of an error besides its code; SQLAlchemy's errors do not have it."""
    return next((found for cause in chain if isinstance(found := getattr(cause, name, None), str)), None)


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
    """Return the first line of what the driver said, or of what its silence or a failure to connect came to."""
    chain = causes(error)
    own = (DatabaseSilentError, NotConnectedError)
    cause = next((cause for cause in chain if isinstance(cause, own)), chain[-1])
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _meaning_of_sqlite(chain: Iterable[BaseException]) -> Meaning | None:
    for cause in chain:
        if isinstance(cause, OperationalError):
            text = str(cause).lower()
            unknown = Meaning(classification="other", counted_as="statement")
            return next((found for word, found in SQLITE.items() if word in text), unknown)
        if isinstance(cause, (IntegrityError, DataError)):
            return Meaning(classification="data", counted_as="data")
        if isinstance(cause, RuntimeError) and NO_THREAD in str(cause):
            return Meaning(classification="transient", counted_as="pool_timeout", waits=True)
    return None
