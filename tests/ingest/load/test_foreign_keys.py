"""Rows whose parents only the database finds, and foreign keys that lead nowhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, rows_of, run, spooled

from ingest.load.inspection import inspect
from ingest.load.loaded import Loaded, TargetMismatchError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset

CHILD = "CREATE TABLE t (k text PRIMARY KEY, shop int REFERENCES shop, v int CHECK (v > 0))"
MAKES = (
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN IF NEW.shop < 10 THEN INSERT INTO shop VALUES (NEW.shop) ON CONFLICT DO NOTHING; END IF; RETURN NEW; END'"
)
TURNS = (
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN IF NEW.shop < 10 THEN NEW.shop := 1; END IF; RETURN NEW; END'"
)
BEFORE = "CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()"
SEEN_BY_THE_DATABASE = {
    "a trigger makes the parent": [MAKES, BEFORE],
    "a trigger gives another parent": ["INSERT INTO shop VALUES (1)", TURNS, BEFORE],
    "a trigger makes it afterwards": [
        MAKES,
        'CREATE TRIGGER "A" AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()',
    ],
    "the constraint is switched off": ["ALTER TABLE t DISABLE TRIGGER ALL"],
}
ROWS = [["b", 2, 1], ["c", 3, 1], ["d", 2, -1], ["e", 99, 1]]


def spec_of(key: str | None = "k", mode: str = "upsert", **load: Any) -> Dataset:
    content: dict[str, Any] = {
        "dataset": "d",
        "fields": [
            {"name": "k", "type": "string"},
            {"name": "shop", "type": "integer"},
            {"name": "v", "type": "integer"},
        ],
        **({"primaryKey": [key]} if key else {}),
        "quarantine": {"max_percent": 100},
        "load": {"table": "t", "mode": mode, **load},
    }
    return parse_dataset(json.dumps(content), "d.yml")


async def put(database: Database, spec: Dataset, folder: Path, rows: list[list[Any]]) -> Loaded:
    return await load_spooled(database, spec, spooled(folder, spec, rows))


def sqlite_in(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'd.db'}"


@pytest.mark.parametrize("name", SEEN_BY_THE_DATABASE)
async def test_a_bad_row_costs_none_that_the_database_finds_a_parent_for(
    postgres_database: str, tmp_path: Path, name: str
) -> None:
    off = "switched off" in name
    async with opened(postgres_database) as database:
        await run(database, "CREATE TABLE shop (id int PRIMARY KEY)", CHILD, *SEEN_BY_THE_DATABASE[name])
        loaded = await put(database, spec_of(), tmp_path, ROWS)
        bad = {"row.db_check": 1} if off else {"row.db_check": 1, "row.db_foreign_key": 1}
        assert (loaded.inserted, loaded.refused) == (3 if off else 2, bad)
        assert [record.row for record in loaded.records] == ([4] if off else [4, 5])


async def test_a_bad_row_costs_none_whose_parents_row_security_hides(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TABLE shop (id int PRIMARY KEY, owner text)",
            "INSERT INTO shop VALUES (2, 'x'), (3, 'x')",
            "ALTER TABLE shop ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY own ON shop USING (owner = current_user)",
            CHILD,
            "CREATE ROLE clerk_of_shops LOGIN",
            "GRANT SELECT ON shop TO clerk_of_shops",
            "GRANT SELECT, INSERT, UPDATE ON t TO clerk_of_shops",
        )
    try:
        async with opened(postgres_database.replace("://headgate@", "://clerk_of_shops@")) as database:
            loaded = await put(database, spec_of(), tmp_path, ROWS)
            assert (loaded.inserted, loaded.refused) == (2, {"row.db_check": 1, "row.db_foreign_key": 1})
    finally:
        async with opened(postgres_database) as database:
            await run(database, "DROP OWNED BY clerk_of_shops", "DROP ROLE clerk_of_shops")


# -- SQLite --------------------------------------------------------------------------------------------------

MADE_BY_TRIGGER = "BEGIN INSERT OR IGNORE INTO shop SELECT NEW.shop WHERE NEW.shop < 10; END"


@pytest.mark.parametrize("deferred", ["", " DEFERRABLE INITIALLY DEFERRED"], ids=["at once", "deferred"])
@pytest.mark.parametrize("when", ["BEFORE", "AFTER"])
@pytest.mark.parametrize("key", ["k", None])
async def test_sqlite_takes_rows_whose_parents_a_trigger_makes(
    tmp_path: Path, deferred: str, when: str, key: str | None
) -> None:
    spec = spec_of(key, "upsert" if key else "insert")
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE shop (id INTEGER PRIMARY KEY)",
            f"CREATE TABLE t (k TEXT PRIMARY KEY, shop INTEGER REFERENCES shop(id){deferred}, v INT CHECK (v > 0))",
            f"CREATE TRIGGER g {when} INSERT ON t {MADE_BY_TRIGGER}",
        )
        assert await put(database, spec, tmp_path, [["a", 1, 1], ["z", None, 1]]) == Loaded(inserted=2)
        loaded = await put(database, spec, tmp_path, ROWS)
        assert (loaded.inserted, loaded.refused) == (2, {"row.db_check": 1, "row.db_foreign_key": 1})
        assert [(record.row, record.code) for record in loaded.records] == [
            (4, "row.db_check"),
            (5, "row.db_foreign_key"),
        ]
        assert await rows_of(database, "SELECT k FROM t ORDER BY k") == [("a",), ("b",), ("c",), ("z",)]


async def test_sqlite_refuses_a_row_that_a_trigger_leaves_without_a_parent(tmp_path: Path) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE shop (id INTEGER PRIMARY KEY)",
            "CREATE TABLE t (k TEXT PRIMARY KEY, shop INT REFERENCES shop DEFERRABLE INITIALLY DEFERRED, v INT UNIQUE)",
            f"CREATE TRIGGER g BEFORE INSERT ON t {MADE_BY_TRIGGER}",
        )
        await put(database, spec_of(), tmp_path, [["a", 1, 1], ["b", 1, 2]])
        # It is an update, which makes no parent; that of row 3 is refused for the number that it then leaves free.
        rows = [["a", 2, 5], ["b", 1, 5], ["c", 3, 3]]
        loaded = await put(database, spec_of(), tmp_path, rows)
        assert (loaded.inserted, loaded.updated, loaded.refused) == (1, 1, {"row.db_foreign_key": 1})
        assert await rows_of(database, "SELECT * FROM t ORDER BY k") == [("a", 1, 1), ("b", 1, 5), ("c", 3, 3)]


async def test_sqlite_replaces_rows_whose_parents_a_trigger_makes(tmp_path: Path) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE shop (id INTEGER PRIMARY KEY)",
            "CREATE TABLE t (k TEXT PRIMARY KEY, shop INT REFERENCES shop DEFERRABLE INITIALLY DEFERRED, v INT)",
            f"CREATE TRIGGER g BEFORE INSERT ON t {MADE_BY_TRIGGER}",
            "INSERT INTO t VALUES ('old', 1, 1)",
        )
        loaded = await put(database, spec_of(mode="replace"), tmp_path, [["b", 2, 1], ["e", 99, 1]])
        assert (loaded.inserted, loaded.refused, loaded.held_back) == (1, {"row.db_foreign_key": 1}, True)
        assert await rows_of(database, "SELECT k FROM t ORDER BY k") == [("b",), ("old",)]


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
