"""What an error of the database means: whether it may work later, and the class it is counted under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..errors import RetryableError

Classification = Literal["transient", "data", "configuration", "other"]

ERROR_CLASSES: Final = (
    "connection",
    "conflict",
    "resources",
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
    """What an error means. `counted_as` is one of `ERROR_CLASSES`."""

    classification: Classification
    counted_as: str


def _meaning(classification: Classification, counted_as: str) -> Meaning:
    return Meaning(classification=classification, counted_as=counted_as)


SQLSTATES: Final = {
    # SQLSTATE classes, https://www.postgresql.org/docs/current/errcodes-appendix.html
    "08": _meaning("transient", "connection"),
    "40": _meaning("transient", "conflict"),  # serialization, deadlock
    "53": _meaning("transient", "resources"),  # disk, memory, too many connections
    "55": _meaning("transient", "locked"),
    "57": _meaning("transient", "stopped"),  # operator intervention: shutdown, cancelled statement
    "58": _meaning("transient", "resources"),  # system error, as of the disk
    "22": _meaning("data", "data"),
    "23": _meaning("data", "data"),
    "28": _meaning("configuration", "access"),  # authorization
    "3D": _meaning("configuration", "access"),  # no such database
    "42": _meaning("configuration", "statement"),  # syntax, rights, undefined object
}
SQLITE: Final = {
    # Words of sqlite3_errstr, https://sqlite.org/rescode.html
    "locked": _meaning("transient", "locked"),
    "busy": _meaning("transient", "locked"),
    "full": _meaning("transient", "resources"),
    "i/o": _meaning("transient", "resources"),
}


def classify(error: BaseException, *, sqlite: bool) -> Classification:
    """Say whether a failed transaction may work later."""
    return meaning(error, sqlite=sqlite).classification


def meaning(error: BaseException, *, sqlite: bool) -> Meaning:
    """Say what an error means, by SQLSTATE where there is one."""
    chain = causes(error)
    for cause in chain:
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        if isinstance(state, str) and state[:2] in SQLSTATES:
            return SQLSTATES[state[:2]]
    for cause in chain:
        if isinstance(cause, PoolTimeoutError):
            return _meaning("transient", "pool_timeout")
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
        isinstance(cause, (DBAPIError, PoolTimeoutError)) or type(cause).__module__.startswith("asyncpg")
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
