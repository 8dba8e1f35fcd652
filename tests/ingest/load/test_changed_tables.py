"""A daemon remembers the tables that it has verified: what changes in them meanwhile is met all the same."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from goods import opened, rows_of, run, spooled
from shop_rows import spec_of, sqlite_in

from ingest.load.load import load
from ingest.load.loaded import Loaded, OtherWayError, TargetMismatchError, Way
from ingest.load.target import Targets
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset

SHOPS = ("CREATE TABLE shops (id int PRIMARY KEY)", "INSERT INTO shops VALUES (1), (2)")
SALES = "CREATE TABLE t (k text PRIMARY KEY, shop int REFERENCES shops, v int)"
PLAIN = "CREATE TABLE t (k text PRIMARY KEY, shop int, v int)"
CHILDREN = "CREATE TABLE children (k text REFERENCES t ON DELETE CASCADE)"
LOOSE = "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"


def texts(mode: str = "upsert") -> Dataset:
    """Return the dataset of rows with a key and a text."""
    fields = [{"name": "k", "type": "string"}, {"name": "v", "type": "string"}]
    content = {"dataset": "d", "fields": fields, "primaryKey": ["k"], "load": {"table": "t", "mode": mode}}
    return parse_dataset(json.dumps(content), "d.yml")


class Daemon:
    """Loads into a table, one time after the other, and remembers what it was."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self._folder, self._targets = database, folder, Targets()

    async def put(self, spec: Dataset, *rows: list[Any], way: Way = Way.STRAIGHT, **parsed: Any) -> Loaded:
        file = spooled(self._folder, spec, rows, **parsed)
        async with self.database.write() as connection:
            return await load(
                connection,
                spec,
                file,
                targets=self._targets,
                way=way,
                at_fault=lambda error: self.database.classify(error) == "data",
            )


@asynccontextmanager
async def daemon_on(url: str, folder: Path, *statements: str) -> AsyncIterator[Daemon]:
    async with opened(url) as database:
        await run(database, *statements)
        yield Daemon(database, folder)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE shops RENAME TO stores",
        "ALTER TABLE shops RENAME COLUMN id TO number",
        "CREATE SCHEMA old; ALTER TABLE shops SET SCHEMA old",
        "ALTER TABLE shops RENAME TO stores; CREATE TABLE shops (id int)",
    ],
)
async def test_a_parent_is_found_by_its_new_name(postgres_database: str, tmp_path: Path, change: str) -> None:
    async with daemon_on(postgres_database, tmp_path, *SHOPS, SALES) as daemon:
        await daemon.put(spec_of(), ["a", 1, 1])
        await run(daemon.database, *change.split("; "))
        loaded = await daemon.put(spec_of(), ["b", 9, 1], ["c", 2, 1], way=Way.ROW_BY_ROW)
        assert (loaded.inserted, dict(loaded.refused)) == (1, {"row.db_foreign_key": 1})


async def test_children_keep_a_row_by_their_new_name(postgres_database: str, tmp_path: Path) -> None:
    async with daemon_on(postgres_database, tmp_path, PLAIN, CHILDREN) as daemon:
        await daemon.put(spec_of(mode="replace"), ["a", 1, 1], ["b", 1, 1])
        await run(daemon.database, "INSERT INTO children VALUES ('b')", "ALTER TABLE children RENAME TO kids")
        with pytest.raises(TargetMismatchError, match="referred to by kids"):
            await daemon.put(spec_of(mode="replace"), ["a", 1, 1])


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("ENUM ('ok', 'bad')", "ALTER TYPE mood RENAME TO feeling"),
        ("ENUM ('ok', 'bad')", "CREATE SCHEMA old; ALTER TYPE mood SET SCHEMA old"),
        ("", "ALTER DOMAIN mood RENAME TO feeling"),
    ],
)
async def test_a_type_is_found_by_its_new_name(postgres_database: str, tmp_path: Path, kind: str, change: str) -> None:
    made = f"CREATE TYPE mood AS {kind}" if kind else "CREATE DOMAIN mood AS text"
    async with daemon_on(postgres_database, tmp_path, made, "CREATE TABLE t (k text PRIMARY KEY, v mood)") as daemon:
        await daemon.put(texts(), ["a", "ok"])
        await run(daemon.database, *change.split("; "))
        loaded = await daemon.put(texts(), ["a", "bad"], ["b", "ok"])
        assert (loaded.updated, loaded.inserted) == (1, 1)


async def test_a_sequence_is_moved_by_its_new_name(postgres_database: str, tmp_path: Path) -> None:
    async with daemon_on(
        postgres_database, tmp_path, "CREATE TABLE t (k text PRIMARY KEY, shop serial, v int)"
    ) as daemon:
        await daemon.put(spec_of(), ["a", 5, 1])
        await run(daemon.database, "ALTER SEQUENCE t_shop_seq RENAME TO shop_numbers")
        await daemon.put(spec_of(), ["b", 50, 1])
        assert await rows_of(daemon.database, "SELECT nextval('shop_numbers')") == [(51,)]


async def test_another_case_is_written_once_the_column_takes_it_for_the_same(
    postgres_database: str, tmp_path: Path
) -> None:
    async with daemon_on(postgres_database, tmp_path, LOOSE, "CREATE TABLE t (k text PRIMARY KEY, v text)") as daemon:
        await daemon.put(texts(), ["a", "x"])
        await run(daemon.database, "ALTER TABLE t ALTER v TYPE text COLLATE loose")
        await daemon.put(texts(), ["a", "X"])
        assert await rows_of(daemon.database, "SELECT v FROM t") == [("X",)]


