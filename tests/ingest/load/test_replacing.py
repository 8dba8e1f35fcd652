"""What a replacement may delete: the rows that its dataset's key is unique among, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, loaded, opened, rows_of, run, spooled

from ingest.load.loaded import RefusedLoadError, TargetMismatchError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset

NOTES = [
    "CREATE TABLE t (code int NOT NULL, v int, deleted_at timestamp)",
    "CREATE UNIQUE INDEX of_code ON t (code) WHERE deleted_at IS NULL",
    "INSERT INTO t VALUES (1, 1, '2026-01-01'), (2, 1, NULL)",
]
KEPT = "SELECT code, v, deleted_at IS NOT NULL FROM t ORDER BY code, deleted_at"


def spec_of(**load: Any) -> Dataset:
    content = {
        "dataset": "d",
        "fields": [{"name": "code", "type": "integer"}, {"name": "v", "type": "integer"}],
        "primaryKey": ["code"],
        "load": {"table": "t", "mode": "replace", "key_where": "deleted_at IS NULL", **load},
    }
    return parse_dataset(json.dumps(content), "d.yml")


@pytest.mark.parametrize("how", ["by_key", "all"])
@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ([10, 11], [(1, 1, True), (10, 5, False), (11, 5, False)]),
        ([1, 11], [(1, 5, False), (1, 1, True), (11, 5, False)]),
        ([2, 11], [(1, 1, True), (2, 5, False), (11, 5, False)]),
    ],
    ids=["only new keys", "a deleted key", "a known key"],
)
async def test_rows_outside_of_the_keys_rows_are_left_alone(
    database: Database, tmp_path: Path, how: str, keys: list[int], left: list[tuple[Any, ...]]
) -> None:
    await run(database, *NOTES)
    rows = [[key, 5] for key in keys]
    await loaded(database, spec_of(replace=how), tmp_path, rows, key_range=(str(min(keys)), str(max(keys))))
    # NULLs come last on one of the databases only.
    assert sorted(await rows_of(database, KEPT)) == sorted(left)


@pytest.mark.parametrize("how", ["by_key", "all"])
async def test_rejected_rows_that_are_handed_in_as_a_file_of_their_own_replace_nothing(
    database: Database, tmp_path: Path, how: str
) -> None:
    await run(database, *NOTES)
    spec = spec_of(replace=how)
    rows = spooled(tmp_path, spec, [[2, 7]])
    with pytest.raises(RefusedLoadError, match=r"all others would be lost") as refused:
        await load_spooled(database, spec, replace(rows, report=replace(rows.report, handed_back=True)))
    assert refused.value.record.code == "load.replace_incomplete"
    assert sorted(await rows_of(database, KEPT)) == [(1, 1, True), (2, 1, False)]


LINES = "CREATE TABLE line (code int REFERENCES t (code) ON DELETE CASCADE, deleted_at timestamp)"


@pytest.mark.parametrize("how", ["by_key", "all"])
@pytest.mark.parametrize("keys", [[10, 11], [2, 11]], ids=["only new keys", "a known key"])
@pytest.mark.parametrize("referred", [1, 3], ids=["a row outside", "a row that would go"])
async def test_only_rows_that_would_go_take_others_with_them(
    database: Database, tmp_path: Path, how: str, keys: list[int], referred: int
) -> None:
    """The other table has a column of the condition's name, too."""
    await run(
        database,
        "CREATE TABLE t (code int PRIMARY KEY, v int, deleted_at timestamp)",
        "INSERT INTO t VALUES (1, 1, '2026-01-01'), (3, 1, NULL)",
        LINES,
        f"INSERT INTO line VALUES ({referred}, NULL)",
    )
    rows, span = [[key, 5] for key in keys], (str(min(keys)), str(max(keys)))
    if referred == 1:
        await loaded(database, spec_of(replace=how), tmp_path, rows, key_range=span)
        assert await rows_of(database, "SELECT code FROM t ORDER BY code") == [(1,), *((key,) for key in keys)]
    else:
        with pytest.raises(TargetMismatchError, match="replacing them would change it too"):
            await loaded(database, spec_of(replace=how), tmp_path, rows, key_range=span)
    assert await rows_of(database, "SELECT code FROM line") == [(referred,)]


KEEPERS = {
    "a trigger": [
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$",
        "CREATE TRIGGER keep BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION keep()",
    ],
    "a rule": ["CREATE RULE keep AS ON DELETE TO t DO INSTEAD NOTHING"],
    "a trigger of SQLite": ["CREATE TRIGGER keep BEFORE DELETE ON t BEGIN SELECT RAISE(IGNORE); END"],
    "a trigger of updates": [
        "CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$",
        "CREATE TRIGGER pass BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION pass()",
    ],
    "a trigger that lets them go": [
        "CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN OLD; END$$",
        "CREATE TRIGGER pass BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION pass()",
    ],
}


# A table with a rule takes no rows by key.
KEPT_BY = [(keeper, how) for keeper in KEEPERS for how in ("all", "by_key") if (keeper, how) != ("a rule", "by_key")]


