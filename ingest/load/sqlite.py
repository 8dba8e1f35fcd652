"""Rows into SQLite: staged by its own driver's thread, then merged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ..output.report import accepted_columns
from .statements import (
    CONFLICTS_NAMED,
    ROW,
    STAGE,
    Loaded,
    differs,
    insert_statement,
    on_conflict,
    same_key,
    stage_columns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .target import Target


async def load_rows(connection: AsyncConnection, dataset: Dataset, target: Target, accepted: Path) -> Loaded:
    """Stage the rows in a temporary table and merge them into the target by key."""
    await _stage(connection, dataset, target, accepted)
    loaded = await _merge(connection, dataset, target)
    await connection.exec_driver_sql(f"DROP TABLE temp.{STAGE}")
    return loaded


async def _stage(connection: AsyncConnection, dataset: Dataset, target: Target, accepted: Path) -> None:
    await connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {STAGE} ({stage_columns(connection, dataset, target)})")
    driver: Any = (await connection.get_raw_connection()).driver_connection
    marks = ", ".join("?" for _ in accepted_columns(dataset))
    # The generator is consumed in the driver's own thread: the event loop never sees a row.
    cursor = await driver.executemany(f"INSERT INTO temp.{STAGE} VALUES ({marks})", _rows(dataset, accepted))
    await cursor.close()


async def _merge(connection: AsyncConnection, dataset: Dataset, target: Target) -> Loaded:
    # "WHERE true" keeps SQLite's parser from reading ON CONFLICT as a join condition.
    insert = f"{insert_statement(target, f'temp.{STAGE}')} WHERE true"
    total = await _scalar(connection, f"SELECT count(*) FROM temp.{STAGE}")
    if not target.key:
        await connection.exec_driver_sql(insert)
        return Loaded(inserted=total, updated=0, unchanged=0)
    join = f"temp.{STAGE} s JOIN {target.quoted} t ON {same_key('t', 's', target.key)}"
    present = await _scalar(connection, f"SELECT count(*) FROM {join}")
    if dataset.load.mode != "insert":
        conflict = on_conflict(dataset, target).replace("IS DISTINCT FROM", "IS NOT")
        written = (await connection.exec_driver_sql(f"{insert} {conflict}")).rowcount
        inserted = total - present
        return Loaded(inserted=inserted, updated=written - inserted, unchanged=total - written)
    differing = f"FROM {join} WHERE {differs('t', 's', target, 'IS NOT')}"
    conflicts = await _scalar(connection, f"SELECT count(*) {differing}")
    named = await connection.exec_driver_sql(f"SELECT s.{ROW} {differing} ORDER BY s.{ROW} LIMIT {CONFLICTS_NAMED}")
    rows = tuple(named.scalars())
    await connection.exec_driver_sql(f"{insert} ON CONFLICT ({', '.join(target.key)}) DO NOTHING")
    return Loaded(
        inserted=total - present,
        updated=0,
        unchanged=present - conflicts,
        conflicts=conflicts,
        conflict_rows=rows,
    )


ESCAPED: Final = re.compile(r"\\(.)")


MEANING: Final = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


def _unescape(text: str) -> str:
    return ESCAPED.sub(lambda match: MEANING[match[1]], text)


def _rows(dataset: Dataset, accepted: Path) -> Iterator[list[object]]:
    r"""Yield the rows of a COPY text file as SQLite stores them: `\N` is null, booleans are 0 and 1."""
    kinds = {field.name: field.type.kind for field in dataset.fields}
    convert = [_from_copy(kinds.get(name, "integer")) for name in accepted_columns(dataset)]
    with accepted.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            values: list[object] = list(line.rstrip("\n").split("\t"))
            for index, function in enumerate(convert):
                text = values[index]
                if text == "\\N":
                    values[index] = None
                elif function is not None:
                    values[index] = function(str(text))
                elif "\\" in str(text):
                    values[index] = _unescape(str(text))
            yield values


def _from_copy(kind: str) -> Callable[[str], object] | None:
    converters: dict[str, Callable[[str], object]] = {
        "integer": int,
        "number": float,
        "boolean": lambda text: text == "t",
    }
    return converters.get(kind)


async def _scalar(connection: AsyncConnection, statement: str) -> int:
    return int((await connection.exec_driver_sql(statement)).scalar_one())
