"""Spool to target table inside the caller's transaction: owns the load's SQL, knows nothing of jobs or retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ErrorRecord
from . import postgresql, sqlite
from .target import Target, Targets

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .statements import Loaded


async def load(
    connection: AsyncConnection,
    dataset: Dataset,
    accepted: Path,
    *,
    rows: int,
    key_range: tuple[str, str] | None = None,
    targets: Targets | None = None,
    straight: bool = True,
) -> Loaded:
    """Load the accepted rows (COPY text, see `report.ACCEPTED_FILE`) into the dataset's table.

    Nothing is committed here. A row whose key is in the table already is updated or left alone (`upsert`), or, in
    mode `insert`, unchanged if it is the same and a conflict if it differs; mode `replace` empties the table first.
    `rows` is the number of accepted rows and `key_range` the parse report's; `targets` remembers the tables that were
    verified by earlier loads. With `straight`, rows whose keys cannot be in the table are copied into it.

    Raises:
        NotStraightError: they could not; the caller has to begin the transaction anew, without `straight`.
        TargetMismatchError: the table that is there cannot take the rows.
        sqlalchemy.exc.DBAPIError, asyncpg.PostgresError: the database refused or failed.

    """
    target = await connection.run_sync((targets or Targets()).prepare, dataset)
    if dataset.load.mode == "replace":
        await _empty(connection, target)
    if connection.dialect.name != "postgresql":
        return await sqlite.load_rows(connection, dataset, target, accepted)
    if straight and not await postgresql.may_hold(connection, dataset, target, key_range):
        return await postgresql.copy_straight(connection, dataset, target, accepted, rows)
    return await postgresql.stage_and_merge(connection, dataset, target, accepted)


async def _empty(connection: AsyncConnection, target: Target) -> None:
    if connection.dialect.name == "postgresql":
        # Two loads at once would each delete what they see, and both would insert.
        await connection.exec_driver_sql(f"LOCK TABLE {target.quoted} IN SHARE ROW EXCLUSIVE MODE")
    await connection.exec_driver_sql(f"DELETE FROM {target.quoted}")


def key_conflict(dataset: Dataset, sheet: str | None, row: int) -> ErrorRecord:
    """Return the record of a row that was refused because its key is in the table with other content."""
    key = ", ".join(dataset.primary_key)
    return ErrorRecord(
        code="row.key_conflict",
        message=f"the key ({key}) is in table {dataset.load.table} already, with other values",
        hint="correct the key, or use load mode upsert if the newer row is to win",
        sheet=sheet,
        row=row,
        spec_version=dataset.version,
    )
