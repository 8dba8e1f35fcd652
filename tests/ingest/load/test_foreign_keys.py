"""Rows whose parents only the database finds."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from goods import opened, rows_of, run
from shop_rows import put, spec_of, sqlite_in

from ingest.load.loaded import Loaded
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database

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


STAMPS = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v := coalesce(NEW.v, 1); RETURN NEW; END'"


async def put_orphans(database: Database, folder: Path, event: str, mode: str, percent: float) -> Loaded:
    await run(
        database,
        "CREATE TABLE shop (id int PRIMARY KEY)",
        "INSERT INTO shop VALUES (1)",
        CHILD,
        STAMPS,
        f"CREATE TRIGGER g BEFORE {event} ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    rows = [[f"k{number}", 1 if number % 4 else 99, 1] for number in range(100)]
    spec = spec_of(mode=mode, percent=percent)
    return await put(database, spec, folder, rows)


async def test_a_trigger_takes_no_words_from_rows_without_a_parent(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        loaded = await put_orphans(database, tmp_path, "INSERT OR UPDATE", "upsert", 100)
        assert (loaded.inserted, loaded.refused) == (75, {"row.db_foreign_key": 25})
        record = loaded.records[1]
        assert (record.row, record.field, record.cell, record.raw) == (6, "shop", "B6", "99")
        assert record.message == 'shop has no row whose "id" is this shop (t_shop_fkey)'


@pytest.mark.parametrize(("event", "mode", "tried"), [("INSERT", "insert", 6), ("UPDATE", "insert", 25)])
async def test_rows_without_a_parent_break_the_quarantine_after_few_tries(
    postgres_database: str, tmp_path: Path, event: str, mode: str, tried: int
) -> None:
    async with opened(postgres_database) as database:
        loaded = await put_orphans(database, tmp_path, event, mode, 5)
        assert (loaded.too_many, loaded.refused) == (True, {"row.db_foreign_key": tried})


async def test_a_parent_that_a_trigger_makes_serves_its_own_children(postgres_database: str, tmp_path: Path) -> None:
    makes = (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.shop < 10 AND NEW.shop <> NEW.v THEN "
        "INSERT INTO t VALUES (''made'', NULL, NEW.shop) ON CONFLICT DO NOTHING; END IF; RETURN NEW; END'"
    )
    async with opened(postgres_database) as database:
        await run(
            database, "CREATE TABLE t (k text PRIMARY KEY, shop int REFERENCES t (v), v int UNIQUE)", makes, BEFORE
        )
        rows = [["child", 2, 3], ["parent", 1, 2], ["bad", 99, 98], ["of_bad", 98, 97]]
        loaded = await put(database, spec_of(), tmp_path, rows)
        assert (loaded.inserted, loaded.refused) == (2, {"row.db_foreign_key": 2})
        assert await rows_of(database, "SELECT k FROM t ORDER BY k") == [("child",), ("made",), ("parent",)]


# -- SQLite --------------------------------------------------------------------------------------------------

DEFERRED = "DEFERRABLE INITIALLY DEFERRED"
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


async def test_sqlite_refuses_a_row_for_which_a_trigger_makes_no_parent(tmp_path: Path) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE shop (id INTEGER PRIMARY KEY)",
            f"CREATE TABLE t (k TEXT PRIMARY KEY, shop INT REFERENCES shop {DEFERRED}, v INT)",
            f"CREATE TRIGGER g BEFORE INSERT ON t {MADE_BY_TRIGGER}",
        )
        await put(database, spec_of(), tmp_path, [["a", 1, 1], ["b", 1, 2]])
        # That of row 2 is an update, which makes none.
        rows = [["a", 2, 5], ["b", 1, 5], ["c", 3, 3]]
        loaded = await put(database, spec_of(), tmp_path, rows)
        assert (loaded.inserted, loaded.updated, loaded.refused) == (1, 1, {"row.db_foreign_key": 1})
        assert await rows_of(database, "SELECT * FROM t ORDER BY k") == [("a", 1, 1), ("b", 1, 5), ("c", 3, 3)]


async def test_sqlite_refuses_a_row_whose_parent_a_trigger_takes_away(tmp_path: Path) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE shop (id INTEGER PRIMARY KEY)",
            "INSERT INTO shop VALUES (1)",
            f"CREATE TABLE t (k TEXT PRIMARY KEY, shop INT REFERENCES shop {DEFERRED}, v INT UNIQUE)",
            "CREATE TRIGGER g AFTER INSERT ON t WHEN NEW.k = 'a' BEGIN UPDATE t SET shop = 77 WHERE k = 'a'; END",
        )
        # Row 3 is refused at first, for the number that row 2 leaves free as it goes.
        loaded = await put(database, spec_of(), tmp_path, [["a", 1, 5], ["b", 1, 5]])
        assert (loaded.inserted, loaded.refused) == (1, {"row.db_foreign_key": 1})
        assert [record.row for record in loaded.records] == [2]
        assert await rows_of(database, "SELECT * FROM t") == [("b", 1, 5)]


LEGACY = "CREATE TABLE t (k TEXT PRIMARY KEY, v INT, shop INTEGER REFERENCES shop{deferred}, seen INT)"
SEES = "CREATE TRIGGER g AFTER UPDATE OF v ON t BEGIN UPDATE t SET seen = 1 WHERE k = NEW.k; END"


def without_parents(folder: Path, *statements: str) -> None:
    """Run statements as an application does that leaves foreign keys switched off, as SQLite has them."""
    with contextlib.closing(sqlite3.connect(folder / "d.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("deferred", ["", " DEFERRABLE INITIALLY DEFERRED"], ids=["at once", "deferred"])
@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
async def test_sqlite_leaves_rows_that_had_no_parent_before(tmp_path: Path, deferred: str, mode: str) -> None:
    spec = parse_dataset(
        json.dumps(
            {
                "dataset": "d",
                "fields": [{"name": "k", "type": "string"}, {"name": "v", "type": "integer"}],
                "primaryKey": ["k"],
                "quarantine": {"max_percent": 100},
                "load": {"table": "t", "mode": mode},
            }
        ),
        "d.yml",
    )
    async with opened(sqlite_in(tmp_path)) as database:
        await run(database, "CREATE TABLE shop (id INTEGER PRIMARY KEY)", LEGACY.replace("{deferred}", deferred), SEES)
    without_parents(tmp_path, "INSERT INTO t VALUES ('old', 1, 7, 0), ('same', 1, 8, 0)")
    async with opened(sqlite_in(tmp_path)) as database:
        loaded = await put(database, spec, tmp_path, [["old", 2], ["same", 1], ["new", 3]])
        if mode == "insert":
            assert (loaded.inserted, loaded.unchanged, loaded.refused) == (1, 1, {"row.key_conflict": 1})
        else:
            assert loaded == Loaded(inserted=1, updated=1, unchanged=1)


@pytest.mark.parametrize("deferred", ["", " DEFERRABLE INITIALLY DEFERRED"], ids=["at once", "deferred"])
async def test_sqlite_refuses_another_parent_that_is_not_there_either(tmp_path: Path, deferred: str) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(database, "CREATE TABLE shop (id INTEGER PRIMARY KEY)", LEGACY.replace("{deferred}", deferred), SEES)
    without_parents(tmp_path, "INSERT INTO t VALUES ('anew', 1, 8, 0), ('other', 1, 7, 0), ('same', 1, 8, 0)")
    async with opened(sqlite_in(tmp_path)) as database:
        # SQLite refuses the old reference, too, where the row is written.
        loaded = await put(database, spec_of(), tmp_path, [["other", 9, 1], ["same", 8, 1], ["anew", 8, 2]])
        assert (loaded.unchanged, loaded.refused) == (1, {"row.db_foreign_key": 2})
        record = loaded.records[0]
        assert (record.row, record.field, record.cell, record.raw) == (2, "shop", "B2", "9")
        rows = [("anew", 1, 8), ("other", 1, 7), ("same", 1, 8)]
        assert await rows_of(database, "SELECT k, v, shop FROM t ORDER BY k") == rows


@pytest.mark.parametrize("deferred", ["", " DEFERRABLE INITIALLY DEFERRED"], ids=["at once", "deferred"])
@pytest.mark.parametrize("when", ["AFTER INSERT", "AFTER UPDATE", "AFTER DELETE"])
@pytest.mark.parametrize("key", ["k", None])
async def test_sqlite_names_the_cell_whatever_triggers_there_are(
    tmp_path: Path, deferred: str, when: str, key: str | None
) -> None:
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            "CREATE TABLE shop (id INTEGER PRIMARY KEY)",
            "INSERT INTO shop VALUES (1)",
            f"CREATE TABLE t (k TEXT PRIMARY KEY, shop INTEGER REFERENCES shop{deferred}, v INT)",
            f"CREATE TRIGGER g {when} ON t BEGIN SELECT 1; END",
        )
        rows = [[f"k{number}", 1 if number % 4 else 99, 1] for number in range(20)]
        loaded = await put(database, spec_of(key, "upsert" if key else "insert"), tmp_path, rows)
        assert (loaded.inserted, loaded.refused) == (15, {"row.db_foreign_key": 5})
        record = loaded.records[1]
        assert (record.row, record.field, record.cell, record.raw) == (6, "shop", "B6", "99")
        assert record.message == 'main."shop" has no row whose "id" is this shop (foreign key 0)'


@pytest.mark.parametrize("deferred", ["", " DEFERRABLE INITIALLY DEFERRED"], ids=["at once", "deferred"])
@pytest.mark.parametrize("when", [None, "AFTER INSERT"])
@pytest.mark.parametrize("key", ["k", None])
async def test_sqlite_refuses_rows_with_those_that_they_refer_to(
    tmp_path: Path, deferred: str, when: str | None, key: str | None
) -> None:
    content = {
        "dataset": "d",
        "fields": [{"name": "k", "type": "string"}, {"name": "up", "type": "string"}],
        **({"primaryKey": [key]} if key else {}),
        "quarantine": {"max_percent": 100},
        "load": {"table": "t", "mode": "upsert" if key else "insert"},
    }
    async with opened(sqlite_in(tmp_path)) as database:
        await run(
            database,
            f"CREATE TABLE t (k TEXT PRIMARY KEY CHECK (k <> 'bad'), up TEXT REFERENCES t{deferred})",
            *([f"CREATE TRIGGER g {when} ON t BEGIN SELECT 1; END"] if when else []),
        )
        rows: list[list[Any]] = [[f"k{number}", f"k{number + 1}"] for number in range(9)]
        rows += [["k9", "gone"], ["bad", None], ["of_bad", "bad"], ["root", None], ["leaf", "root"]]
        loaded = await put(database, parse_dataset(json.dumps(content), "d.yml"), tmp_path, rows)
        assert (loaded.inserted, loaded.refused) == (2, {"row.db_foreign_key": 11, "row.db_check": 1})
        assert await rows_of(database, "SELECT k FROM t ORDER BY k") == [("leaf",), ("root",)]


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