@pytest.mark.parametrize(("keeper", "how"), KEPT_BY)
async def test_rows_that_stay_though_they_were_to_be_deleted_are_told(
    request: pytest.FixtureRequest, tmp_path: Path, keeper: str, how: str
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'd.db'}"
    if "SQLite" not in keeper:
        url = request.getfixturevalue("postgres_database")
    content = {
        "dataset": "d",
        "fields": [{"name": "code", "type": "integer"}, {"name": "v", "type": "integer"}],
        **({"primaryKey": ["code"]} if how == "by_key" else {}),
        "load": {"table": "t", "mode": "replace"},
    }
    spec = parse_dataset(json.dumps(content), "d.yml")
    async with opened(url) as database:
        unique = " PRIMARY KEY" if how == "by_key" else ""
        await run(database, f"CREATE TABLE t (code int{unique}, v int)", *KEEPERS[keeper])
        assert not (await loaded(database, spec, tmp_path, [[1, 1], [2, 1]])).stayed
        again = await loaded(database, spec, tmp_path, [[2, 5], [3, 5]], key_range=("2", "3"))
        assert again.stayed == any("keep" in statement for statement in KEEPERS[keeper])
        left = {code for code, _ in await rows_of(database, "SELECT code, v FROM t")}
        assert left == ({1, 2, 3} if again.stayed else {2, 3})


@pytest.mark.parametrize("how", ["by_key", "all"])
@pytest.mark.parametrize("action", ["NO ACTION", "RESTRICT"])
async def test_rows_that_others_refer_to_are_told_as_what_keeps_them(
    database: Database, tmp_path: Path, how: str, action: str
) -> None:
    await run(
        database,
        "CREATE TABLE t (code int PRIMARY KEY, v int, deleted_at timestamp)",
        "INSERT INTO t VALUES (1, 1, NULL), (2, 1, NULL)",
        f"CREATE TABLE line (code int REFERENCES t (code) ON DELETE {action})",
        "INSERT INTO line VALUES (1)",
    )
    with pytest.raises(RefusedLoadError, match="that the file does not have cannot be deleted") as caught:
        await loaded(database, spec_of(replace=how, key_where=None), tmp_path, [[2, 5], [3, 5]])
    assert "load mode upsert" in str(caught.value.record.hint)
    assert await rows_of(database, "SELECT code FROM t ORDER BY code") == [(1,), (2,)]


STAFF = [("ann", None), ("bob", "ann"), ("cid", "bob")]


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        ([["bob", None], ["cid", "bob"]], [("bob", None), ("cid", "bob")]),
        ([["cid", None]], [("cid", None)]),
        ([["bob", "dan"], ["cid", "bob"], ["dan", None]], [("bob", "dan"), ("cid", "bob"), ("dan", None)]),
        ([["dan", "eve"], ["eve", "dan"]], [("dan", "eve"), ("eve", "dan")]),
        ([["ann", None], ["cid", "ann"]], [("ann", None), ("cid", "ann")]),
        ([["bob", "ann"], ["cid", "bob"]], None),
    ],
    ids=["the head goes", "two go", "another head", "all go", "a middle goes", "one that is still referred to"],
)
async def test_rows_of_one_table_may_refer_to_some_that_go_until_they_are_written(
    database: Database, tmp_path: Path, rows: list[list[Any]], left: list[tuple[Any, ...]] | None
) -> None:
    content = {
        "dataset": "d",
        "fields": [{"name": "code", "type": "string"}, {"name": "boss", "type": "string"}],
        "primaryKey": ["code"],
        "quarantine": {"max_percent": 100},
        "load": {"table": "t", "mode": "replace"},
    }
    spec = parse_dataset(json.dumps(content), "d.yml")
    await run(database, "CREATE TABLE t (code varchar(9) PRIMARY KEY, boss varchar(9) REFERENCES t (code))")
    await loaded(database, spec, tmp_path, [list(row) for row in STAFF])
    if left is None:
        with pytest.raises(RefusedLoadError, match="for other rows refer to them"):
            await loaded(database, spec, tmp_path, rows)
    else:
        assert not (await loaded(database, spec, tmp_path, rows)).rejected
    assert await rows_of(database, "SELECT code, boss FROM t ORDER BY code") == (STAFF if left is None else left)


async def test_a_foreign_table_is_not_replaced(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE FOREIGN DATA WRAPPER none",
            "CREATE SERVER elsewhere FOREIGN DATA WRAPPER none",
            "CREATE FOREIGN TABLE t (code int, v int) SERVER elsewhere",
        )
        content = {
            "dataset": "d",
            "fields": [{"name": "code", "type": "integer"}, {"name": "v", "type": "integer"}],
            "load": {"table": "t", "mode": "replace"},
        }
        with pytest.raises(TargetMismatchError, match="is a foreign table, which cannot be kept from other writers"):
            await loaded(database, parse_dataset(json.dumps(content), "d.yml"), tmp_path, [[1, 5]])
