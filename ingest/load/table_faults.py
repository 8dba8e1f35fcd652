"""Errors that look like a row's or the database's and are the table's: what is set up there refuses a whole load."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, OperationalError

from ..messages import say
from .loaded import TargetMismatchError
from .refusals import INSUFFICIENT_PRIVILEGE, driver_error, is_policy, is_raised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.dataset import Dataset

DEFINING: Final = frozenset({"CREATE", "ALTER", "DROP"})
"""First words of the statements that event triggers of PostgreSQL fire at."""
_SETTINGS: Final = frozenset({"find_option", "GetConfigOptionByName"})
"""Routines of the server that know no setting of a name: which one says so depends on its version."""
_SAVEPOINT_GONE: Final = "no such savepoint"
"""What SQLite says of a savepoint whose transaction has been undone (savepoint.c)."""


@contextlib.contextmanager
def may_be_defined() -> Iterator[None]:
    """Have it be the database's fault, and no row's, if an event trigger refuses what a load makes inside.

    Raises:
        TargetMismatchError: it does; says so in its words.

    """
    try:
        yield
    except DBAPIError as error:
        words = (error.statement or "").split(maxsplit=1)
        if not is_raised(error) or DEFINING.isdisjoint(words[:1]):
            raise
        raise TargetMismatchError(
            say(
                "an event trigger of the database refuses {command}, which a load needs: {error}; let this role "
                "pass it",
                command=words[0],
                error=getattr(driver_error(error), "message", None) or error,
            )
        ) from error


def lacks_a_setting(error: BaseException) -> bool:
    """Say whether something of the table asks the session for a setting that nobody has made, as applications do."""
    return getattr(driver_error(error), "server_source_function", None) in _SETTINGS


@contextlib.contextmanager
def may_lack_a_setting(dataset: Dataset) -> Iterator[None]:
    """Have it be the database's fault, and no row's, if a setting is lacking that triggers or row security ask for.

    Raises:
        TargetMismatchError: it is; says how to make it.

    """
    try:
        yield
    except Exception as error:  # raised again unless it is that; of COPY it is the driver's own
        if not lacks_a_setting(error):
            raise
        raise TargetMismatchError(
            say(
                "a trigger, a default or the row security of table {table} asks the session for a setting, as its "
                "application makes it: {error}; write ALTER ROLE the_role SET name = 'value', or give it in the "
                "database's URL (?options=-c%20name%3Dvalue)",
                table=dataset.load.table,
                error=getattr(driver_error(error), "message", None) or error,
            )
        ) from error


def lacks_a_right(error: BaseException) -> bool:
    """Say whether this role may not do what a load, a trigger or a default does; row security is no such right."""
    right = getattr(driver_error(error), "sqlstate", None) == INSUFFICIENT_PRIVILEGE
    return right and not is_policy(error) and not is_raised(error)


def without_a_right(dataset: Dataset, said: str) -> str:
    """Return what to do about that; of the table itself it is known by then that the role may write some columns."""
    return say(
        "this role lacks a right that a load into table {table} needs: {error}; run GRANT for it, on a "
        "table for each column of the dataset or for the whole",
        table=dataset.load.table,
        error=said,
    )


@contextlib.contextmanager
def may_lack_a_right(dataset: Dataset) -> Iterator[None]:
    """Have it be told with its remedy if this role lacks a right: on a sequence, or on what a trigger writes to.

    Raises:
        TargetMismatchError: it does; says so in the database's words.

    """
    try:
        yield
    except TargetMismatchError:
        raise
    except Exception as error:  # raised again unless it is that; of COPY it is the driver's own
        if not lacks_a_right(error):
            raise
        found = driver_error(error)
        raise TargetMismatchError(without_a_right(dataset, getattr(found, "message", None) or str(found))) from error


def _came_of(error: OperationalError) -> OperationalError | None:
    """Return what the machine lacked, if a transaction was undone for it: SQLite does that too when a disk is full.

    What a trigger or a constraint says is no operational error.
    """
    before = error.__cause__
    while isinstance(before, OperationalError) and _SAVEPOINT_GONE in str(before.orig):
        before = before.__cause__
    return before if isinstance(before, OperationalError) else None


@contextlib.contextmanager
def may_be_undone(dataset: Dataset) -> Iterator[None]:
    """Have it be the table's fault if the transaction inside is undone as a whole, instead of one row's (SQLite).

    The return to a savepoint, which has gone with the transaction, fails after what the trigger has said.

    Raises:
        TargetMismatchError: it is.

    """
    try:
        yield
    except OperationalError as error:
        if _SAVEPOINT_GONE not in str(error.orig):
            raise
        if (machine := _came_of(error)) is not None:
            raise machine from None
        raise TargetMismatchError(
            say(
                "a trigger of table {table} (RAISE(ROLLBACK)) or a constraint (ON CONFLICT ROLLBACK) undoes the whole "
                "load where it should refuse a row; write ABORT instead of ROLLBACK",
                table=dataset.load.table,
            )
        ) from error
