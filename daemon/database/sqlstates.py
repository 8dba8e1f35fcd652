"""What PostgreSQL's error codes mean: the one table of whose fault an error is and whether it may pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Classification = Literal["transient", "data", "configuration", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an error means. `counted_as` is one of `errors.ERROR_CLASSES`.

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
LOST: Final = _meaning("transient", "connection")
STOPPED: Final = _meaning("transient", "stopped")
NOT_THERE: Final = _meaning("transient", "stopped", waits=True)
_DATA: Final = _meaning("data", "data")
_STATEMENT: Final = _meaning("configuration", "statement")
_RIGHTS: Final = _meaning("configuration", "access")
_OTHER: Final = _meaning("other", "other")
_ASKED_AGAIN: Final = _meaning("data", "conflict")
"""A trigger's own refusal that asks for another try: it is tried as often as a conflict, then it is the row's."""

ERROR: Final = "ERROR"
"""The severity of what refuses a statement; what refuses a connection is FATAL."""
RAISE: Final = "exec_stmt_raise"
"""The routine of the server that carries out RAISE of PL/pgSQL: the words and the code are a trigger's own."""

CLASSES: Final = {
    # https://www.postgresql.org/docs/current/errcodes-appendix.html; classes that are no errors are not here
    "03": _OTHER,  # statement not yet complete
    "08": LOST,
    "09": _DATA,  # a trigger's action
    "0A": _STATEMENT,  # what the server cannot do
    "0B": _OTHER,
    "0F": _OTHER,
    "0L": _RIGHTS,
    "0P": _RIGHTS,
    "0Z": _OTHER,
    "10": _STATEMENT,
    "20": _DATA,  # CASE of a trigger
    "21": _DATA,  # two rows where one may be
    "22": _DATA,
    "23": _DATA,
    "24": _OTHER,
    "25": _OTHER,  # transaction state
    "26": _OTHER,
    "27": _DATA,  # a trigger changed the row that is being written
    "28": NO_ACCESS,  # a password that was changed, a rule of pg_hba.conf
    "2B": _STATEMENT,
    "2D": _OTHER,
    "2F": _DATA,  # SQL routine, as of a trigger
    "34": _OTHER,
    "38": _DATA,  # external routine, as of a trigger
    "39": _DATA,
    "3B": _OTHER,
    "3D": NO_ACCESS,  # no such database, or not yet again
    "3F": _STATEMENT,  # no such schema
    "40": _meaning("transient", "conflict"),  # serialization, deadlock
    "42": _STATEMENT,  # syntax, rights, undefined object
    "44": _DATA,  # WITH CHECK OPTION
    "53": NO_ROOM,  # disk, memory, too many connections
    "54": _STATEMENT,  # program limits
    "55": _meaning("transient", "locked"),
    "57": STOPPED,  # operator intervention: shutdown, cancelled statement
    "58": NO_ROOM,  # system error, as of the disk
    "72": STOPPED,  # snapshot too old
    "F0": _STATEMENT,  # configuration file
    "HV": _STATEMENT,  # foreign data wrapper
    "P0": _DATA,  # RAISE and its like in PL/pgSQL
    "XX": _OTHER,  # internal error
}
"""What a class of codes means, by its first two characters."""

CODES: Final = {
    "08001": NOT_CONNECTED,
    "08004": NOT_CONNECTED,
    "08P01": NOT_CONNECTED,  # what pgbouncer calls whatever is between it and the server
    "25006": READ_ONLY,  # a standby, a server that fails over, default_transaction_read_only
    "25P03": STOPPED,  # idle in a transaction for too long
    "25P04": STOPPED,  # a transaction of too long a time
    "26000": LOST,  # a prepared statement that a pooler keeps on another connection
    "40002": _DATA,  # an integrity constraint, at the end of the transaction
    "55000": NO_ACCESS,  # a database that takes no connections now
    "54000": _DATA,  # a value too long for its index
    "57P02": NOT_THERE,  # another backend has crashed
    "57P03": NOT_THERE,  # starting, stopping, recovering
    "HV00B": LOST,
    "HV00M": LOST,
    "HV00N": LOST,
    "HV001": NO_ROOM,
}
"""Codes that do not mean what their class does."""


_OF_STATEMENTS: Final = {"28": _RIGHTS, "3D": _STATEMENT, "55": _STATEMENT}
"""What NO_ACCESS comes to where the connection is there: a view that takes no rows, an update without a replica
identity, a sequence that nobody has asked yet.
"""


def meaning_of(sqlstate: str, *, severity: str | None = None, routine: str | None = None) -> Meaning:
    """Return what a code means; one of no class of PostgreSQL's own was raised by somebody's trigger for a row.

    `severity` and `routine` are what the server tells of the error besides, in English; None where nobody knows.
    """
    found = CODES.get(sqlstate) or CLASSES.get(sqlstate[:2], _DATA)
    if found is NO_ACCESS and severity == ERROR:
        found = _OF_STATEMENTS[sqlstate[:2]]
    if routine != RAISE:
        return found
    if found.counted_as == "conflict":
        return _ASKED_AGAIN
    # What a trigger passes on of the database's own faults, such as a full disk, may go away.
    return found if found.classification == "transient" and found is not READ_ONLY else _DATA
