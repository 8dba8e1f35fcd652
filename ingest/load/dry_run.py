"""Whether a merge would work at all: asks PostgreSQL to plan it before the first row goes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from ..messages import say
from .foreign_keys import missing_references
from .given import make_functions
from .loaded import TargetMismatchError
from .lookups import translation
from .merge import Merge
from .refusals import driver_error
from .staging import make_stage

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .loaded import Spooled
    from .target import Target

NOT_PLANNED: Final = ("42", "0A")
"""Classes of errors by which PostgreSQL says that a statement can never work."""


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
    statements += [merge.insert(f"{stage} s"), merge.matching("s.*", merge.differs)]
    if merge.updates and dataset.load.mode != "insert":
        statements.append(merge.update(f"{stage} s"))
    if dataset.load.key_where is not None:
        key = ", ".join(merge.names[name] for name in merge.key)
        statements.append(f"{merge.insert(f'{stage} s')} ON CONFLICT ({key}) WHERE {dataset.load.key_where} DO NOTHING")
    try:
        async with connection.begin_nested():
            for statement in statements:
                await connection.exec_driver_sql(f"EXPLAIN {statement}")
    except DBAPIError as error:
        found = driver_error(error)
        if not str(getattr(found, "sqlstate", None) or "").startswith(NOT_PLANNED):
            raise
        raise TargetMismatchError(
            say(
                "rows cannot be merged into table {table} by their key: {error}; change the table, the primaryKey "
                "or load.key_where",
                table=dataset.load.table,
                error=found,
            )
        ) from error
