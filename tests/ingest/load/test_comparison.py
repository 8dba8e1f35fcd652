"""What counts as a change of a value, and as the same key, whatever the types of columns make of equality."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, rows_of, run, spooled

from ingest.load.comparison import equal
from ingest.load.facts import ColumnFacts
from ingest.load.loaded import Loaded, TargetMismatchError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset

IN_EXT = "CREATE SCHEMA ext"
CASELESS = "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
CHANGES = {
    "citext": (["CREATE EXTENSION citext"], "citext", "string", "mcdonald", "McDonald"),
    "citext of another schema": ([IN_EXT, "CREATE EXTENSION citext SCHEMA ext"], "ext.citext", "string", "x", "X"),
    "domain over citext": (["CREATE EXTENSION citext", "CREATE DOMAIN d AS citext"], "d", "string", "x", "X"),
    "citext[]": (["CREATE EXTENSION citext"], "citext[]", "string", "{x}", "{X}"),
    "hstore of another schema": (
        [IN_EXT, "CREATE EXTENSION hstore SCHEMA ext"],
        "ext.hstore",
        "string",
        '"a"=>"1"',
        '"a"=>"2"',
    ),
    "collation": ([CASELESS], "text COLLATE caseless", "string", "x", "X"),
    "domain with a collation": ([CASELESS, "CREATE DOMAIN d AS text COLLATE caseless"], "d", "string", "x", "X"),
    "text[] with a collation": ([CASELESS], "text[] COLLATE caseless", "string", "{x}", "{X}"),
    "composite": (
        ["CREATE EXTENSION citext", "CREATE TYPE pair AS (a citext, b int)"],
        "pair",
        "string",
        "(x,1)",
        "(X,1)",
    ),
    "interval": ([], "interval", "duration", "1 mon", "30 days"),
    "domain over an enum": (
        ["CREATE TYPE mood AS ENUM ('ok', 'bad')", "CREATE DOMAIN d AS mood"],
        "d",
        "string",
        "ok",
        "bad",
    ),
}
SAME = {
    "numeric": ([], "numeric", "decimal(10,2)", "1.5", "1.50"),
    "char": ([], "char(3)", "string", "x", "x  "),
    "jsonb": ([], "jsonb", "string", '{"a":1}', '{ "a": 1 }'),
    "hstore": (["CREATE EXTENSION hstore"], "hstore", "string", "a=>1,b=>2", '"b"=>"2", "a"=>"1"'),
    "int4range": ([], "int4range", "string", "[1,3]", "[1,4)"),
    "real[]": ([], "real[]", "string", "{1}", "{1.0}"),
}


def spec_of(mode: str = "upsert", kind: str = "string", **load: Any) -> Dataset:
    content = {
        "dataset": "d",
        "fields": [{"name": "k", "type": "string"}, {"name": "v", "type": kind}],
        "primaryKey": ["k"],
        "quarantine": {"max_percent": 100},
        "load": {"table": "t", "mode": mode, **load},
    }
    return parse_dataset(json.dumps(content), "d.yml")


async def put(database: Database, spec: Dataset, folder: Path, *rows: list[Any]) -> Loaded:
    return await load_spooled(database, spec, spooled(folder, spec, rows))


Case = tuple[list[str], str, str, str, str]


@asynccontextmanager
async def holding(url: str, folder: Path, case: Case) -> AsyncIterator[Database]:
    """Load the first value of a case into a new table."""
    statements, column, kind, first, _ = case
    async with opened(url) as database:
        await run(database, *statements, f"CREATE TABLE t (k text PRIMARY KEY, v {column})")
        assert await put(database, spec_of(kind=kind), folder, ["a", first]) == Loaded(inserted=1)
        yield database


@pytest.mark.parametrize("name", CHANGES)
async def test_what_a_person_sees_differ_is_a_change(postgres_database: str, tmp_path: Path, name: str) -> None:
    _, _, kind, _, second = CHANGES[name]
    spec = spec_of(kind=kind)
    async with holding(postgres_database, tmp_path, CHANGES[name]) as database:
        strict = await put(database, spec_of("insert", kind), tmp_path, ["a", second])
        assert strict.refused == {"row.key_conflict": 1}
        assert await put(database, spec, tmp_path, ["a", second]) == Loaded(updated=1)
        assert await put(database, spec, tmp_path, ["a", second]) == Loaded(unchanged=1)
        [(shown,)] = await rows_of(database, "SELECT v::text FROM t")
        assert shown == second


@pytest.mark.parametrize("name", SAME)
async def test_another_writing_of_a_value_is_no_change(postgres_database: str, tmp_path: Path, name: str) -> None:
    _, _, kind, _, second = SAME[name]
    async with holding(postgres_database, tmp_path, SAME[name]) as database:
        assert await put(database, spec_of(kind=kind), tmp_path, ["a", second]) == Loaded(unchanged=1)


@pytest.mark.parametrize("collation", ["NOCASE", "RTRIM"])
async def test_sqlite_writes_what_its_collation_takes_for_the_same(tmp_path: Path, collation: str) -> None:
    other = {"NOCASE": "McDonald", "RTRIM": "mcdonald "}[collation]
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, f"CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT COLLATE {collation})")
        await put(database, spec_of(), tmp_path, ["a", "mcdonald"])
        strict = await put(database, spec_of("insert"), tmp_path, ["a", other])
        assert strict.refused == {"row.key_conflict": 1}
        assert await put(database, spec_of(), tmp_path, ["a", other]) == Loaded(updated=1)
        assert await put(database, spec_of(), tmp_path, ["a", other]) == Loaded(unchanged=1)
        assert await rows_of(database, "SELECT v FROM t") == [(other,)]


@pytest.mark.parametrize("column", ["INTEGER", "NUMERIC", "REAL", ""])
async def test_sqlite_compares_numbers_as_its_columns_do(tmp_path: Path, column: str) -> None:
    spec = spec_of(kind="integer")
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, f"CREATE TABLE t (k TEXT PRIMARY KEY, v {column})")
        await put(database, spec, tmp_path, ["a", 1], ["b", 10])
        assert await put(database, spec, tmp_path, ["a", 1], ["b", 11]) == Loaded(unchanged=1, updated=1)


@pytest.mark.parametrize("mode", ["upsert", "replace", "insert"])
@pytest.mark.parametrize("key", ["ext.citext", "d"])
async def test_keys_of_a_type_outside_the_search_path_are_compared_by_it(
    postgres_database: str, tmp_path: Path, mode: str, key: str
) -> None:
    async with opened(postgres_database) as database:
        await run(
            database,
            IN_EXT,
            "CREATE EXTENSION citext SCHEMA ext",
            "CREATE DOMAIN d AS ext.citext",
            f"CREATE TABLE t (k {key} PRIMARY KEY, v text)",
        )
        await put(database, spec_of(), tmp_path, ["abc", "x"])
        loaded = await put(database, spec_of(mode), tmp_path, ["ABC", "x"], ["b", "x"])
        assert loaded == Loaded(inserted=1, unchanged=1)
        assert await rows_of(database, "SELECT k::text FROM t ORDER BY 1") == [("abc",), ("b",)]


async def test_a_parent_of_a_type_outside_the_search_path_is_found(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await run(
            database,
            IN_EXT,
            "CREATE EXTENSION citext SCHEMA ext",
            "CREATE TABLE shop (id ext.citext PRIMARY KEY)",
            "INSERT INTO shop VALUES ('North')",
            "CREATE TABLE t (k text PRIMARY KEY, v ext.citext REFERENCES shop)",
        )
        loaded = await put(database, spec_of(), tmp_path, ["a", "NORTH"], ["b", "nowhere"])
        assert (loaded.inserted, loaded.refused) == (1, {"row.db_foreign_key": 1})
        [record] = loaded.records
        assert record.row == 3


@pytest.mark.parametrize("path", ["public", "public, ext"])
async def test_a_text_refers_to_a_parent_of_a_type_outside_the_search_path(
    postgres_database: str, tmp_path: Path, path: str
) -> None:
    content = {
        "dataset": "d",
        "fields": [{"name": "k", "type": "string"}, {"name": "v", "type": "string", "references": "shop.id"}],
        "primaryKey": ["k"],
        "quarantine": {"max_percent": 100},
        "load": {"table": "t"},
    }
    spec = parse_dataset(json.dumps(content), "d.yml")
    async with opened(postgres_database) as database:
        await run(
            database,
            IN_EXT,
            "CREATE EXTENSION citext SCHEMA ext",
            "CREATE TABLE shop (id ext.citext PRIMARY KEY)",
            "INSERT INTO shop VALUES ('North')",
            "CREATE TABLE t (k text PRIMARY KEY, v text)",
            f"ALTER ROLE CURRENT_USER IN DATABASE {postgres_database.rpartition('/')[2]} SET search_path = {path}",
        )
    async with opened(postgres_database) as database:
        loaded = await put(database, spec, tmp_path, ["a", "North"], ["b", "nowhere"])
        assert (loaded.inserted, sum(loaded.refused.values())) == (1, 1)


@pytest.mark.parametrize("mode", ["upsert", "replace", "insert"])
async def test_a_key_is_filled_by_a_text_where_its_type_is_outside_the_search_path(
    postgres_database: str, tmp_path: Path, mode: str
) -> None:
    content = {
        "dataset": "d",
        "fields": [{"name": "k", "type": "string", "lookup": "shop.code -> shop.id"}, {"name": "v", "type": "string"}],
        "primaryKey": ["k"],
        "load": {"table": "t", "mode": mode},
    }
    spec = parse_dataset(json.dumps(content), "d.yml")
    async with opened(postgres_database) as database:
        await run(
            database,
            IN_EXT,
            "CREATE EXTENSION citext SCHEMA ext",
            "CREATE TABLE shop (code ext.citext UNIQUE, id text)",
            "INSERT INTO shop VALUES ('North', 'N'), ('South', 'S')",
            "CREATE TABLE t (k ext.citext PRIMARY KEY, v text)",
        )
        await put(database, spec, tmp_path, ["north", "x"])
        loaded = await put(database, spec, tmp_path, ["NORTH", "x"], ["South", "x"])
        assert loaded == Loaded(inserted=1, unchanged=1)


async def test_a_key_of_a_domain_over_an_enum_is_compared_as_the_enum(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TYPE mood AS ENUM ('ok', 'bad')",
            "CREATE DOMAIN d AS mood",
            "CREATE TABLE t (k d PRIMARY KEY, v text)",
        )
        await put(database, spec_of(), tmp_path, ["ok", "x"])
        assert await put(database, spec_of(), tmp_path, ["ok", "y"], ["bad", "x"]) == Loaded(inserted=1, updated=1)


@pytest.mark.parametrize("column", ["text COLLATE caseless", "d"])
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
async def test_rows_of_one_key_by_a_collation_are_all_refused(
    postgres_database: str, tmp_path: Path, column: str, *, filled: bool
) -> None:
    async with opened(postgres_database) as database:
        await run(
            database,
            CASELESS,
            "CREATE DOMAIN d AS text COLLATE caseless",
            f"CREATE TABLE t (k {column} UNIQUE, v text)",
        )
        if filled:
            await put(database, spec_of(), tmp_path, ["b", "old"])
        loaded = await put(database, spec_of(), tmp_path, ["b", "x"], ["B", "y"], ["c", "z"])
        assert (loaded.inserted, loaded.refused) == (1, {"row.key_duplicate": 2})


async def test_only_columns_that_are_compared_need_be_readable(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TABLE t (k text, v text, secret text, deleted_at timestamp)",
            "CREATE UNIQUE INDEX ON t (k) WHERE deleted_at IS NULL",
            "CREATE ROLE clerk_of_columns LOGIN",
            "GRANT SELECT (k, v, deleted_at), INSERT (k, v), UPDATE (v) ON t TO clerk_of_columns",
        )
    spec = spec_of(key_where="deleted_at IS NULL")
    try:
        async with opened(postgres_database.replace("://headgate@", "://clerk_of_columns@")) as database:
            assert await put(database, spec, tmp_path, ["a", "x"]) == Loaded(inserted=1)
            assert await put(database, spec, tmp_path, ["a", "y"], ["b", "x"]) == Loaded(inserted=1, updated=1)
    finally:
        async with opened(postgres_database) as database:
            await run(database, "DROP OWNED BY clerk_of_columns", "DROP ROLE clerk_of_columns")


@pytest.mark.parametrize(
    ("cast", "schema"),
    [("citext", None), ("ext.citext", "ext"), ('"My.Own".citext', '"My.Own"'), ('"a""b".citext', '"a""b"')],
)
def test_the_operator_is_that_of_the_types_schema(cast: str, schema: str | None) -> None:
    column = ColumnFacts(name="k", declared=cast, base="citext", cast=cast, category="S", builtin=False)
    assert equal(column, "a", "b") == ("a = b" if schema is None else f"a OPERATOR({schema}.=) b")


ROUNDED = {
    "numeric(6,1)[]": ("{1.2,NULL}", "{1.25}"),
    "timestamp(0)[]": ("{2026-01-01 10:00:00}", "{2026-01-01 10:00:00.7}"),
    "timestamptz(3)[]": ("{2026-01-01 10:00:00.123+00}", "{2026-01-01 10:00:00.1234+00}"),
    "time(0)[]": ("{10:00:00}", "{10:00:00.7}"),
    "interval(0)[]": ("{1 day}", "{0.7 seconds}"),
    "date[]": ("{2026-01-01}", "{2026-01-01 10:00:00}"),
    "float4[]": ("{0.1,-2.5,0,NaN,NULL}", "{1.23456789}"),
    "float8[]": ("{0.1,1e300}", "{0.12345678901234567890}"),
    "rounds": ("{1.2}", "{1.25}"),
    "amount[]": ("{1.2,NULL}", "{1.25}"),
    "price[]": ("{1.2}", "{1.25}"),
    "moment[]": ("{2026-01-01 10:00:00}", "{2026-01-01 10:00:00.7}"),
    "day[]": ("{2026-01-01}", "{2026-01-01 10:00:00}"),
    "ratio[]": ("{0.1}", "{1.23456789}"),
}
DOMAINS = {
    "rounds": "numeric(6,1)[]",
    "amount": "numeric(6,1)",
    "price": "amount CHECK (VALUE > 0)",
    "moment": "timestamp(0)",
    "day": "date",
    "ratio": "real",
}


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
@pytest.mark.parametrize("column", ROUNDED)
async def test_nothing_is_rounded_inside_an_array(
    postgres_database: str, tmp_path: Path, column: str, *, filled: bool
) -> None:
    whole, rounded = ROUNDED[column]
    async with opened(postgres_database) as database:
        await run(
            database,
            *(f"CREATE DOMAIN {name} AS {behind}" for name, behind in DOMAINS.items()),
            f"CREATE TABLE t (k text PRIMARY KEY, v {column})",
            *([f"INSERT INTO t VALUES ('a', '{whole}')"] if filled else []),
        )
        loaded = await put(database, spec_of(), tmp_path, ["a", whole], ["b", rounded], ["c", None])
        assert (loaded.inserted, loaded.unchanged, loaded.refused) == (
            2 - filled,
            int(filled),
            {"row.db_precision": 1},
        )
        assert [(record.row, record.field) for record in loaded.records] == [(3, "v")]
        assert await rows_of(database, f"SELECT v = '{whole}' FROM t WHERE k = 'a'") == [(True,)]


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("float4[]", "{1e40}", "row.db_range"),
        ("float4[]", "{1e-40}", "row.db_precision"),
        ("float8[]", "{1e400}", "row.db_range"),
        ("numeric(4,1)[]", "{12345.5}", "row.db_range"),
    ],
)
async def test_an_element_out_of_range_costs_its_own_row(
    postgres_database: str, tmp_path: Path, column: str, value: str, code: str
) -> None:
    async with opened(postgres_database) as database:
        await run(database, f"CREATE TABLE t (k text PRIMARY KEY, v {column})")
        loaded = await put(database, spec_of(), tmp_path, ["a", "{1}"], ["b", value])
        assert (loaded.inserted, loaded.refused) == (1, {code: 1})


@pytest.mark.parametrize("column", ["money[]", "name[]"])
async def test_an_array_that_cuts_what_it_gets_is_refused(postgres_database: str, tmp_path: Path, column: str) -> None:
    async with opened(postgres_database) as database:
        await run(database, f"CREATE TABLE t (k text PRIMARY KEY, v {column})")
        with pytest.raises(TargetMismatchError, match="without loss"):
            await put(database, spec_of(), tmp_path, ["a", "{1}"])


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
async def test_keys_that_are_one_without_the_blanks_that_do_not_fit_are_refused(
    postgres_database: str, tmp_path: Path, *, filled: bool
) -> None:
    """As SQL has it, a varchar(n) drops blanks at the end that are beyond its length: the second row won."""
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TABLE t (k varchar(3) PRIMARY KEY, v text)",
            *(["INSERT INTO t VALUES ('abc', 'old')"] if filled else []),
        )
        rows = [["abc", "1"], ["abc ", "2"], ["x ", "3"], ["x", "4"], ["xyz ", "5"]]
        loaded = await put(database, spec_of(), tmp_path, *rows)
        assert (loaded.inserted, loaded.updated, loaded.refused) == (3, 0, {"row.key_duplicate": 2})
        kept = await rows_of(database, "SELECT k, v FROM t WHERE k <> 'abc' ORDER BY v")
        assert kept == [("x ", "3"), ("x", "4"), ("xyz", "5")]