async def test_a_rule_counts_from_when_it_is_switched_on(postgres_database: str, tmp_path: Path) -> None:
    async with daemon_on(
        postgres_database,
        tmp_path,
        "CREATE TABLE t (k text, shop int, v int)",
        "CREATE TABLE log (k text)",
        "CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO log VALUES (NEW.k)",
        "ALTER TABLE t DISABLE RULE r",
    ) as daemon:
        await daemon.put(spec_of(None, "insert"), ["a", 1, 1])
        await run(daemon.database, "ALTER TABLE t ENABLE RULE r")
        await daemon.put(spec_of(None, "insert"), ["b", 1, 1])
        assert await rows_of(daemon.database, "SELECT k FROM log") == [("b",)]


async def test_a_view_that_takes_rows_no_more_is_named(postgres_database: str, tmp_path: Path) -> None:
    async with daemon_on(
        postgres_database,
        tmp_path,
        "CREATE TABLE b (k text, shop int, v int)",
        "CREATE VIEW t AS SELECT k, shop, v FROM b",
    ) as daemon:
        await daemon.put(spec_of(None, "insert"), ["a", 1, 1])
        await run(daemon.database, "CREATE OR REPLACE VIEW t AS SELECT DISTINCT k, shop, v FROM b")
        with pytest.raises(TargetMismatchError, match="t takes no rows"):
            await daemon.put(spec_of(None, "insert"), ["b", 1, 1])


async def test_a_right_by_another_role_is_missed_once_it_is_gone(postgres_database: str, tmp_path: Path) -> None:
    roles = ("writers_of_changed", "clerk_of_changed")
    async with opened(postgres_database) as database:
        await run(
            database,
            PLAIN,
            f"CREATE ROLE {roles[0]}",
            f"CREATE ROLE {roles[1]} LOGIN IN ROLE {roles[0]}",
            f"GRANT SELECT, INSERT, UPDATE ON t TO {roles[0]}",
        )
    try:
        async with daemon_on(postgres_database.replace("://headgate@", f"://{roles[1]}@"), tmp_path) as daemon:
            await daemon.put(spec_of(), ["a", 1, 1])
            async with opened(postgres_database) as database:
                await run(database, f"REVOKE {roles[0]} FROM {roles[1]}")
            with pytest.raises(TargetMismatchError, match="run GRANT SELECT, INSERT, UPDATE ON"):
                await daemon.put(spec_of(), ["a", 2, 1])
    finally:
        async with opened(postgres_database) as database:
            await run(database, f"DROP OWNED BY {', '.join(roles)}", f"DROP ROLE {', '.join(roles)}")


async def test_keys_are_looked_for_by_the_type_that_they_have_now(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of("shop")
    async with daemon_on(postgres_database, tmp_path, "CREATE TABLE t (k text, shop int PRIMARY KEY, v int)") as daemon:
        for value in (1, 2):
            await daemon.put(spec, ["a", 1, value], key_range=("1", "1"))
        await run(daemon.database, "ALTER TABLE t ALTER shop TYPE bigint")
        loaded = await daemon.put(spec, ["a", 1, 3], ["b", 5_000_000_000, 1], key_range=("1", "5000000000"))
        assert (loaded.updated, loaded.inserted) == (1, 1)


@pytest.mark.parametrize("key", ["k", None])
async def test_a_trigger_sees_a_column_by_the_type_that_it_has_now(
    postgres_database: str, tmp_path: Path, key: str | None
) -> None:
    spec = spec_of(key, "insert")
    async with daemon_on(
        postgres_database,
        tmp_path,
        PLAIN if key else PLAIN.replace("PRIMARY KEY", ""),
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql "
        "AS $$BEGIN IF NEW.v < 0 THEN NEW.v = 0; END IF; RETURN NEW; END$$",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    ) as daemon:
        for name in ("a", "aa"):  # a session that makes its first temporary table plans anew by itself
            await daemon.put(spec, [name, 1, 1])
        await run(daemon.database, "ALTER TABLE t ALTER v TYPE bigint")
        with pytest.raises(OtherWayError) as found:
            await daemon.put(spec, ["b", 1, -1])
        assert (await daemon.put(spec, ["b", 1, -1], way=found.value.way)).inserted == 1
        assert (await daemon.put(spec, ["c", 1, -1])).inserted == 1


async def test_sqlite_prepares_nothing_for_tables_that_are_no_more(tmp_path: Path) -> None:
    targets, spec = Targets(), spec_of(mode="replace")
    async with opened(sqlite_in(tmp_path)) as database, database.engine.connect() as kept:
        await run(
            database,
            "CREATE TABLE shops (id INT)",
            "CREATE TABLE t (k TEXT PRIMARY KEY, shop INT REFERENCES shops (id), v INT)",
        )
        await kept.exec_driver_sql("SELECT k FROM t")
        await run(database, "DROP TABLE t", "CREATE TABLE t (k TEXT PRIMARY KEY, shop INT, v INT)")
        async with database.read() as other:
            await other.run_sync(targets.prepare, spec)
        await kept.run_sync(targets.prepare, spec)
        await kept.exec_driver_sql("DELETE FROM t")
