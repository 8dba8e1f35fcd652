"""The key of a table that a load has made is built over its rows, and is there whatever becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from goods import COLUMNS, changed, dataset, loaded, opened, rows_of, run, table

from ingest.load.loaded import Loaded

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database

ROWS = [changed(size=number) for number in range(3)]
KEY = (
    "SELECT c.conname, array_agg(a.attname::text ORDER BY k.place) FROM pg_constraint c "
    "CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k(number, place) "
    "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number "
    "WHERE c.conrelid = 'goods'::regclass AND c.contype = 'p' GROUP BY c.conname"
)


def altering(database: Database) -> list[str]:
    """Return the changes of tables that are asked for from now on."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("ALTER TABLE"):
            found.append(statement.partition(" CONSTRAINT ")[0].rpartition(" ")[2])

    sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    return found


@pytest.mark.parametrize("mode", ["upsert", "replace", "insert"])
async def test_the_key_of_a_new_table_is_built_once_its_rows_are_there(
    postgres_database: str, tmp_path: Path, mode: str
) -> None:
    async with opened(postgres_database) as database:
        changes = altering(database)
        assert await loaded(database, dataset(mode), tmp_path, ROWS) == Loaded(inserted=3)
        assert changes == ["DROP", "ADD"]
        assert await rows_of(database, KEY) == [("goods_pkey", ["sku", "size"])]
        assert await loaded(database, dataset(mode), tmp_path, ROWS) == Loaded(unchanged=3)
        assert changes == ["DROP", "ADD"]


async def test_an_empty_table_of_the_application_keeps_its_key(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await run(database, f"CREATE TABLE goods ({COLUMNS}, PRIMARY KEY (sku, size))")
        changes = altering(database)
        assert await loaded(database, dataset(), tmp_path, ROWS) == Loaded(inserted=3)
        assert not changes


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
        await run(
            database,
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS "
            "'BEGIN RAISE EXCEPTION ''tables are changed by migrations''; END'",
        )
        await run(
            database,
            "CREATE EVENT TRIGGER no_changes ON ddl_command_start WHEN TAG IN ('ALTER TABLE') "
            "EXECUTE FUNCTION refuse()",
        )
        assert await loaded(database, dataset(), tmp_path, ROWS) == Loaded(inserted=3)
        assert await rows_of(database, KEY) == [("goods_pkey", ["sku", "size"])]
