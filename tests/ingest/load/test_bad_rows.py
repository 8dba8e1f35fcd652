"""Rows that the database refuses cost only themselves, whatever refuses them, in an empty and in a filled table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, rows_of, run, spooled
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset


def spec_of(
    fields: dict[str, str], key: str | None = "k", *, percent: float = 100, mode: str = "upsert", **load: Any
) -> Dataset:
    content: dict[str, Any] = {
        "dataset": "d",
        "fields": [{"name": name, "type": kind} for name, kind in fields.items()],
        **({"primaryKey": [key]} if key else {}),
        "quarantine": {"max_percent": percent},
        "load": {"table": "t", "mode": mode, **load},
    }
    return parse_dataset(json.dumps(content), "d.yml")


SHOPS = "CREATE TABLE shop (id int PRIMARY KEY)"
RAISES = (
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN IF NEW.v = 13 THEN RAISE EXCEPTION ''thirteen is not sold''; END IF; RETURN NEW; END'"
)
TRIGGER = "CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()"
CASES = {
    "length": (["CREATE TABLE t (k varchar(3) PRIMARY KEY, v int)"], "row.db_length", ["long", 1], "k"),
    "range": (["CREATE TABLE t (k text PRIMARY KEY, v smallint)"], "row.db_range", ["x", 70000], "v"),
    "not null": (["CREATE TABLE t (k text PRIMARY KEY, v int NOT NULL)"], "row.db_not_null", ["x", None], "v"),
    "check": (["CREATE TABLE t (k text PRIMARY KEY, v int CHECK (v > 0))"], "row.db_check", ["x", -1], "v"),
    "domain": (
        ["CREATE DOMAIN plus AS int CHECK (VALUE > 0)", "CREATE TABLE t (k text PRIMARY KEY, v plus)"],
        "row.db_check",
        ["x", -1],
        "v",
    ),
    "domain beside one that demands a value": (
        [
            "CREATE DOMAIN named AS text NOT NULL",
            "CREATE DOMAIN plus AS int CHECK (VALUE > 0)",
            "CREATE TABLE t (k named PRIMARY KEY, v plus)",
        ],
        "row.db_check",
        ["x", -1],
        "v",
    ),
    "ltree": (
        ["CREATE EXTENSION ltree", "CREATE TABLE t (k ltree PRIMARY KEY, v int)"],
        "row.db_type",
        ["x..y", 1],
        "k",
    ),
    "enum": (
        ["CREATE TYPE mood AS ENUM ('a1', 'a2', 'b')", "CREATE TABLE t (k mood PRIMARY KEY, v int)"],
        "row.db_type",
        ["x", 1],
        "k",
    ),
    "computed from a value": (
        ["CREATE TABLE t (k text PRIMARY KEY, v int, half int GENERATED ALWAYS AS (100 / v) STORED)"],
        "row.db_refused",
        ["x", 0],
        None,
    ),
    "foreign key": (
        [SHOPS, "INSERT INTO shop VALUES (1), (2), (3)", "CREATE TABLE t (k text PRIMARY KEY, v int REFERENCES shop)"],
        "row.db_foreign_key",
        ["x", 9],
        "v",
    ),
    "deferred foreign key": (
        [
            SHOPS,
            "INSERT INTO shop VALUES (1), (2), (3)",
            "CREATE TABLE t (k text PRIMARY KEY, v int REFERENCES shop DEFERRABLE INITIALLY DEFERRED)",
        ],
        "row.db_foreign_key",
        ["x", 9],
        "v",
    ),
    "second unique": (["CREATE TABLE t (k text PRIMARY KEY, v int UNIQUE)"], "row.db_unique", ["x", 1], "v"),
    "exclusion": (
        ["CREATE TABLE t (k text PRIMARY KEY, v int, EXCLUDE USING btree (v WITH =))"],
        "row.db_unique",
        ["x", 1],
        "v",
    ),
    "partition": (
        [
            "CREATE TABLE t (k text, v int, PRIMARY KEY (k, v)) PARTITION BY RANGE (v)",
            "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9)",
        ],
        "row.db_partition",
        ["x", 99],
        None,
    ),
    "unique index": (
        ["CREATE TABLE t (k text PRIMARY KEY, v int)", "CREATE UNIQUE INDEX ON t (v)"],
        "row.db_unique",
        ["x", 2],
        "v",
    ),
    "unique index on an expression": (
        ["CREATE TABLE t (k text PRIMARY KEY, v int)", "CREATE UNIQUE INDEX ON t (abs(v)) WHERE k <> ''"],
        "row.db_unique",
        ["x", -2],
        "v",
    ),
    "unique constraint of a partition": (
        [
            "CREATE TABLE t (k text, v int) PARTITION BY RANGE (k)",
            "CREATE UNIQUE INDEX ON t (k)",
            "CREATE TABLE p (k text, v int CONSTRAINT one UNIQUE)",
            "ALTER TABLE t ATTACH PARTITION p DEFAULT",
        ],
        "row.db_unique",
        ["x", 2],
        "v",
    ),
    "trigger": (["CREATE TABLE t (k text PRIMARY KEY, v int)", RAISES, TRIGGER], "row.db_raised", ["x", 13], None),
    "precision": (["CREATE TABLE t (k text PRIMARY KEY, v real)"], "row.db_precision", ["x", 16777217], "v"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
async def test_one_bad_row_is_named_and_the_others_load(
    postgres_database: str, tmp_path: Path, name: str, *, filled: bool
) -> None:
    statements, code, bad, field = CASES[name]
    fields = {"k": "string", "v": "integer"}
    spec = spec_of(fields) if name != "partition" else spec_of(fields).model_copy(update={"primary_key": ("k", "v")})
    async with opened(postgres_database) as database:
        await run(database, *statements)
        if filled:
            await run(database, "INSERT INTO t VALUES ('a1', 1)")
        rows = [["a1", 1], ["a2", 2], bad, ["b", 3]]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        assert loaded.refused == {code: 1}
        assert (loaded.inserted, loaded.unchanged) == ((2, 1) if filled else (3, 0))
        [record] = loaded.records
        assert (record.code, record.row, record.field) == (code, 4, field)
        assert record.hint
        if field:
            assert record.cell == f"{'AB'['kv'.index(field)]}4"
        if name == "trigger":
            assert "thirteen is not sold" in record.message
        assert [row[0] for row in await rows_of(database, "SELECT k::text FROM t ORDER BY 1")] == ["a1", "a2", "b"]


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("tsvector", "red", "'open"),
        ("tsquery", "red", "red &"),
        ("regconfig", "simple", "no_such"),
        ("hstore", "", "x"),
    ],
)
async def test_a_text_that_its_type_cannot_read_costs_one_row_whatever_code_that_has(
    postgres_database: str, tmp_path: Path, kind: str, good: str, bad: str, mode: str
) -> None:
    spec = spec_of({"k": "string", "v": "string"}, mode=mode)
    async with opened(postgres_database) as database:
        await run(database, "CREATE EXTENSION hstore", f"CREATE TABLE t (k text PRIMARY KEY, v {kind})")
        for number, inserted in ((1, 2), (2, 0)):
            rows = [["a", good], ["b", bad], ["c", None], [f"d{number}", bad]]
            loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
            assert (loaded.inserted, loaded.unchanged, loaded.refused) == (inserted, 2 - inserted, {"row.db_type": 2})
            assert [(record.cell, record.raw) for record in loaded.records] == [("B3", bad), ("B5", bad)]


async def test_a_syntax_error_of_a_domains_check_is_its_own(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of({"k": "string", "v": "string"})
    body = "'BEGIN EXECUTE ''SELEC''; RETURN true; END'"
    async with opened(postgres_database) as database:
        await run(database, f"CREATE FUNCTION ok(text) RETURNS boolean LANGUAGE plpgsql AS {body}")
        await run(database, "CREATE DOMAIN checked AS text CHECK (ok(VALUE))")
        await run(database, "CREATE TABLE t (k text PRIMARY KEY, v checked)")
        with pytest.raises(DBAPIError, match="syntax error"):
            await load_spooled(database, spec, spooled(tmp_path, spec, [["a", "x"]]))


async def test_a_syntax_error_of_a_trigger_is_the_triggers_own(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of({"k": "string", "v": "integer"})
    body = "'BEGIN EXECUTE ''SELEC''; RETURN NEW; END'"
    async with opened(postgres_database) as database:
        await run(database, "CREATE TABLE t (k text PRIMARY KEY, v int)")
        await run(database, f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS {body}")
        await run(database, TRIGGER)
        with pytest.raises(DBAPIError, match="syntax error"):
            await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1]]))


async def test_a_check_behind_a_foreign_table_is_no_missing_partition(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of({"k": "string", "v": "integer"}, None, mode="insert")
    place = make_url(postgres_database)
    server = f"host '{place.host}', port '{place.port}', dbname '{place.database}'"
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE EXTENSION postgres_fdw",
            f"CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({server})",
            f"CREATE USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (user '{place.username}')",
            "CREATE TABLE there (k text, v int CHECK (v > 0))",
            "CREATE TABLE t (k text, v int) PARTITION BY LIST (k)",
            "CREATE FOREIGN TABLE t1 PARTITION OF t FOR VALUES IN ('a') SERVER other OPTIONS (table_name 'there')",
        )
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["a", -1], ["z", 1]]))
        assert loaded.inserted == 1
        assert [(record.row, record.code) for record in loaded.records] == [
            (3, "row.db_check"),
            (4, "row.db_partition"),
        ]


@pytest.mark.parametrize(("strict", "kept"), [("STRICT", ["007", "1.50", "x"]), ("", ["x"])], ids=["strict", "plain"])
async def test_any_keeps_texts_of_digits_where_its_table_is_strict(
    tmp_path: Path, strict: str, kept: list[str]
) -> None:
    spec = spec_of({"k": "string", "v": "string"})
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, f"CREATE TABLE t (k TEXT PRIMARY KEY, v ANY) {strict}")
        rows = [["a", "007"], ["b", "1.50"], ["c", "x"]]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        refused = 3 - len(kept)
        assert loaded.refused == ({"row.db_precision": refused} if refused else {})
        assert [row[0] for row in await rows_of(database, "SELECT v FROM t ORDER BY k")] == kept
        again = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        assert (again.inserted, again.updated, again.unchanged) == (0, 0, len(kept))


@pytest.mark.parametrize("name", ["not null", "check", "second unique"])
async def test_sqlite_names_the_bad_row_too(tmp_path: Path, name: str) -> None:
    statements, code, bad, _ = CASES[name]
    spec = spec_of({"k": "string", "v": "integer"})
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, *statements)
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], bad, ["b", 3]]))
        assert (loaded.inserted, loaded.refused, [record.row for record in loaded.records]) == (2, {code: 1}, [3])


@pytest.mark.parametrize("mode", ["upsert", "replace"])
async def test_rows_that_take_over_what_others_give_up_are_written_once_those_are(
    database: Database, tmp_path: Path, mode: str
) -> None:
    """Places move by one as a list is edited: each row waits for the next one, the last one for none."""
    spec = spec_of({"k": "string", "v": "integer"}, mode=mode)
    await run(
        database,
        "CREATE TABLE t (k varchar(9) PRIMARY KEY, v int UNIQUE)",
        "INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)",
    )
    rows = [["a", 2], ["b", 3], ["c", 4], ["new", 1], ["twice", 4]]
    loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
    assert (loaded.inserted, loaded.updated, loaded.refused) == (1, 3, {"row.db_unique": 1})
    kept = [(key, place) for key, place in rows[:4]]
    assert await rows_of(database, "SELECT k, v FROM t ORDER BY k") == kept


async def test_a_strict_table_of_sqlite_names_the_cell(tmp_path: Path) -> None:
    spec = spec_of({"k": "string", "v": "decimal(6,2)"})
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, "CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER) STRICT")
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", "1.00"], ["b", "1.50"]]))
        [record] = loaded.records
        assert (loaded.inserted, record.code, record.field, record.row) == (1, "row.db_type", "v", 3)


@pytest.mark.parametrize(
    ("check", "row", "field"),
    [
        ("CHECK (v > 0)", ["b", "open", -1], "v"),
        ('CHECK ("V" > 0)', ["b", "open", -1], "v"),
        ("CHECK (state IN ('open', 'v'))", ["b", "shut", 1], "state"),
        ("CONSTRAINT v_above_zero CHECK (v > 0)", ["b", "open", -1], None),
    ],
)
async def test_a_check_of_sqlite_names_the_cell_if_it_is_told_by_its_condition(
    tmp_path: Path, check: str, row: list[Any], field: str | None
) -> None:
    spec = spec_of({"k": "string", "state": "string", "v": "integer"})
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, f"CREATE TABLE t (k TEXT PRIMARY KEY, state TEXT, v INTEGER, {check})")
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", "open", 1], row]))
        [record] = loaded.records
        assert (loaded.inserted, record.code, record.field, record.row) == (1, "row.db_check", field, 3)


async def test_the_search_ends_when_more_rows_are_bad_than_the_file_may_have(
    postgres_database: str, tmp_path: Path
) -> None:
    spec = spec_of({"k": "string", "v": "integer"}, percent=2)
    async with opened(postgres_database) as database:
        await run(database, "CREATE TABLE t (k text PRIMARY KEY, v int CHECK (v > 0))")
        rows = [[f"k{number}", -(number % 2)] for number in range(200)]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        assert loaded.too_many
        assert loaded.rejected == 5


async def test_all_missing_parents_are_told_at_once(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of({"k": "string", "v": "integer"}, percent=2)
    async with opened(postgres_database) as database:
        await run(database, SHOPS, "CREATE TABLE t (k text PRIMARY KEY, v int REFERENCES shop)")
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [[f"k{n}", n] for n in range(100)]))
        assert (loaded.too_many, loaded.refused) == (True, {"row.db_foreign_key": 100})


async def test_a_parent_may_come_with_the_same_file(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of({"k": "string", "v": "string"})
    async with opened(postgres_database) as database:
        await run(database, "CREATE TABLE t (k text PRIMARY KEY, v text REFERENCES t)")
        rows = [["child", "parent"], ["orphan", "nobody"], ["parent", None]]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        assert (loaded.inserted, loaded.refused) == (2, {"row.db_foreign_key": 1})


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
async def test_keys_that_the_database_takes_for_one_are_refused(
    request: pytest.FixtureRequest, tmp_path: Path, dialect: str
) -> None:
    if dialect == "postgresql":
        url = request.getfixturevalue("postgres_database")
        statements = ["CREATE EXTENSION citext", "CREATE TABLE t (k citext PRIMARY KEY, v int)"]
    else:
        url = f"sqlite+aiosqlite:///{tmp_path / 'd.db'}"
        statements = ["CREATE TABLE t (k text COLLATE NOCASE PRIMARY KEY, v int)"]
    spec = spec_of({"k": "string", "v": "integer"})
    async with opened(url) as database:
        await run(database, *statements)
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["A", 2], ["b", 3]]))
        assert (loaded.inserted, loaded.refused) == (1, {"row.key_duplicate": 2})
        assert {"last_wins" in str(record.hint) for record in loaded.records} == {False}


async def test_a_skipping_trigger_of_sqlite_is_counted(tmp_path: Path) -> None:
    spec = spec_of({"k": "string", "v": "integer"})
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(
            database,
            "CREATE TABLE t (k text PRIMARY KEY, v int)",
            "CREATE TRIGGER s BEFORE INSERT ON t WHEN NEW.v = 0 BEGIN SELECT RAISE(IGNORE); END",
        )
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 0]]))
        assert (loaded.inserted, loaded.updated, loaded.skipped) == (1, 0, 1)
