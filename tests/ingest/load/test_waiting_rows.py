"""Rows that wait for others of their file, for a parent or for a unique value, are loaded once these are."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, rows_of, run, spooled

from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.load.loaded import Loaded
    from ingest.spec.dataset import Dataset

TREE = "CREATE TABLE t (k varchar(9) PRIMARY KEY, up varchar(9) REFERENCES t (k), v int CHECK (v < 500))"
LIST = "CREATE TABLE t (k varchar(9) PRIMARY KEY, v int NOT NULL UNIQUE CHECK (v < 500))"
MANY = 40


def spec_of(*names: str, mode: str = "upsert", percent: float = 5) -> Dataset:
    content = {
        "dataset": "d",
        "fields": [{"name": name, "type": "integer" if name == "v" else "string"} for name in names],
        "primaryKey": ["k"],
        "quarantine": {"max_percent": percent},
        "load": {"table": "t", "mode": mode},
    }
    return parse_dataset(json.dumps(content), "d.yml")


async def put(database: Database, folder: Path, spec: Dataset, rows: list[list[Any]]) -> Loaded:
    return await load_spooled(database, spec, spooled(folder, spec, rows))


async def fill(database: Database, last: int) -> None:
    await run(database, LIST, *(f"INSERT INTO t VALUES ('k{number}', {number})" for number in range(1, last + 1)))


@pytest.mark.parametrize("order", ["children first", "parents first", "any"])
async def test_a_tree_is_loaded_beside_a_bad_row(url: str, tmp_path: Path, order: str) -> None:
    numbers = list(range(1, MANY + 1))
    if order == "any":
        random.Random(7).shuffle(numbers)
    elif order == "children first":
        numbers.reverse()
    rows = [[f"n{number}", f"n{number - 1}" if number > 1 else None, 1] for number in numbers]
    spec = spec_of("k", "up", "v")
    async with opened(url) as database:
        await run(database, TREE)
        loaded = await put(database, tmp_path, spec, [["bad", None, 501], *rows])
        assert (loaded.inserted, dict(loaded.refused), loaded.too_many) == (MANY, {"row.db_check": 1}, False)


async def test_an_earlier_row_is_moved_below_one_that_comes_with_the_file(url: str, tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["top", "n1", 2],
        *([f"n{number}", f"n{number + 1}", 1] for number in range(1, MANY)),
        [f"n{MANY}", None, 1],
    ]
    spec = spec_of("k", "up", "v")
    async with opened(url) as database:
        await run(database, TREE, "INSERT INTO t VALUES ('top', NULL, 1)")
        loaded = await put(database, tmp_path, spec, rows)
        assert (loaded.inserted, loaded.updated, loaded.rejected) == (MANY, 1, 0)


@pytest.mark.parametrize("by", [1, -1])
async def test_positions_are_shifted_within_the_tolerance_of_truly_bad_rows(url: str, tmp_path: Path, by: int) -> None:
    """Each waits for the next: were they counted as refused meanwhile, the file would be."""
    spec = spec_of("k", "v")
    rows = [[f"k{number}", number + by] for number in range(1, MANY + 1)]
    async with opened(url) as database:
        await fill(database, MANY)
        loaded = await put(database, tmp_path, spec, [*rows, ["bad", 501]])
        assert (loaded.updated, dict(loaded.refused), loaded.too_many) == (MANY, {"row.db_check": 1}, False)
        assert await rows_of(database, "SELECT sum(v) FROM t") == [(sum(range(1, MANY + 1)) + by * MANY,)]


async def test_rows_that_exchange_a_value_are_told_so(url: str, tmp_path: Path) -> None:
    spec = spec_of("k", "v", percent=100)
    async with opened(url) as database:
        await fill(database, 4)
        loaded = await put(database, tmp_path, spec, [["k1", 2], ["k2", 1], ["k3", 3], ["k4", 5]])
        assert (loaded.updated, loaded.unchanged, dict(loaded.refused)) == (1, 1, {"row.db_unique": 2})
        assert all("rows of the file exchange this value" in str(record.hint) for record in loaded.records)
        assert await rows_of(database, "SELECT v FROM t ORDER BY k") == [(1,), (2,), (3,), (5,)]


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("upsert", [["x", 2], ["y", 3]]),
        ("upsert", [["x", 2], ["k2", 2]]),
        ("insert", [["x", 2], ["k2", 7]]),
    ],
    ids=["of a row that the file lacks", "of a row that keeps it", "of a row that is not written over"],
)
async def test_a_value_that_nobody_gives_up_is_refused_as_ever(
    url: str, tmp_path: Path, mode: str, rows: list[list[Any]]
) -> None:
    spec = spec_of("k", "v", mode=mode, percent=100)
    async with opened(url) as database:
        await fill(database, 4)
        loaded = await put(database, tmp_path, spec, rows)
        first = loaded.records[0]
        assert (first.code, first.hint) == ("row.db_unique", "enter a value that no other row of the table has")


async def test_more_than_the_dataset_tolerates_refuse_the_file_after_all(url: str, tmp_path: Path) -> None:
    spec = spec_of("k", "v", percent=20)
    async with opened(url) as database:
        await fill(database, 4)
        loaded = await put(database, tmp_path, spec, [["k1", 2], ["k2", 1], ["k3", 3], ["k4", 5]])
        assert (loaded.too_many, loaded.inserted, loaded.updated) == (True, 0, 0)


@pytest.mark.parametrize("mode", ["upsert", "replace"])
async def test_times_that_are_shifted_may_overlap_until_all_are_written(
    postgres_database: str, tmp_path: Path, mode: str
) -> None:
    spec = spec_of("k", "times", mode=mode, percent=0)
    rows = [[f"k{number}", f"[{number * 10 + 5},{number * 10 + 15})"] for number in range(MANY)]
    async with opened(postgres_database) as database:
        await run(database, "CREATE TABLE t (k text PRIMARY KEY, times int4range, EXCLUDE USING gist (times WITH &&))")
        before = [[key, f"[{number * 10},{number * 10 + 10})"] for number, (key, _) in enumerate(rows)]
        await put(database, tmp_path, spec, before)
        loaded = await put(database, tmp_path, spec, [*rows, ["new", "[0,5)"]])
        assert (loaded.inserted, loaded.updated, loaded.refused) == (1, MANY, {})


async def test_times_that_overlap_in_the_end_are_refused(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of("k", "times", percent=0)
    async with opened(postgres_database) as database:
        await run(database, "CREATE TABLE t (k text PRIMARY KEY, times int4range, EXCLUDE USING gist (times WITH &&))")
        await put(database, tmp_path, spec, [["a", "[0,10)"]])
        loaded = await put(database, tmp_path, spec, [["a", "[0,20)"], ["b", "[15,25)"], ["c", "[30,40)"]])
        assert (loaded.too_many, loaded.refused) == (True, {"row.db_unique": 1})
