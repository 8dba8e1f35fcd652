"""Columns that a new row must have and that a trigger fills: ids and stamps of PostgreSQL without a default."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from goods import load_spooled, opened, rows_of, run, spooled

from ingest.load.inspection import inspect
from ingest.load.loaded import TargetMismatchError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.spec.dataset import Dataset

TABLE = "CREATE TABLE t (id int NOT NULL, k text PRIMARY KEY, v int)"
DEMANDS = "demands a value for id, which the dataset does not have"


def spec_of(mode: str = "upsert", percent: int = 0) -> Dataset:
    content = {
        "dataset": "d",
        "fields": [{"name": "k", "type": "string"}, {"name": "v", "type": "integer"}],
        "primaryKey": ["k"],
        "quarantine": {"max_percent": percent},
        "load": {"table": "t", "mode": mode},
    }
    return parse_dataset(json.dumps(content), "d.yml")


def trigger(body: str, events: str = "BEFORE INSERT OR UPDATE") -> list[str]:
    return [
        f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$",
        f"CREATE TRIGGER g {events} ON t FOR EACH ROW EXECUTE FUNCTION f()",
    ]


COUNTS = ["CREATE SEQUENCE ids", *trigger("NEW.id := coalesce(NEW.id, nextval('ids'));")]


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
async def test_what_a_trigger_fills_need_not_be_in_the_dataset(
    postgres_database: str, tmp_path: Path, mode: str
) -> None:
    spec = spec_of(mode)
    async with opened(postgres_database) as database:
        await run(database, TABLE, *COUNTS)
        await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 1]]))
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 1], ["c", 3]]))
        assert (loaded.inserted, loaded.unchanged) == (1, 2)
        assert await rows_of(database, "SELECT * FROM t ORDER BY id") == [(1, "a", 1), (2, "b", 1), (3, "c", 3)]
        async with database.write() as connection:
            found = await inspect(connection, spec, tmp_path)
        assert (found.problems, [one for one in found.advice if DEMANDS in one]) == ((), [found.advice[-1]])


async def test_a_trigger_of_a_partition_may_fill_its_rows(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await run(database, f"{TABLE} PARTITION BY LIST (k)", "CREATE TABLE part PARTITION OF t DEFAULT")
        body, made = trigger("NEW.id := 7;")
        await run(database, body, made.replace(" ON t ", " ON part "))
        assert (await load_spooled(database, spec_of(), spooled(tmp_path, spec_of(), [["a", 1]]))).inserted == 1


async def test_a_row_that_the_trigger_leaves_without_a_value_costs_only_itself(
    postgres_database: str, tmp_path: Path
) -> None:
    spec = spec_of(percent=60)
    async with opened(postgres_database) as database:
        await run(database, TABLE, *trigger("IF NEW.v < 10 THEN NEW.id := 1; END IF;"))
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 11]]))
    assert (loaded.inserted, dict(loaded.refused)) == (1, {"row.db_not_null": 1})
    assert "load.insert_only: {id: ...}" in str(loaded.records[0].hint)


OTHERS = {
    "fills nothing": trigger("NEW.v := 2;"),
    "runs for updates only": trigger("NEW.id := 1;", "BEFORE UPDATE"),
    "comes too late": trigger("NEW.id := 1;", "AFTER INSERT"),
    "is disabled": [*COUNTS, "ALTER TABLE t DISABLE TRIGGER g"],
    "is a replica's": [*COUNTS, "ALTER TABLE t ENABLE REPLICA TRIGGER g"],
}


@pytest.mark.parametrize("name", OTHERS)
async def test_where_no_trigger_fills_a_column_its_table_is_told_what_to_change(
    postgres_database: str, tmp_path: Path, name: str
) -> None:
    async with opened(postgres_database) as database:
        await run(database, TABLE, *OTHERS[name])
        with pytest.raises(TargetMismatchError, match=DEMANDS):
            await load_spooled(database, spec_of(), spooled(tmp_path, spec_of(), [["a", 1], ["b", 1]]))


async def test_a_file_with_other_bad_rows_is_its_senders(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of(percent=60)
    async with opened(postgres_database) as database:
        await run(database, TABLE.replace("v int", "v smallint"), *trigger("NEW.v := NEW.v;"))
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 70000], ["b", 1], ["c", 1]]))
    assert (loaded.too_many, dict(loaded.refused)) == (True, {"row.db_range": 1, "row.db_not_null": 1})
