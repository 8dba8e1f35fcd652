"""Rows that go straight into the target table, and what leads them the other way."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from asked import asked
from goods import (
    COLUMNS,
    changed,
    dataset,
    load_spooled,
    loaded,
    opened,
    rows_of,
    run,
    spooled,
    table,
    waits_for_a_lock,
)

from ingest.load.loaded import Loaded
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from asked import Statement

    from daemon.database.database import Database

MANY = 2_000
LARGE = 50_000
SINGLE = {"primaryKey: [sku, size]": "primaryKey: [size]"}


def numbered(start: int, count: int = MANY, **values: Any) -> list[list[Any]]:
    return [changed(size=number, **values) for number in range(start, start + count)]


def span(rows: Sequence[Sequence[Any]]) -> tuple[str, str]:
    return str(min(row[1] for row in rows)), str(max(row[1] for row in rows))


@pytest.fixture
def statements(database: Database) -> list[Statement]:
    """Return what SQLAlchemy is asked to run from now on."""
    return asked(database)


def staged(statements: Sequence[Statement]) -> bool:
    return any("INSERT INTO" in one.text and not one.text.startswith("EXPLAIN") for one in statements)


@pytest.mark.parametrize("mode", ["upsert", "replace", "insert"])
@pytest.mark.parametrize("lineage", ["", ", lineage: true"])
async def test_many_new_rows_go_straight_into_the_table(
    database: Database, tmp_path: Path, statements: list[Statement], mode: str, lineage: str
) -> None:
    spec = dataset(mode, **SINGLE, **{f"mode: {mode}": f"mode: {mode}{lineage}"})
    for start in (0, 10 * MANY):
        rows = numbered(start)
        result = await loaded(database, spec, tmp_path, rows, job=start, key_range=span(rows))
        assert result == Loaded(inserted=MANY, updated=0, unchanged=0)
    assert staged(statements) is (database.dialect == "sqlite")
    kept = await table(database, "size, sku, headgate_job, headgate_row" if lineage else "size, sku")
    assert len(kept) == (MANY if mode == "replace" else 2 * MANY)
    assert kept[-1] == (11 * MANY - 1, "A-1", 10 * MANY, MANY + 1)[: len(kept[-1])]


async def test_many_rows_of_known_keys_are_merged(database: Database, tmp_path: Path) -> None:
    spec = dataset(**SINGLE)
    await loaded(database, spec, tmp_path, numbered(0))
    rows = [*numbered(MANY // 2, price="9.99"), *numbered(10 * MANY, 1)]
    result = await loaded(database, spec, tmp_path, rows, key_range=span(rows))
    assert result == Loaded(inserted=MANY // 2 + 1, updated=MANY // 2, unchanged=0)
    again = await loaded(database, spec, tmp_path, rows, key_range=span(rows))
    assert again == Loaded(inserted=0, updated=0, unchanged=MANY + 1)


async def test_unchanged_rows_of_a_large_table_leave_no_dead_ones(postgres_database: str, tmp_path: Path) -> None:
    spec = dataset(**SINGLE)
    rows = [*numbered(0, 30), *numbered(30, 20, price="9.99"), *numbered(LARGE, 10)]
    async with opened(postgres_database) as database:
        known = numbered(0, LARGE)
        assert (await loaded(database, spec, tmp_path, known, key_range=span(known))).inserted == LARGE
    await counted(postgres_database, inserted=LARGE)
    async with opened(postgres_database) as database:
        result = await loaded(database, spec, tmp_path, rows, key_range=span(rows))
        assert result == Loaded(inserted=10, updated=20, unchanged=30)
    after = await counted(postgres_database, inserted=LARGE + 10)
    assert (after["n_tup_upd"], after["n_tup_del"]) == (20, 0)
    assert after["n_dead_tup"] <= 20


async def test_known_keys_are_looked_up_and_a_large_table_is_not_read_for_them(
    postgres_database: str, tmp_path: Path
) -> None:
    spec = dataset(**SINGLE)
    rows = [*numbered(0, MANY, price="9.99"), *numbered(LARGE, 10)]
    async with opened(postgres_database) as database:
        known = numbered(0, LARGE)
        await loaded(database, spec, tmp_path, known, key_range=span(known))
    before = await counted(postgres_database, inserted=LARGE)
    async with opened(postgres_database) as database:
        result = await loaded(database, spec, tmp_path, rows, key_range=span(rows))
        assert result == Loaded(inserted=10, updated=MANY, unchanged=0)
    after = await counted(postgres_database, inserted=LARGE + 10)
    assert after["seq_scan"] == before["seq_scan"]


async def counted(url: str, inserted: int) -> dict[str, int]:
    """Return what the server has counted for the table, once it has counted so many inserted rows."""
    names = ("n_tup_ins", "n_tup_upd", "n_tup_del", "n_dead_tup", "seq_scan")
    statement = f"SELECT {', '.join(names)} FROM pg_stat_user_tables WHERE relname = 'goods'"
    async with opened(url) as database, asyncio.timeout(30):
        await run(database, "ANALYZE goods")
        while True:
            # A connection that has ended has told all of its counts, but not at once.
            [row] = await rows_of(database, statement)
            found = dict(zip(names, row, strict=True))
            if found["n_tup_ins"] >= inserted:
                return found
            await asyncio.sleep(0.05)


async def test_many_rows_between_known_keys_are_inserted(
    database: Database, tmp_path: Path, statements: list[Statement]
) -> None:
    spec = dataset(**SINGLE)
    await loaded(database, spec, tmp_path, numbered(0, 1))
    await loaded(database, spec, tmp_path, numbered(MANY, 1))
    statements.clear()
    rows = numbered(1, MANY - 1) + numbered(MANY + 1, 1)
    assert (await loaded(database, spec, tmp_path, rows, key_range=span(rows))).inserted == MANY
    assert staged(statements)
    assert len(await table(database)) == MANY + 2


async def test_many_rows_reach_a_table_that_cannot_be_copied_to(database: Database, tmp_path: Path) -> None:
    if database.dialect == "sqlite":
        return  # it has no COPY
    spec = dataset("insert", **{"primaryKey: [sku, size]": ""})
    async with database.write() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE stock ({COLUMNS})")
        await connection.exec_driver_sql("CREATE VIEW goods AS SELECT * FROM stock")
    assert (await loaded(database, spec, tmp_path, numbered(0))).inserted == MANY
    assert len(await table(database)) == MANY


@pytest.mark.parametrize(
    ("column", "keys"),
    [
        ("bigint", [*range(-5, MANY - 5)]),
        ("numeric(20,0)", [*range(MANY)]),
        ("date", [str(dt.date(2020, 1, 1) + dt.timedelta(days=day)) for day in range(MANY)]),
        (
            "timestamp",
            [f"2026-01-{1 + number // 1440:02} {number // 60 % 24:02}:{number % 60:02}:00" for number in range(MANY)],
        ),
        ("timestamptz", [f"2026-01-01 00:00:00.{number:06}+00:00" for number in range(1, MANY + 1)]),
        ("char(9)", [str(10**8 + number) for number in range(MANY)]),
        ("varchar(20)", [str(10**8 + number) for number in range(MANY)]),
    ],
)
async def test_keys_of_every_ordered_type_are_looked_for(
    postgres_database: str, tmp_path: Path, column: str, keys: list[Any]
) -> None:
    kinds = {"bigint": "integer", "numeric(20,0)": "integer", "date": "date", "timestamp": "datetime"}
    zone = ", timezone: UTC" if column == "timestamptz" else ""
    kind = kinds.get(column, "datetime" if zone else "string")
    text = f"""
