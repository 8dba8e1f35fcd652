"""Whether SQLite would take rows at all: asks it to plan the kinds of statements that write them, runs none."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from ..messages import say
from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW
from .facts import quoted
from .loaded import TargetMismatchError
from .sqlite_explain import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .target import Target

# Words of SQLite's own sources: build.c, fkey.c, delete.c
_NO_TABLE: Final = re.compile(r"no such table: (?:main\.)?(?P<name>.+)")
_MISMATCH: Final = re.compile(r'foreign key mismatch - "(?P<child>.+)" referencing "(?P<parent>.+)"')
_VIEW: Final = re.compile(r"because it is a view")


async def try_writes(connection: AsyncConnection, dataset: Dataset, target: Target, fields: Sequence[str]) -> None:
    """Have SQLite plan the kinds of statements that write these fields into the table.

    It refuses them, whatever the rows are, where a foreign key leads nowhere or a view has no trigger that writes.

    Raises:
        TargetMismatchError: one of them would fail.

    """
    for statement in _writes(dataset, target, fields):
        try:
            await explain(connection, statement)
        except DBAPIError as error:
            # Other codes say that the database is locked or broken, and nothing of the statement.
            if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
                raise
            raise TargetMismatchError(_unwritable(str(error.orig), statement.split()[0], dataset, target)) from error


def _writes(dataset: Dataset, target: Target, fields: Sequence[str]) -> Iterator[str]:
    lineage = (LINEAGE_JOB, LINEAGE_ROW) if dataset.load.lineage else ()
    names = [quoted(name) for name in (*fields, *lineage, *dataset.load.given)]
    # Of VALUES, which are one row, it does not look at all foreign keys that lead to the table.
    yield f"INSERT INTO {target.quoted} ({', '.join(names)}) SELECT {', '.join('NULL' for _ in names)}"
    others = [quoted(name) for name in fields if name not in dataset.primary_key]
    if dataset.primary_key and others and dataset.load.mode != "insert":
        changed = [*others, *map(quoted, (*lineage, *dataset.load.set))]
        yield f"UPDATE {target.quoted} SET {', '.join(f'{name} = {name}' for name in changed)}"
    if dataset.load.mode == "replace":
        yield f"DELETE FROM {target.quoted} WHERE true"


def _unwritable(error: str, what: str, dataset: Dataset, target: Target) -> str:
    """Return why SQLite takes no such statement, with what to change."""
    table = dataset.load.table
    if _VIEW.search(error):
        return say(
            "{table} is a view that has no trigger INSTEAD OF {statement}, and so takes no rows; create the trigger, "
            "or load into the table behind it",
            table=table,
            statement=what,
        )
    if found := _MISMATCH.search(error):
        return say(
            "a foreign key of table {child} refers to columns of table {parent} that are not its primary key and have "
            "no unique index of their own: SQLite writes no row while it does; create a unique index on exactly these "
            "columns, or take the foreign key away",
            child=found["child"],
            parent=found["parent"],
        )
    missing = _NO_TABLE.search(error)
    keys = [key for key in target.facts.foreign_keys if missing and _is_named(key.other, missing["name"])]
    if keys:
        return say(
            "{names} of table {table} refers to table {other}, which is not there: SQLite writes no row while it does; "
            "create that table, or take the foreign key away",
            names=", ".join(keys[0].columns),
            table=table,
            other=keys[0].other,
        )
    return say(
        "SQLite cannot write into table {table}: {error}; correct the table, its triggers or the tables they name",
        table=table,
        error=error,
    )


def _is_named(quoted_name: str, name: str) -> bool:
    return quoted_name.casefold() == f"main.{quoted(name)}".casefold()
