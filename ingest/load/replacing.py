"""Mode `replace`: which rows of the table go, and when they must not; for both databases."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from ..errors import CATALOGUE, ErrorRecord
from ..messages import say
from .loaded import RefusedLoadError, TargetMismatchError
from .merge import ALL
from .refusals import is_reference, said_in_full
from .savepoints import savepoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .loaded import Loaded, Merged, Spooled
    from .merge import Merge
    from .target import Target


def replaces_all(dataset: Dataset) -> bool:
    """Say whether the table is emptied first, rather than rid of the keys that the file does not have."""
    return not dataset.primary_key or dataset.load.replace == "all"


def scope(dataset: Dataset) -> str:
    """Return the condition of the rows that a replacement may delete: those outside of `key_where` are not its own."""
    where = dataset.load.key_where
    return ALL if where is None else f"({where})"


async def prepare_replace(connection: AsyncConnection, dataset: Dataset, spooled: Spooled, target: Target) -> None:
    """Keep other writers out, and refuse a replacement that would be wrong.

    Raises:
        RefusedLoadError: the file has only rows that were handed back, as corrections they would replace nothing; or
            rows of it were rejected, and nobody can tell which of the whole table are their earlier ones.
        TargetMismatchError: the rows of other tables would go with those of this one.

    """
    if spooled.report.handed_back:
        raise _of_rejected_rows(dataset)
    if connection.dialect.name == "postgresql":
        # Two loads at once would each delete what they see, and both would insert.
        await connection.exec_driver_sql(f"LOCK TABLE {target.quoted} IN SHARE ROW EXCLUSIVE MODE")
    if replaces_all(dataset):
        if spooled.report.rows.rejected:
            raise incomplete(dataset, spooled.report.rows.rejected)
        await refuse_cascades(connection, dataset, target, scope(dataset))


def _of_rejected_rows(dataset: Dataset) -> RefusedLoadError:
    """Return the refusal of a file that has only the rejected rows of another, and would replace what that loaded."""
    return RefusedLoadError(
        ErrorRecord(
            code="load.replace_incomplete",
            message=say(
                "these are rejected rows that were handed back, and the file would replace those of table {table}: all "
                "others would be lost",
                table=dataset.load.table,
            ),
            hint=say(
                "hand the file in as the corrections of its job, on that job's own view or with --fixes ID; if it has "
                "all rows, remove the columns that Headgate has added"
            ),
            spec_version=dataset.version,
        )
    )


def incomplete(dataset: Dataset, rejected: int) -> RefusedLoadError:
    """Return the refusal of a file that has rejected rows and would replace a whole table."""
    code = "load.replace_incomplete"
    return RefusedLoadError(
        ErrorRecord(
            code=code,
            message=say(
                "{rejected} rows are rejected, and the file would replace all of table {table}: their earlier "
                "versions would be lost",
                rejected=rejected,
                table=dataset.load.table,
            ),
            hint=CATALOGUE[code].hint,
            spec_version=dataset.version,
        )
    )


async def delete_all(connection: AsyncConnection, dataset: Dataset, target: Target) -> None:
    """Empty the table, but for the rows outside of `key_where`."""
    # Without a condition where there is none to be met: SQLite then drops all pages at once.
    where = "" if dataset.load.key_where is None else f" WHERE {scope(dataset)}"
    await connection.exec_driver_sql(f"DELETE FROM {target.quoted}{where}")


async def delete_others(
    connection: AsyncConnection, dataset: Dataset, spooled: Spooled, merge: Merge, kept: str | None
) -> bool:
    """Delete the rows whose keys are neither staged nor in the table `kept`; False if that cannot be told of all keys.

    Raises:
        TargetMismatchError: the rows of other tables would go with them.

    """
    if replaces_all(dataset):
        await delete_all(connection, dataset, merge.target)
        return True
    if spooled.report.rows.rejected and kept is None:
        return False
    await refuse_cascades(connection, dataset, merge.target, merge.gone(kept))
    await connection.exec_driver_sql(merge.delete_others(kept))
    return True


@contextlib.contextmanager
def may_be_referred_to(dataset: Dataset) -> Iterator[None]:
    """Have it be told, as what it is, if rows of other tables keep those from being deleted that the file lacks.

    Raises:
        RefusedLoadError: they do; names the other table as far as the database does.

    """
    try:
        yield
    except DBAPIError as error:
        if not is_reference(error):
            raise
        raise RefusedLoadError(
            ErrorRecord(
                code="load.db_rejected",
                message=say(
                    "rows of table {table} that the file does not have cannot be deleted, for other rows refer to "
                    "them: {error}",
                    table=dataset.load.table,
                    error=said_in_full(error),
                ),
                hint=say(
                    "add these rows to the file, delete first what refers to them, or use load mode upsert, which "
                    "leaves them"
                ),
                spec_version=dataset.version,
            )
        ) from error


async def have_stayed(
    connection: AsyncConnection, dataset: Dataset, spooled: Spooled, target: Target, loaded: Loaded
) -> bool:
    """Say whether rows are left, after a replacement, that it was to delete: more are there than the file can have.

    Triggers that mark rows as deleted leave them on purpose; others, rules and row security may leave them unnoticed.
    """
    if dataset.load.mode != "replace" or loaded.held_back or loaded.too_many or not target.facts.may_keep_rows:
        return False
    # The earlier versions of rows that the parse rejected are to be kept.
    most = loaded.inserted + loaded.updated + loaded.unchanged + loaded.skipped + spooled.report.rows.rejected
    statement = f"SELECT count(*) FROM {target.quoted} WHERE {scope(dataset)}"
    return bool((await connection.exec_driver_sql(statement)).scalar_one() > most)


async def replaced(
    connection: AsyncConnection,
    dataset: Dataset,
    spooled: Spooled,
    merge: Merge,
    kept: str | None,
    write: Callable[[], Awaitable[Merged]],
) -> tuple[Merged, bool]:
    """Delete the rows that the file does not have and write its own; return what that wrote, and if they are gone.

    Where rows of the table refer to each other it is tried the other way round, too: those of the file may refer, until
    they are written, to some that go.

    Raises:
        RefusedLoadError, TargetMismatchError: they must stay.

    """
    with may_be_referred_to(dataset):
        try:
            async with savepoint(connection):
                deleted = await delete_others(connection, dataset, spooled, merge, kept)
        except DBAPIError as error:
            own = any(key.own for key in merge.target.facts.referrers)
            if replaces_all(dataset) or not own or not is_reference(error):
                raise
            merged = await write()
            return merged, await delete_others(connection, dataset, spooled, merge, kept)
    return await write(), deleted


async def refuse_cascades(connection: AsyncConnection, dataset: Dataset, target: Target, gone: str) -> None:
    """Refuse to delete rows that take rows of other tables with them, unless the dataset asks for it.

    Raises:
        TargetMismatchError: there are such rows; names their table.

    """
    if dataset.load.replace_cascades:
        return
    for key in target.facts.referrers:
        if not key.cascades:
            continue
        pairs = zip(key.columns, key.other_columns, strict=True)
        same = " AND ".join(f"r.{theirs} = t.{mine}" for mine, theirs in pairs)
        # By themselves: `key_where` names columns without a table, which the other may have as well.
        rows = f"(SELECT {', '.join(f't.{mine}' for mine in key.columns)} FROM {target.quoted} t WHERE {gone}) t"
        found = await connection.exec_driver_sql(f"SELECT EXISTS (SELECT 1 FROM {rows} JOIN {key.other} r ON {same})")
        if found.scalar_one():
            raise TargetMismatchError(
                say(
                    "rows of table {table} that the file does not have are referred to by {other} ({name}, ON "
                    "DELETE {on_delete}): replacing them would change it too; write load.replace_cascades: true if "
                    "that is meant",
                    table=dataset.load.table,
                    other=key.other,
                    name=key.name,
                    on_delete=key.on_delete,
                )
            )
