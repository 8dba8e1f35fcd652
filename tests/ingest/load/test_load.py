"""The load on both databases: exact values, exact counts, and a target table that is verified."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from goods import COLUMNS, ROW, changed, dataset, load_spooled, loaded, rows_of, run, spooled, table

from ingest.load.load import load
from ingest.load.loaded import Loaded, TargetMismatchError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database


async def test_values_arrive_as_they_are(database: Database, tmp_path: Path) -> None:
    result = await loaded(database, dataset(), tmp_path, [ROW])
    assert result == Loaded(inserted=1, updated=0, unchanged=0)
    (row,) = await table(database)
    if database.dialect == "postgresql":
        assert row == (
            "A-1",
            1,
            Decimal("12.30"),
            Decimal("12345678901234567890.1234"),
            0.1,
            True,
            dt.date(2026, 1, 31),
            dt.datetime(2026, 1, 31, 23, 59, 59, 500000),  # noqa: DTZ001  # sheets know no zones
            "plain",
        )
    else:
        assert row == (
            "A-1",
            1,
            12.3,
            "12345678901234567890.1234",
            0.1,
            1,
            "2026-01-31",
            "2026-01-31 23:59:59.5",
            "plain",
        )


TRICKY = [
    "",
    "\\",
    "\\N",
    "\\.",
    "a\tb",
    "a\nb",
    "a\n\\.\nb",
    "a\r\nb",
    "\\t",
    "\\\\n",
    "'; DROP TABLE goods; --",
    "订单 €",
]


async def test_tricky_text_survives(database: Database, tmp_path: Path) -> None:
    rows = [changed(size=number, note=text) for number, text in enumerate(TRICKY)]
    rows.append(changed(size=len(TRICKY), note=None))
    await loaded(database, dataset(), tmp_path, rows)
    assert [row[0] for row in await table(database, "note, sku, size")] == [*TRICKY, None]


async def test_upsert_tells_inserted_updated_and_unchanged_apart(database: Database, tmp_path: Path) -> None:
    await loaded(database, dataset(), tmp_path, [changed(size=n) for n in range(4)])
    rows = [changed(size=0), changed(size=1, note=None), changed(size=2, price="9.99"), changed(size=7)]
    result = await loaded(database, dataset(), tmp_path, rows)
    assert result == Loaded(inserted=1, updated=2, unchanged=1)
    assert [row[0] for row in await table(database, "size, sku")] == [0, 1, 2, 3, 7]
    again = await loaded(database, dataset(), tmp_path, rows)
    assert again == Loaded(inserted=0, updated=0, unchanged=4)


async def test_upsert_may_write_unchanged_rows_too(database: Database, tmp_path: Path) -> None:
    spec = dataset(**{"mode: upsert": "mode: upsert, unchanged: update"})
    await loaded(database, spec, tmp_path, [ROW])
    assert await loaded(database, spec, tmp_path, [ROW]) == Loaded(inserted=0, updated=1, unchanged=0)


async def test_insert_takes_no_row_that_is_the_same_for_a_conflict(database: Database, tmp_path: Path) -> None:
    spec = dataset(**{"mode: upsert": "mode: insert, unchanged: update"})
    await loaded(database, spec, tmp_path, [ROW])
    result = await loaded(database, spec, tmp_path, [ROW, changed(size=9)])
    assert (result.inserted, result.unchanged, result.refused) == (1, 1, {})


@pytest.mark.parametrize(("unchanged", "counts", "seen"), [("skip", (0, 1), "before"), ("update", (1, 0), "now")])
async def test_rows_that_are_nothing_but_their_key_are_stamped_if_unchanged_ones_are_written(
    database: Database, tmp_path: Path, unchanged: str, counts: tuple[int, int], seen: str
) -> None:
    content = {
        "dataset": "seen",
        "fields": [{"name": "k", "type": "string"}],
        "primaryKey": ["k"],
        "load": {
            "table": "t",
            "mode": "upsert",
            "unchanged": unchanged,
            "set": {"seen": "now", "at": {"value": "now"}},
        },
    }
    spec = parse_dataset(json.dumps(content), "seen.yml")
    await run(database, "CREATE TABLE t (k varchar(9) PRIMARY KEY, seen timestamp, at varchar(9))")
    await run(database, "INSERT INTO t (k, at) VALUES ('a', 'before'), ('z', 'before')")
    result = await load_spooled(database, spec, spooled(tmp_path, spec, [["a"], ["b"]]))
    assert (result.inserted, result.updated, result.unchanged) == (1, *counts)
    assert await rows_of(database, "SELECT k, at FROM t ORDER BY k") == [("a", seen), ("b", "now"), ("z", "before")]


async def test_insert_names_the_rows_whose_key_is_taken(database: Database, tmp_path: Path) -> None:
    spec = dataset("insert")
    await loaded(database, spec, tmp_path, [changed(size=n) for n in range(3)])
    rows = [changed(size=0), changed(size=1, note="other"), changed(size=9), changed(size=2, price=None)]
    result = await loaded(database, spec, tmp_path, rows)
    assert (result.inserted, result.updated, result.unchanged) == (1, 0, 1)
    assert result.refused == {"row.key_conflict": 2}
    assert [(record.code, record.cell, record.field) for record in result.records] == [
        ("row.key_conflict", "A3", "sku"),
        ("row.key_conflict", "A5", "sku"),
    ]
    assert [row[0] for row in await table(database, "note, sku, size")] == ["plain"] * 4


async def test_insert_without_a_key_appends(database: Database, tmp_path: Path) -> None:
    spec = dataset("insert", **{"primaryKey: [sku, size]": ""})
    for _ in range(2):
        assert (await loaded(database, spec, tmp_path, [ROW, ROW])).inserted == 2
    assert len(await table(database)) == 4


async def test_nothing_stays_when_the_transaction_is_undone(database: Database, tmp_path: Path) -> None:
    await loaded(database, dataset(), tmp_path, [ROW])
    rows = spooled(tmp_path, dataset(), [changed(size=5)])

    async def undone() -> None:
        async with database.write() as connection:
            await load(connection, dataset(), rows, at_fault=lambda _: False)
            raise RuntimeError("undo")

    with pytest.raises(RuntimeError, match="undo"):
        await undone()
    assert len(await table(database)) == 1
    assert (await loaded(database, dataset(), tmp_path, [changed(size=5)])).inserted == 1


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE TABLE goods (sku text, size bigint, PRIMARY KEY (sku, size))", "has no column price"),
        (f"CREATE TABLE goods ({COLUMNS})", "no primary key or unique index"),
        (f"CREATE TABLE goods ({COLUMNS}, tenant text NOT NULL, UNIQUE (sku, size))", "demands a value for tenant"),
    ],
)
async def test_a_target_that_cannot_take_the_rows_is_refused(
    database: Database, tmp_path: Path, statement: str, message: str
) -> None:
    async with database.write() as connection:
        await connection.execute(sa.text(statement))
    with pytest.raises(TargetMismatchError, match=message):
        await loaded(database, dataset(), tmp_path, [ROW])


async def test_a_lossy_column_type_is_refused(database: Database, tmp_path: Path) -> None:
    if database.dialect == "sqlite":
        return  # SQLite keeps what it is given, whatever the column says
    async with database.write() as connection:
        await connection.execute(
            sa.text(f"CREATE TABLE goods ({COLUMNS}, PRIMARY KEY (sku, size))".replace("numeric(12,2)", "real"))
        )
    with pytest.raises(TargetMismatchError, match=r"column price .* without loss"):
        await loaded(database, dataset(), tmp_path, [ROW])


async def test_identifiers_are_quoted(database: Database, tmp_path: Path) -> None:
    text = """
