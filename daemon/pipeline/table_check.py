"""Datasets compared with their tables in the database, before any file: looks, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.load.inspection import Inspection, inspect

from ..errors import HeadgateError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.spec.dataset import Dataset

    from ..database.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFinding:
    """What was found of one dataset; each text is `reason; remedy`."""

    dataset: str
    problems: tuple[str, ...]
    advice: tuple[str, ...]


class _SeenError(HeadgateError):
    """Carries what was found out of a transaction that is to be undone."""

    def __init__(self, found: Inspection) -> None:
        super().__init__("seen")
        self.found = found


async def compare_tables(database: Database, datasets: Iterable[Dataset]) -> tuple[TableFinding, ...]:
    """Return what keeps the datasets' rows from their tables, and what the tables will refuse.

    Raises:
        DatabaseUnavailableError: the database cannot be reached.

    """
    return tuple([await compare_table(database, dataset) for dataset in datasets])


async def compare_table(database: Database, dataset: Dataset, operation: str = "write") -> TableFinding:
    """Compare one dataset with its table, whose locks are waited for as `operation` does.

    Raises:
        DatabaseUnavailableError, sqlalchemy.exc.DBAPIError: the database cannot be reached, or fails.

    """
    try:
        async with database.write(operation) as connection:
            raise _SeenError(await inspect(connection, dataset, Path()))
    except _SeenError as seen:
        found = seen.found
    return TableFinding(dataset=dataset.dataset, problems=found.problems, advice=found.advice)
