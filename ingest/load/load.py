"""Spool to target table inside the caller's transaction: owns the choice of the way, knows nothing of retries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import postgresql, row_by_row, sqlite
from .dry_run import needs_a_try, try_merge
from .loaded import OtherWayError, Way
from .refusals import is_outdated, is_policy, may_be_of_a_text
from .replacing import have_stayed
from .sqlite_dry_run import try_writes
from .table_faults import lacks_a_setting, may_be_defined, may_be_undone, may_lack_a_right, may_lack_a_setting
from .target import Targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .loaded import Loaded, Spooled
    from .target import Target


async def load(
    connection: AsyncConnection,
    dataset: Dataset,
    spooled: Spooled,
    *,
    targets: Targets | None = None,
    way: Way = Way.STRAIGHT,
    at_fault: Callable[[BaseException], bool],
) -> Loaded:
    """Load the accepted rows into the dataset's table.

    Nothing is committed here. A row whose key is in the table already is updated or left alone (`upsert`, `replace`),
    or, in mode `insert`, unchanged if it is the same and a conflict if it differs; mode `replace` also deletes what the
    file does not have. `targets` remembers the tables that were verified by earlier loads; `at_fault` says of an error
    whether the rows are to blame for it. Where rows are refused, an error or `OtherWayError` says that the
    transaction has to be begun anew by another way; `Way.ROW_BY_ROW` always comes to an end.

    Raises:
        OtherWayError: the rows do not go this way.
        TargetMismatchError: the table that is there cannot take the rows.
        RefusedLoadError: the file cannot be loaded into the table as it is now.
        sqlalchemy.exc.DBAPIError, asyncpg.PostgresError: the database refused or failed.

    """
    known = targets or Targets()
    with may_be_defined(), may_lack_a_setting(dataset), may_lack_a_right(dataset):
        target = await connection.run_sync(known.prepare, dataset)
        loaded = await _load(connection, dataset, spooled, target, known=known, way=way, at_fault=at_fault)
        return replace(loaded, stayed=await have_stayed(connection, dataset, spooled, target, loaded))


async def _load(
    connection: AsyncConnection,
    dataset: Dataset,
    spooled: Spooled,
    target: Target,
    *,
    known: Targets,
    way: Way,
    at_fault: Callable[[BaseException], bool],
) -> Loaded:
    tried = known.is_tried(dataset, target, spooled.fields)
    if connection.dialect.name != "postgresql":
        if not tried:
            await try_writes(connection, dataset, target, spooled.fields)
            known.note_tried(dataset, target, spooled.fields)
        with may_be_undone(dataset):
            return await sqlite.load_rows(connection, dataset, spooled, target, at_fault)
    if way is Way.ROW_BY_ROW:
        return await row_by_row.load_rows(connection, dataset, spooled, target, at_fault)
    if not tried and needs_a_try(dataset, target.facts):
        await try_merge(connection, dataset, spooled, target)
        known.note_tried(dataset, target, spooled.fields)
    try:
        return await postgresql.load_rows(connection, dataset, spooled, target, way)
    except Exception as error:  # raised again unless it may go row by row; of COPY it is the driver's own
        if lacks_a_setting(error) or not (is_policy(error) or is_outdated(error) or may_be_of_a_text(error)):
            raise
        raise OtherWayError(Way.ROW_BY_ROW) from error
