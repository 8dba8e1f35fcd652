"""Fields that refer to other tables: what is not there is refused by row, what is looked up is loaded in its place."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, rows_of, run, spooled

from ingest.load.inspection import inspect
from ingest.load.loaded import Spooled, TargetMismatchError
from ingest.load.target import Targets
from ingest.output.report import REJECTED_KEYS_FILE
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset

SHOPS = (
    "CREATE TABLE shops (id integer PRIMARY KEY, code varchar(5) NOT NULL UNIQUE, region text)",
    "INSERT INTO shops VALUES (11, 'north', 'n'), (12, 'south', 's'), (13, 'west', 's')",
)
SALES = "CREATE TABLE sales (k text PRIMARY KEY, shop integer, note text)"
LOOKUP = {"lookup": "shops.code -> shops.id"}
ROWS = [["a", "north", "x"], ["b", "nowhere", "x"], ["c", "south", "x"], ["d", None, "x"], ["e", "overlong", "x"]]


def spec_of(shop: dict[str, Any], *, key: tuple[str, ...] = ("k",), table: str = "sales", **load: Any) -> Dataset:
    content = {
        "dataset": "sales",
        "fields": [
            {"name": "k", "type": "string"},
            {"name": "shop", "type": "string", **shop},
            {"name": "note", "type": "string"},
        ],
        "primaryKey": key,
        "quarantine": {"max_percent": load.pop("percent", 100)},
        "load": {"table": table, "mode": "upsert", **load},
    }
    return parse_dataset(json.dumps(content), "sales.yml")


async def sales(database: Database) -> dict[str, Any]:
    return {row[0]: row[1] for row in await rows_of(database, "SELECT k, shop FROM sales")}


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
async def test_a_natural_key_is_loaded_as_what_it_stands_for(
    database: Database, tmp_path: Path, mode: str, *, filled: bool
) -> None:
    spec = spec_of(LOOKUP, mode=mode)
    await run(database, *SHOPS, SALES)
    if filled:
        await run(database, "INSERT INTO sales VALUES ('a', 11, 'x'), ('z', 13, 'x')")
    loaded = await load_spooled(database, spec, spooled(tmp_path, spec, ROWS))
    assert (loaded.inserted, loaded.unchanged, loaded.updated) == ((2, 1, 0) if filled else (3, 0, 0))
    assert loaded.refused == {"row.db_foreign_key": 2}
    assert [(record.row, record.cell, record.raw) for record in loaded.records] == [
        (3, "B3", "nowhere"),
        (6, "B6", "overlong"),
    ]
    assert all(
        "shops has no row whose code is this shop" in record.message and record.hint for record in loaded.records
    )
    old = {"z": 13} if filled else {}
    assert await sales(database) == {"a": 11, "c": 12, "d": None} | old


async def test_another_value_is_an_update_and_the_same_is_none(database: Database, tmp_path: Path) -> None:
    spec = spec_of(LOOKUP)
    await run(database, *SHOPS, SALES)
    await load_spooled(database, spec, spooled(tmp_path, spec, [["a", "north", "x"], ["b", "south", "x"]]))
    again = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", "west", "x"], ["b", "south", "x"]]))
    assert (again.updated, again.unchanged) == (1, 1)
    assert await sales(database) == {"a": 13, "b": 12}


async def test_replace_deletes_what_a_whole_file_lacks(database: Database, tmp_path: Path) -> None:
    spec = spec_of(LOOKUP, key=("shop",), mode="replace")
    await run(database, *SHOPS, "CREATE TABLE sales (shop integer PRIMARY KEY, k text, note text)")
    await run(database, "INSERT INTO sales VALUES (11, 'old', 'x'), (13, 'old', 'x')")
    loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", "north", "x"], ["c", "south", "x"]]))
    assert (loaded.inserted, loaded.updated, loaded.held_back) == (1, 1, False)
    assert await sales(database) == {"a": 11, "c": 12}
    loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", "nowhere", "x"]]))
    assert (loaded.refused, loaded.held_back) == ({"row.db_foreign_key": 1}, True)
    assert await sales(database) == {"a": 11, "c": 12}


async def test_keys_of_rejected_rows_are_looked_up_before_others_are_deleted(
    database: Database, tmp_path: Path
) -> None:
    spec = spec_of(LOOKUP, key=("shop",), mode="replace")
    await run(database, *SHOPS, "CREATE TABLE sales (shop integer PRIMARY KEY, k text, note text)")
    for code, left in (("west", {"b": 13, "c": 12}), ("nowhere", {"a": 11, "b": 13, "c": 12})):
        await run(database, "DELETE FROM sales", "INSERT INTO sales VALUES (11, 'a', 'x'), (13, 'b', 'x')")
        rows = spooled(tmp_path, spec, [["c", "south", "x"]], rejected=1)
        (tmp_path / REJECTED_KEYS_FILE).write_text(f"{code}\n")
        rows = Spooled.of(spec, replace(rows.report, rejected_keys=True), tmp_path)
        loaded = await load_spooled(database, spec, rows)
        assert loaded.held_back == (code == "nowhere")
        assert await sales(database) == left


async def test_two_natural_keys_of_one_meaning_are_one_key(database: Database, tmp_path: Path) -> None:
    spec = spec_of({"lookup": "shops.code -> region"}, key=("shop",))
    await run(database, *SHOPS, "CREATE TABLE sales (shop text PRIMARY KEY, k text, note text)")
    rows = [["a", "north", "x"], ["b", "south", "x"], ["c", "west", "x"]]
    loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
    assert (loaded.inserted, loaded.refused) == (1, {"row.key_duplicate": 2})


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
@pytest.mark.parametrize("reference", ["shops.code", {"table": "shops", "field": "code"}], ids=["short", "long"])
async def test_a_reference_without_a_constraint_is_checked(
    database: Database, tmp_path: Path, reference: Any, *, filled: bool
) -> None:
    spec = spec_of({"references": reference})
    await run(database, *SHOPS, "CREATE TABLE sales (k text PRIMARY KEY, shop text, note text)")
    if filled:
        await run(database, "INSERT INTO sales VALUES ('a', 'north', 'x')")
    loaded = await load_spooled(database, spec, spooled(tmp_path, spec, ROWS))
    assert (loaded.inserted + loaded.unchanged, loaded.refused) == (3, {"row.db_foreign_key": 2})
    assert await sales(database) == {"a": "north", "c": "south", "d": None}


async def test_all_missing_parents_count_against_the_quarantine(database: Database, tmp_path: Path) -> None:
    spec = spec_of(LOOKUP, percent=5)
    await run(database, *SHOPS, SALES)
    rows = [[f"k{number}", f"s{number}", "x"] for number in range(100)]
    loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
    assert (loaded.too_many, loaded.refused) == (True, {"row.db_foreign_key": 100})


async def test_a_parent_may_come_with_the_same_file(database: Database, tmp_path: Path) -> None:
    spec = spec_of({"references": "sales.k"})
    await run(database, "CREATE TABLE sales (k text PRIMARY KEY, shop text, note text)")
    rows = [["child", "parent", "x"], ["orphan", "nobody", "x"], ["parent", None, "x"]]
    loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
    assert (loaded.inserted, loaded.refused) == (2, {"row.db_foreign_key": 1})


async def test_a_column_that_the_file_lacks_is_not_looked_up(database: Database, tmp_path: Path) -> None:
    spec = spec_of(LOOKUP)
    await run(database, *SHOPS, SALES, "INSERT INTO sales VALUES ('a', 11, 'x')")
    loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", "new"]], absent=["shop"]))
    assert loaded.updated == 1
    assert await sales(database) == {"a": 11}


async def test_a_made_table_has_the_type_of_what_is_looked_up(database: Database, tmp_path: Path) -> None:
    spec = spec_of(LOOKUP, create=True)
    await run(database, *SHOPS)
    for _ in range(2):
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, ROWS))
        assert loaded.refused == {"row.db_foreign_key": 2}
    assert await sales(database) == {"a": 11, "c": 12, "d": None}
    absent = spec_of({"references": "shop.code"}, table="others", create=True)
    with pytest.raises(TargetMismatchError, match="table shop, which is not there"):
        await load_spooled(database, absent, spooled(tmp_path, absent, ROWS))
    async with database.read() as connection:
        assert any("table shop," in problem for problem in (await inspect(connection, absent, tmp_path)).problems)


@pytest.mark.parametrize(
    ("shop", "statements", "said"),
    [
        ({"lookup": "shop.code -> shop.id"}, [], "refers to table shop, which is not there; "),
        ({"lookup": "shops.kode -> shops.id"}, [], "refers to kode of table shops, .* name one of id, code, region"),
        ({"lookup": "shops.region -> shops.id"}, [], "region is not unique in table shops, .*; create a unique index"),
        ({"lookup": "shops.id -> shops.code"}, [], "refers to table shops: column id is "),
        ({"lookup": "shops.code -> shops.region"}, [], "cannot hold region of table shops, .* without loss; "),
        (
            {"lookup": "shops.code -> shops.id"},
            ["DROP TABLE shops", "CREATE TABLE shops (id integer, code text)"],
            "code is not unique in table shops",
        ),
    ],
)
async def test_what_cannot_be_looked_up_is_told_before_the_first_row(
    database: Database, tmp_path: Path, shop: dict[str, Any], statements: list[str], said: str
) -> None:
    await run(database, *SHOPS, SALES, *statements)
    spec = spec_of(shop)
    async with database.read() as connection:
        found = await inspect(connection, spec, tmp_path)
    assert any(re.search(said, problem) for problem in found.problems), found.problems
    with pytest.raises(TargetMismatchError):
        await load_spooled(database, spec, spooled(tmp_path, spec, ROWS))


async def test_a_changed_other_table_is_met_with_a_reason(postgres_database: str) -> None:
    spec = spec_of(LOOKUP)
    async with opened(postgres_database) as database:
        await run(database, *SHOPS, SALES)
        targets = Targets()
        async with database.write() as connection:
            await connection.run_sync(targets.prepare, spec)
            assert await connection.run_sync(targets.prepare, spec) is await connection.run_sync(targets.prepare, spec)
        await run(database, "ALTER TABLE shops DROP COLUMN code")
        with pytest.raises(TargetMismatchError, match="refers to code of table shops"):
            async with database.write() as connection:
                await connection.run_sync(targets.prepare, spec)


async def test_the_other_table_may_lie_in_a_schema_of_its_own_and_needs_a_right(
    postgres_database: str, tmp_path: Path
) -> None:
    spec = spec_of({"lookup": "base.shops.code -> base.shops.id"})
    async with opened(postgres_database) as database:
        await run(database, "CREATE SCHEMA base", "SET LOCAL search_path = base", *SHOPS)
        await run(
            database,
            SALES,
            "CREATE ROLE clerk_of_lookups LOGIN",
            "GRANT SELECT, INSERT, UPDATE ON sales TO clerk_of_lookups",
            "GRANT USAGE ON SCHEMA base TO clerk_of_lookups",
        )
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, ROWS))
        assert loaded.inserted == 3
    try:
        async with opened(postgres_database.replace("://headgate@", "://clerk_of_lookups@")) as database:
            with pytest.raises(TargetMismatchError, match=r"may not SELECT in table base.shops, .*; run GRANT SELECT"):
                await load_spooled(database, spec, spooled(tmp_path, spec, ROWS))
    finally:
        async with opened(postgres_database) as database:
            await run(database, "DROP OWNED BY clerk_of_lookups", "DROP ROLE clerk_of_lookups")


@pytest.mark.parametrize(
    ("code", "gives", "column"),
    [
        ("uuid", "bigint", "bigint"),
        ("citext", "uuid", "uuid"),
        ("text", "mood", "mood"),
        ("mood", "int", "numeric(9,0)"),
    ],
)
async def test_types_of_the_application_are_looked_up(
    postgres_database: str, tmp_path: Path, code: str, gives: str, column: str
) -> None:
    codes = {"uuid": "6b1f1c1e-0000-4000-8000-00000000000", "mood": "m"}
    known, unknown = (f"{codes.get(code, 'c')}{number}" for number in (1, 2))
    given = {"uuid": f"{codes['uuid']}7", "mood": "m1"}.get(gives, "7")
    spec = spec_of(LOOKUP)
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE EXTENSION citext",
            "CREATE TYPE mood AS ENUM ('m1', 'm2')",
            f"CREATE TABLE shops (id {gives}, code {code} UNIQUE)",
            f"INSERT INTO shops VALUES ('{given}', '{known}')",
            f"CREATE TABLE sales (k text PRIMARY KEY, shop {column}, note text)",
        )
        for _ in range(2):
            rows = spooled(
                tmp_path, spec, [["a", known.upper() if code == "citext" else known, "x"], ["b", unknown, "x"]]
            )
            loaded = await load_spooled(database, spec, rows)
            assert loaded.refused == {"row.db_foreign_key": 1}
        assert [(k, str(shop)) for k, shop in (await sales(database)).items()] == [("a", given)]


async def test_what_is_not_found_costs_its_row_where_the_type_demands_a_value(
    postgres_database: str, tmp_path: Path
) -> None:
    spec = spec_of(LOOKUP)
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE DOMAIN shop_id AS int NOT NULL",
            "CREATE TABLE shops (id shop_id, code text UNIQUE)",
            "INSERT INTO shops VALUES (11, 'north'), (12, 'south')",
            "CREATE TABLE sales (k text PRIMARY KEY, shop shop_id, note text)",
        )
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, ROWS[:3]))
        assert (loaded.inserted, loaded.refused) == (2, {"row.db_foreign_key": 1})
