"""An existing table as a dataset would declare it, read from the database; looks, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.load.loaded import TargetMismatchError
from ingest.load.named_table import find_facts
from ingest.load.outline import outline
from ingest.messages import said_by

from ..errors import HeadgateError

if TYPE_CHECKING:
    from ingest.spec.outline import TableOutline

    from ..database.database import Database


async def read_outline(database: Database, table: str) -> TableOutline:
    """Return the outline of a table, named as in `load.table`.

    Raises:
        HeadgateError: there is no such table, or it is none to load into; names the nearest.
        DatabaseUnavailableError: the database cannot be reached.

    """
    async with database.read() as connection:
        try:
            facts = await connection.run_sync(find_facts, table)
        except TargetMismatchError as error:
            raise HeadgateError(said_by(error)) from error
        return outline(table, facts, connection.dialect.name)
