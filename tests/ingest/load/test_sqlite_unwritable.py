"""What keeps every row out of a table of SQLite: foreign keys that lead nowhere, broken triggers, views."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from goods import load_spooled, opened, rows_of, run, spooled
from shop_rows import put, spec_of, sqlite_in

from ingest.load.inspection import inspect
from ingest.load.loaded import Loaded, TargetMismatchError

if TYPE_CHECKING:
    from pathlib import Path


NOWHERE = {
    "no table": (["CREATE TABLE t (k TEXT PRIMARY KEY, shop INTEGER REFERENCES shop, v INT)"], "which is not there"),
    "no such table of a column": (
        ["CREATE TABLE t (k TEXT PRIMARY KEY, shop INTEGER REFERENCES Shop(id), v INT)"],
        '"shop" of table t refers to table main."Shop"',
    ),
    "not unique": (
        [
            "CREATE TABLE shop (id INTEGER)",
            "CREATE TABLE t (k TEXT PRIMARY KEY, shop INTEGER REFERENCES shop(id), v INT)",
        ],
        "table t refers to columns of table shop that are not its primary key",
    ),
    "another collation": (
        [
            "CREATE TABLE shop (id TEXT)",
            "CREATE UNIQUE INDEX u ON shop (id COLLATE NOCASE)",
            "CREATE TABLE t (k TEXT PRIMARY KEY, shop INTEGER REFERENCES shop(id), v INT)",
        ],
        "table t refers to columns of table shop",
    ),
    "a trigger's table": (
        [
            "CREATE TABLE gone (k)",
            "CREATE TABLE t (k TEXT PRIMARY KEY, shop INTEGER, v INT)",
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO gone VALUES (NEW.k); END",
            "DROP TABLE gone",
        ],
        "cannot write into table t: no such table: main.gone",
    ),
}


@pytest.mark.parametrize("name", NOWHERE)
async def test_sqlite_names_at_once_what_keeps_a_table_from_being_written(tmp_path: Path, name: str) -> None:
    statements, said = NOWHERE[name]
    async with opened(sqlite_in(tmp_path)) as database:
        await run(database, *statements)
        with pytest.raises(TargetMismatchError, match=said):
            await put(database, spec_of(), tmp_path, [["a", None, 1]])
        async with database.read() as connection:
            [problem] = (await inspect(connection, spec_of(), tmp_path)).problems
        assert said in problem


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
async def test_sqlite_names_a_child_of_columns_that_no_file_fills(tmp_path: Path, mode: str) -> None:
    said = "a foreign key of table child refers to columns of table t"
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE t (k TEXT UNIQUE, shop INTEGER, v INT, code TEXT)",
            "CREATE TABLE child (code REFERENCES t (code))",
        )
        with pytest.raises(TargetMismatchError, match=said):
            await put(database, spec_of(mode=mode), tmp_path, [["a", None, 1]])
        async with database.read() as connection:
            [problem] = (await inspect(connection, spec_of(mode=mode), tmp_path)).problems
        assert said in problem


async def test_sqlite_plans_the_fields_of_the_file_and_all_of_them_for_a_look(tmp_path: Path) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE gone (k)",
            "CREATE TABLE t (k TEXT PRIMARY KEY, shop INTEGER, v INT)",
            "CREATE TRIGGER g AFTER UPDATE OF v ON t BEGIN INSERT INTO gone VALUES (NEW.k); END",
            "DROP TABLE gone",
        )
        without_v = spooled(tmp_path, spec_of(), [["a", 1]], absent=["v"])
        assert await load_spooled(database, spec_of(), without_v) == Loaded(inserted=1)
        async with database.read() as connection:
            [problem] = (await inspect(connection, spec_of(), tmp_path)).problems
        assert "no such table: main.gone" in problem
        with pytest.raises(TargetMismatchError, match=r"no such table: main\.gone"):
            await put(database, spec_of(), tmp_path, [["a", 1, 1]])


async def test_sqlite_names_the_child_that_keeps_rows_from_being_replaced(tmp_path: Path) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE t (k TEXT UNIQUE, shop INTEGER, v INT)",
            "CREATE TABLE child (k REFERENCES t ON DELETE CASCADE)",
        )
        with pytest.raises(TargetMismatchError, match="a foreign key of table child refers to columns of table t"):
            await put(database, spec_of(mode="replace"), tmp_path, [["a", None, 1]])


@pytest.mark.parametrize("mode", ["insert", "replace"])
async def test_a_view_of_sqlite_that_takes_no_rows_is_refused_at_once(tmp_path: Path, mode: str) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(database, "CREATE TABLE b (k, shop, v)", "CREATE VIEW t AS SELECT * FROM b")
        with pytest.raises(TargetMismatchError, match="is a view that has no trigger INSTEAD OF INSERT"):
            await put(database, spec_of(None, mode), tmp_path, [["a", None, 1]])
        await run(
            database,
            "CREATE TRIGGER g INSTEAD OF INSERT ON t BEGIN INSERT INTO b VALUES (NEW.k, NEW.shop, NEW.v); END",
        )
        if mode == "insert":
            # What a view does with rows cannot be told: they are counted as skipped.
            assert await put(database, spec_of(None, mode), tmp_path, [["a", None, 1]]) == Loaded(skipped=1)
            assert await rows_of(database, "SELECT k FROM b") == [("a",)]
            return
        with pytest.raises(TargetMismatchError, match="INSTEAD OF DELETE"):
            await put(database, spec_of(None, mode), tmp_path, [["a", None, 1]])


async def test_a_load_that_is_cancelled_ends_as_that_and_the_next_one_finds_nothing_of_it(tmp_path: Path) -> None:
    """A job whose end is an error instead has spent an attempt, and one that was cancelled would be repeated."""
    counting = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 300000) SELECT max(x) FROM c"
    spec = spec_of()
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE t (k TEXT PRIMARY KEY, shop INTEGER, v INT)",
            f"CREATE TRIGGER slow BEFORE INSERT ON t BEGIN SELECT ({counting}); END",
        )
        loading = asyncio.create_task(put(database, spec, tmp_path, [[str(key), None, 1] for key in range(20)]))
        await asyncio.sleep(0.5)
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
        await run(database, "DROP TRIGGER slow")
        assert await put(database, spec, tmp_path, [["a", None, 1]]) == Loaded(inserted=1, updated=0, unchanged=0)
        assert await rows_of(database, "SELECT k FROM t") == [("a",)]
