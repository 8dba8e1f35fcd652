"""Whether a merge would work at all: asks PostgreSQL to plan it before the first row goes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import DBAPIError

from ..messages import say
from .foreign_keys import missing_references
from .given import make_functions
from .loaded import TargetMismatchError
from .lookups import translation
from .merge import Merge
from .refusals import driver_error
from .staging import make_stage
from .table_faults import lacks_a_right, lacks_a_setting, without_a_right

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .facts import TableFacts
    from .loaded import Spooled
    from .target import Target

NOT_PLANNED: Final = ("42", "0A", "55000")
"""Beginnings of the codes by which PostgreSQL says that a statement can never work, or not on the table as it is."""


def needs_a_try(dataset: Dataset, facts: TableFacts) -> bool:
    """Say whether rows may go in now and not ever after, or not at all: only the planner knows which views take any.

    A try needs a temporary table, and rows without a key may go into a view without one.
    """
    return bool(dataset.primary_key) or (facts.kind == "view" and "TEMPORARY" not in facts.missing_rights)


async def try_merge(connection: AsyncConnection, dataset: Dataset, spooled: Spooled, target: Target) -> None:
    """Plan the statements by which rows are merged into the table once it is filled.

    Raises:
        TargetMismatchError: they would fail; an empty table would take the rows today, and refuse them for ever after.

    """
    await make_functions(connection, dataset.load)
    stage = await make_stage(connection, spooled, target)
    merge = Merge.of(dataset, spooled, target, stage, "postgresql")
    statements = [translation(merge, name, stage) for name in merge.found]
    statements += [statement for statement, _ in missing_references(merge, dataset)]
    statements.append(merge.insert(f"{stage} s"))
    if merge.key:
        statements += _by_key(dataset, merge)
    try:
        async with connection.begin_nested():
            for statement in statements:
                await connection.exec_driver_sql(f"EXPLAIN {statement}")
    except DBAPIError as error:
        found = driver_error(error)
        if lacks_a_setting(error) or not str(getattr(found, "sqlstate", None) or "").startswith(NOT_PLANNED):
            raise
        raise TargetMismatchError(_refusal(dataset, found)) from error


def _by_key(dataset: Dataset, merge: Merge) -> Iterator[str]:
    """Yield what is asked of a table with the keys of staged rows."""
    stage = f"{merge.stage} s"
    yield merge.matching("s.*", merge.differs)
    if merge.writes_over(dataset):
        yield merge.update(stage)
    if dataset.load.mode == "replace":
        yield merge.delete_others(None)
    if dataset.load.key_where is not None:
        key = ", ".join(merge.names[name] for name in merge.key)
        yield f"{merge.insert(stage)} ON CONFLICT ({key}) WHERE {dataset.load.key_where} DO NOTHING"


def _refusal(dataset: Dataset, error: Any) -> str:
    """Return what to change, with the database's own advice if it gives any."""
    said = str(getattr(error, "message", None) or error).strip()
    if advice := getattr(error, "hint", None) or getattr(error, "detail", None):
        said = f"{said} ({advice.strip().rstrip('.')})"
    table = dataset.load.table
    if lacks_a_right(error):
        return without_a_right(dataset, said)
    if not dataset.primary_key:
        return say("{table} takes no rows: {error}; load into the table behind it", table=table, error=said)
    return say(
        "rows cannot be merged into table {table} by their key: {error}; change the table, the primaryKey "
        "or load.key_where",
        table=table,
        error=said,
    )
