"""The key of a table that a load has made is built over its rows, and is there whatever becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from asked import asked
from goods import COLUMNS, changed, dataset, loaded, opened, rows_of, run, table

from ingest.load.loaded import Loaded

if TYPE_CHECKING:
    from pathlib import Path

    from asked import Statement

    from daemon.database.database import Database

ROWS = [changed(size=number) for number in range(3)]
KEY = (
    "SELECT c.conname, array_agg(a.attname::text ORDER BY k.place) FROM pg_constraint c "
    "CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k(number, place) "
    "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number "
    "WHERE c.conrelid = 'goods'::regclass AND c.contype = 'p' GROUP BY c.conname"
)


def changes(statements: list[Statement]) -> list[str]:
    """Return what became of the table's constraints."""
    altered = [one.text for one in statements if one.text.startswith("ALTER TABLE")]
    return [text.partition(" CONSTRAINT ")[0].rpartition(" ")[2] for text in altered]


async def whenever(database: Database, moment: str, tag: str, body: str) -> None:
    """Have the application do something whenever tables are made or changed."""
    await run(database, f"CREATE FUNCTION do_it() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$")
    await run(database, f"CREATE EVENT TRIGGER whenever ON {moment} WHEN TAG IN ('{tag}') EXECUTE FUNCTION do_it()")


@pytest.mark.parametrize("mode", ["upsert", "replace", "insert"])
async def test_the_key_of_a_new_table_is_built_once_its_rows_are_there(
    postgres_database: str, tmp_path: Path, mode: str
) -> None:
    async with opened(postgres_database) as database:
        statements = asked(database)
        assert await loaded(database, dataset(mode), tmp_path, ROWS) == Loaded(inserted=3)
        assert changes(statements) == ["DROP", "ADD"]
        assert await rows_of(database, KEY) == [("goods_pkey", ["sku", "size"])]
        assert await loaded(database, dataset(mode), tmp_path, ROWS) == Loaded(unchanged=3)
        assert changes(statements) == ["DROP", "ADD"]


async def test_an_empty_table_of_the_application_keeps_its_key(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await run(database, f"CREATE TABLE goods ({COLUMNS}, PRIMARY KEY (sku, size))")
        statements = asked(database)
        assert await loaded(database, dataset(), tmp_path, ROWS) == Loaded(inserted=3)
        assert not changes(statements)


async def test_rows_of_one_key_in_a_new_table_cost_only_themselves(postgres_database: str, tmp_path: Path) -> None:
    """No parse lets them through; the table would not either."""
    async with opened(postgres_database) as database:
        result = await loaded(database, dataset("insert"), tmp_path, [*ROWS, changed(size=1, note="again")])
        assert (result.inserted, sum(result.refused.values())) == (3, 1)
        assert await rows_of(database, KEY) == [("goods_pkey", ["sku", "size"])]
        assert [row[0] for row in await table(database, "size, note")] == [0, 1, 2]


async def test_where_a_table_may_not_be_changed_it_is_filled_with_its_key(
    postgres_database: str, tmp_path: Path
) -> None:
    async with opened(postgres_database) as database:
        refusal = "RAISE EXCEPTION 'tables are changed by migrations'"
        await whenever(database, "ddl_command_start", "ALTER TABLE", refusal)
        assert await loaded(database, dataset(), tmp_path, ROWS) == Loaded(inserted=3)
        assert await rows_of(database, KEY) == [("goods_pkey", ["sku", "size"])]


async def test_a_connection_that_ends_there_is_waited_for(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        end = "PERFORM pg_terminate_backend(pg_backend_pid())"
        await whenever(database, "ddl_command_start", "ALTER TABLE", end)
        with pytest.raises(sa.exc.DBAPIError) as caught:
            await loaded(database, dataset(), tmp_path, ROWS)
        assert database.will_pass(caught.value)


async def watched(database: Database, change: str) -> None:
    """Have the application change the table when it is made."""
    made = "EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.goods')"
    await whenever(database, "ddl_command_end", "CREATE TABLE", f"IF {made} THEN {change}; END IF")


CONSTRAINTS = "SELECT conname, contype::text FROM pg_constraint WHERE conrelid = 'goods'::regclass AND contype <> 'n'"
COUNTED = (
    "CREATE TABLE seen (rows bigint); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN INSERT INTO seen SELECT count(*) FROM (SELECT note FROM goods GROUP BY sku, size) AS by_key; "
    "RETURN NULL; END'; "
    "CREATE TRIGGER n AFTER INSERT ON goods EXECUTE FUNCTION note()"
)


async def test_what_the_application_adds_to_a_new_table_is_left_as_it_is(
    postgres_database: str, tmp_path: Path
) -> None:
    async with opened(postgres_database) as database:
        await watched(database, "ALTER TABLE goods ADD CONSTRAINT one_size UNIQUE (size)")
        keyless = dataset("insert", **{"primaryKey: [sku, size]": ""})
        assert await loaded(database, keyless, tmp_path, ROWS) == Loaded(inserted=3)
        assert await rows_of(database, CONSTRAINTS) == [("one_size", "u")]


async def test_a_key_comes_back_as_the_application_has_made_it(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await watched(
            database,
            "ALTER TABLE goods DROP CONSTRAINT goods_pkey; "
            "ALTER TABLE goods ADD CONSTRAINT my_key PRIMARY KEY (sku, size) INCLUDE (note)",
        )
        statements = asked(database)
        assert await loaded(database, dataset(), tmp_path, ROWS) == Loaded(inserted=3)
        assert changes(statements) == ["DROP", "ADD"]
        definition = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'my_key'"
        assert await rows_of(database, definition) == [("PRIMARY KEY (sku, size) INCLUDE (note)",)]


@pytest.mark.parametrize(
    "change", ["CLUSTER goods USING goods_pkey", "ALTER TABLE goods REPLICA IDENTITY USING INDEX goods_pkey", COUNTED]
)
async def test_a_key_that_may_be_wanted_at_once_stays(postgres_database: str, tmp_path: Path, change: str) -> None:
    async with opened(postgres_database) as database:
        await watched(database, change)
        statements = asked(database)
        assert await loaded(database, dataset(), tmp_path, ROWS) == Loaded(inserted=3)
        assert not changes(statements)
        assert await rows_of(database, KEY) == [("goods_pkey", ["sku", "size"])]


async def test_where_the_keys_cannot_be_sorted_the_key_is_kept_all_the_while(
    postgres_database: str, tmp_path: Path
) -> None:
    rows = [changed(sku=f"{number * 7919 % 60_000:060}", size=number) for number in range(60_000)]
    async with opened(postgres_database) as database:
        name = postgres_database.rpartition("/")[2]
        for limit in ("temp_file_limit = '1MB'", "maintenance_work_mem = '1MB'"):
            await run(database, f'ALTER DATABASE "{name}" SET {limit}')
    async with opened(postgres_database) as database:
        statements = asked(database)
        assert await loaded(database, dataset(), tmp_path, rows) == Loaded(inserted=60_000)
        assert changes(statements) == ["DROP", "ADD"]
        assert await rows_of(database, KEY) == [("goods_pkey", ["sku", "size"])]