dataset: odd
version: 1
fields:
  - {name: 'se"lect', type: string, header: [a]}
  - {name: Größe, type: integer, header: [b]}
primaryKey: ['se"lect']
load: {table: 'or"der', mode: upsert}
"""
    spec = parse_dataset(text, "odd.yml")
    for expected in (Loaded(inserted=1, updated=0, unchanged=0), Loaded(inserted=0, updated=0, unchanged=1)):
        assert await loaded(database, spec, tmp_path, [["x", 1]]) == expected


async def test_replace_leaves_only_the_rows_of_the_file(database: Database, tmp_path: Path) -> None:
    await loaded(database, dataset(), tmp_path, [ROW, changed(sku="B-1")])
    result = await loaded(database, dataset("replace"), tmp_path, [changed(size=7), changed(sku="C-1")])
    assert result == Loaded(inserted=2, updated=0, unchanged=0)
    assert await table(database, "sku, size") == [("A-1", 7), ("C-1", 1)]


async def test_lineage_names_the_job_and_the_sheet_row(database: Database, tmp_path: Path) -> None:
    spec = dataset(**{"mode: upsert": "mode: upsert, lineage: true"})
    await loaded(database, spec, tmp_path, [ROW, changed(sku="B-1")], job=41)
    rows = [ROW, changed(sku="B-1", note="new"), changed(sku="C-1")]
    assert await loaded(database, spec, tmp_path, rows, job=42) == Loaded(inserted=1, updated=1, unchanged=1)
    assert await table(database, "sku, headgate_job, headgate_row") == [
        ("A-1", 41, 2),
        ("B-1", 42, 3),
        ("C-1", 42, 4),
    ]


async def test_a_table_without_the_lineage_columns_is_refused(database: Database, tmp_path: Path) -> None:
    await loaded(database, dataset(), tmp_path, [ROW])
    with pytest.raises(TargetMismatchError, match="headgate_job, headgate_row"):
        await loaded(database, dataset(**{"mode: upsert": "mode: upsert, lineage: true"}), tmp_path, [ROW])


async def test_times_of_a_zone_arrive_as_moments(database: Database, tmp_path: Path) -> None:
    zoned = dataset(**{"type: datetime, header: [Seen]": "type: datetime, header: [Seen], timezone: Asia/Shanghai"})
    await loaded(database, zoned, tmp_path, [changed(seen_at="2026-01-31 15:59:59+00:00")])
    [(seen_at,)] = await table(database, "seen_at")
    if database.dialect == "postgresql":
        assert seen_at == dt.datetime(2026, 1, 31, 15, 59, 59, tzinfo=dt.UTC)
        with pytest.raises(TargetMismatchError, match=r"seen_at.*with time zone"):
            await loaded(database, dataset(), tmp_path, [ROW])
    else:
        assert seen_at == "2026-01-31 15:59:59+00:00"
