"""A dataset of goods, its rows as a worker leaves them, and their load: shared by the tests of loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from daemon.database.database import Database
from ingest.load.load import load
from ingest.load.statements import Loaded, NotStraightError
from ingest.output.report import accepted_columns
from ingest.spec.dataset import Dataset, parse_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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


def spooled(folder: Path, spec: Dataset, rows: Sequence[Sequence[Any]], job: int = 1) -> Path:
    """Write COPY text by the PostgreSQL manual, independently of the code that the workers use."""
    path = folder / "accepted.copy"
    before = {"headgate_job": job}
    with path.open("w", encoding="utf-8", newline="") as file:
        for before["headgate_row"], row in enumerate(rows, start=2):
            lineage = [before[name] for name in accepted_columns(spec) if name in before]
            file.write("\t".join(map(copy_text, [*lineage, *row])) + "\n")
    return path


def changed(**values: Any) -> list[Any]:
    names = ["sku", "size", "price", "fine", "weight", "active", "since", "seen_at", "note"]
    return [values.get(name, old) for name, old in zip(names, ROW, strict=True)]


async def loaded(
    database: Database,
    spec: Dataset,
    folder: Path,
    rows: Sequence[Sequence[Any]],
    job: int = 1,
    key_range: tuple[str, str] | None = None,
) -> Loaded:
    path = spooled(folder, spec, rows, job)
    try:
        async with database.write() as connection:
            return await load(connection, spec, path, rows=len(rows), key_range=key_range)
    except NotStraightError:
        async with database.write() as connection:
            return await load(connection, spec, path, rows=len(rows), key_range=key_range, straight=False)


async def table(database: Database, columns: str = "*") -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        rows = await connection.execute(sa.text(f"SELECT {columns} FROM goods ORDER BY sku, size"))
        return [tuple(row) for row in rows]


def opened(url: str) -> Database:
    return Database(
        url=url,
        pool_size=3,
        max_overflow=0,
        pool_timeout_seconds=10,
        leak_seconds=60,
        connect_timeout_seconds=10,
    )
