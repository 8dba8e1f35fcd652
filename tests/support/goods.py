"""A dataset of goods, its rows as a worker leaves them, and their load: shared by the tests of loads."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from daemon.database.database import Database
from ingest.load.load import load
from ingest.load.loaded import Loaded, OtherWayError, Spooled, Way
from ingest.load.sample import see_deferred
from ingest.output.report import ACCEPTED_FILE, ROWS_FILE, ParsedRows, Report, SheetPart
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.database.connector import Access
    from ingest.spec.dataset import Dataset

COLUMNS = (
    "sku text, size bigint, price numeric(12,2), fine numeric, weight double precision, "
    "active boolean, since date, seen_at timestamp, note text"
)
SPEC = """
dataset: goods
version: 1
fields:
  - {name: sku, type: string, header: [SKU]}
  - {name: size, type: integer, header: [Size]}
  - {name: price, type: "decimal(12,2)", header: [Price]}
  - {name: fine, type: "decimal(30,4)", header: [Fine]}
  - {name: weight, type: number, header: [Weight]}
  - {name: active, type: boolean, header: [Active]}
  - {name: since, type: date, header: [Since]}
  - {name: seen_at, type: datetime, header: [Seen]}
  - {name: note, type: string, header: [Note]}
primaryKey: [sku, size]
load: {table: goods, mode: MODE}
"""
ROW = ["A-1", 1, "12.30", "12345678901234567890.1234", 0.1, True, "2026-01-31", "2026-01-31 23:59:59.5", "plain"]
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def dataset(mode: str = "upsert", **replacements: str) -> Dataset:
    text = SPEC.replace("MODE", mode)
    for old, new in replacements.items():
        text = text.replace(old, new)
    return parse_dataset(text, "goods.yml")


def copy_text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value).translate(ESCAPES)


def spooled(
    folder: Path,
    spec: Dataset,
    rows: Sequence[Any],
    *,
    job: int = 1,
    key_range: tuple[str, str] | None = None,
    absent: Sequence[str] = (),
    rejected: int = 0,
) -> Spooled:
    """Write COPY text by the PostgreSQL manual, independently of the code that the workers use."""
    fields = [field.name for field in spec.fields if field.name not in absent]
    with (folder / ACCEPTED_FILE).open("w", encoding="utf-8", newline="") as file:
        for number, row in enumerate(rows, start=2):
            lineage = [number, job] if spec.load.lineage else []
            file.write("\t".join(map(copy_text, [*lineage, *row])) + "\n")
    (folder / ROWS_FILE).write_bytes(array("q", range(2, len(rows) + 2)).tobytes())
    places = {name: place for place, name in enumerate(fields)}
    part = SheetPart(
        sheet="S",
        accepted=len(rows),
        columns=places,
        letters={name: chr(65 + place) for name, place in places.items()},
        titles={name: name for name in fields},
    )
    report = Report(
        rows=ParsedRows(read=len(rows) + rejected, accepted=len(rows), rejected=rejected),
        codes={},
        seconds={},
        key_range=key_range,
        parts=(part,),
        absent=tuple(absent),
    )
    return Spooled.of(spec, report, folder)


def changed(**values: Any) -> list[Any]:
    names = ["sku", "size", "price", "fine", "weight", "active", "since", "seen_at", "note"]
    return [values.get(name, old) for name, old in zip(names, ROW, strict=True)]


async def loaded(
    database: Database, spec: Dataset, folder: Path, rows: Sequence[Sequence[Any]], **parsed: Any
) -> Loaded:
    """Load rows by whatever way they go, as the daemon does."""
    return await load_spooled(database, spec, spooled(folder, spec, rows, **parsed))


class _UndoneError(Exception):
    """Takes what a load has come to out of its transaction, which ends with it."""

    def __init__(self, loaded: Loaded) -> None:
        super().__init__()
        self.loaded = loaded


async def load_spooled(database: Database, spec: Dataset, rows: Spooled, *, undone: bool = False) -> Loaded:
    """Load rows, `undone` as for a check: the constraints that wait for the end are looked at, and nothing stays."""

    def at_fault(error: BaseException) -> bool:
        return database.classify(error) == "data"

    way = Way.STAGED if undone else Way.STRAIGHT
    while True:
        try:
            async with database.write() as connection:
                result = await load(connection, spec, rows, way=way, at_fault=at_fault)
                if undone:
                    await see_deferred(connection)
                    raise _UndoneError(result)
                return result
        except _UndoneError as error:
            return error.loaded
        except OtherWayError as error:
            way = error.way
        except Exception as error:
            if way is Way.ROW_BY_ROW or not at_fault(error):
                raise
            way = Way.ROW_BY_ROW


async def waits_for_a_lock(database: Database) -> bool:
    """Say whether anybody on the server waits for a lock."""
    async with database.read() as connection:
        waiting = await connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(waiting.scalar_one())


async def run(database: Database, *statements: str) -> None:
    async with database.write() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)


async def rows_of(database: Database, statement: str) -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        return [tuple(row) for row in await connection.exec_driver_sql(statement)]


async def table(database: Database, columns: str = "*") -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        rows = await connection.execute(sa.text(f"SELECT {columns} FROM goods ORDER BY sku, size"))
        return [tuple(row) for row in rows]


def opened(url: str, access: Access | None = None) -> Database:
    return Database(
        url=url,
        pool_size=3,
        max_overflow=0,
        pool_timeout_seconds=10,
        leak_seconds=60,
        connect_timeout_seconds=10,
        access=access,
    )