dataset: goods
fields:
  - {{name: sku, type: {kind}, header: [SKU]{zone}}}
  - {{name: size, type: integer, header: [Size]}}
primaryKey: [sku]
load: {{table: goods, mode: upsert}}
"""
    spec = parse_dataset(text, "goods.yml")
    async with opened(postgres_database) as database:
        async with database.write() as connection:
            await connection.exec_driver_sql(f"CREATE TABLE goods (sku {column} PRIMARY KEY, size bigint)")
        key_range = str(keys[0]), str(keys[-1])
        rows = [[key, 1] for key in keys]
        for expected in (Loaded(inserted=MANY, updated=0, unchanged=0), Loaded(inserted=0, updated=0, unchanged=MANY)):
            assert await loaded(database, spec, tmp_path, rows, key_range=key_range) == expected


async def test_rows_that_a_trigger_keeps_out_are_not_counted_as_inserted(
    postgres_database: str, tmp_path: Path
) -> None:
    spec = dataset(**SINGLE)
    async with opened(postgres_database) as database:
        async with database.write() as connection:
            await connection.exec_driver_sql(f"CREATE TABLE goods ({COLUMNS}, PRIMARY KEY (size))")
            await connection.exec_driver_sql(
                "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN IF NEW.size % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END'"
            )
            await connection.exec_driver_sql(
                "CREATE TRIGGER odd BEFORE INSERT ON goods FOR EACH ROW EXECUTE FUNCTION odd()"
            )
        rows = numbered(0, 10)
        result = await loaded(database, spec, tmp_path, rows, key_range=span(rows))
        assert result == Loaded(inserted=5, skipped=5)
        assert await loaded(database, spec, tmp_path, rows, key_range=span(rows)) == Loaded(unchanged=5, skipped=5)
        assert len(await table(database)) == 5


async def test_what_the_table_refuses_is_found_in_whatever_way_it_comes(database: Database, tmp_path: Path) -> None:
    spec = dataset(**SINGLE)
    async with database.write() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE goods ({COLUMNS}, PRIMARY KEY (size), CHECK (price < 20))")
    good = numbered(0, fine=None), numbered(MANY + 1, 1, fine=None)
    rows = [*good[0], *numbered(MANY, 1, fine=None, price="99.99"), *good[1]]
    result = await loaded(database, spec, tmp_path, rows, key_range=span(rows))
    assert (result.inserted, result.refused) == (MANY + 1, {"row.db_check": 1})
    assert [record.row for record in result.records] == [MANY + 2]
    assert len(await table(database)) == MANY + 1


@pytest.mark.parametrize("first", [[], [changed(size=9_999)]], ids=["copied", "inserted"])
async def test_a_key_that_another_transaction_brings_meanwhile_is_met(
    postgres_database: str, tmp_path: Path, first: list[list[Any]]
) -> None:
    """The load sees no such key, copies or inserts, waits for the other transaction, and then merges instead."""
    async with opened(postgres_database) as database:
        await loaded(database, dataset(), tmp_path, first)
        async with database.write() as other:
            await other.exec_driver_sql("INSERT INTO goods (sku, size, price) VALUES ('A-1', 3, 1)")
            load_waiting = asyncio.create_task(
                loaded(database, dataset(), tmp_path, [changed(size=number) for number in range(2_000)])
            )
            async with asyncio.timeout(30):
                while not await waits_for_a_lock(database):  # noqa: ASYNC110  # the server tells nobody
                    await asyncio.sleep(0.02)
        assert await load_waiting == Loaded(inserted=1_999, updated=1, unchanged=0)
        assert len(await table(database)) == 2_000 + len(first)


async def _waits_for_a_lock(database: Database) -> bool:
    async with database.read() as connection:
        waiting = await connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(waiting.scalar_one())


@pytest.mark.parametrize("mode", ["upsert", "insert"])
async def test_a_row_that_is_there_twice_by_inheritance_counts_once(
    postgres_database: str, tmp_path: Path, mode: str
) -> None:
    """The unique index of a table knows nothing of the tables that inherit from it, whose rows are seen in it."""
    fields = [{"name": "k", "type": "string"}, {"name": "v", "type": "integer"}]
    content = {"dataset": "d", "fields": fields, "primaryKey": ["k"], "load": {"table": "t", "mode": mode}}
    spec = parse_dataset(json.dumps(content), "d.yml")
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TABLE t (k text PRIMARY KEY, v int)",
            "CREATE TABLE child (x int) INHERITS (t)",
            "INSERT INTO t VALUES ('a', 1), ('same', 5)",
            "INSERT INTO child VALUES ('a', 1), ('of child', 3), ('same', 5)",
        )
        rows = [["a", 2], ["b", 4], ["of child", 4], ["same", 5]]
        result = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        counts = (result.inserted, result.updated, result.unchanged, result.skipped, result.rejected)
        assert counts == ((1, 2, 1, 0, 0) if mode == "upsert" else (1, 0, 1, 0, 2))
        kept = (
            [("a", 1), ("a", 1), ("b", 4), ("of child", 3)]
            if mode == "insert"
            else [("a", 2), ("a", 2), ("b", 4), ("of child", 4)]
        )
        assert await rows_of(database, "SELECT k, v FROM t ORDER BY k") == [*kept, ("same", 5), ("same", 5)]
