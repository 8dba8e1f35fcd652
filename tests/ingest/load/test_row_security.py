"""Rows that row security keeps from a role, or keeps as they are: each costs only itself, and no change is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, rows_of, run, spooled, waits_for_a_lock

from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.spec.dataset import Dataset


def spec_of(mode: str = "upsert") -> Dataset:
    fields = "[{name: k, type: string}, {name: v, type: integer}]"
    load = f"primaryKey: [k]\nload: {{table: t, mode: {mode}}}\nquarantine: {{max_percent: 100}}"
    return parse_dataset(f"dataset: d\nfields: {fields}\n{load}\n", "d.yml")


async def test_row_security_refuses_rows_of_others_alone(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of()
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TABLE t (k text PRIMARY KEY, v int)",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY mine ON t USING (v = 1) WITH CHECK (v = 1)",
            "CREATE ROLE tenant_of_rows LOGIN",
            "GRANT SELECT, INSERT, UPDATE ON t TO tenant_of_rows",
        )
    try:
        async with opened(postgres_database.replace("://headgate@", "://tenant_of_rows@")) as database:
            loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 2]]))
            assert (loaded.inserted, loaded.refused) == (1, {"row.db_policy": 1})
    finally:
        async with opened(postgres_database) as database:
            await run(database, "DROP OWNED BY tenant_of_rows", "DROP ROLE tenant_of_rows")


@pytest.mark.parametrize("more", [[], [["d", -1]]], ids=["staged", "row by row"])
@pytest.mark.parametrize("mode", ["upsert", "replace"])
async def test_rows_that_row_security_keeps_as_they_are_are_refused(
    postgres_database: str, tmp_path: Path, mode: str, more: list[list[Any]]
) -> None:
    spec = spec_of(mode)
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TABLE t (k text PRIMARY KEY, v int CHECK (v > 0), closed boolean DEFAULT false)",
            "INSERT INTO t VALUES ('a', 1, true), ('b', 2, false), ('same', 3, true)",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY read ON t FOR SELECT USING (true)",
            "CREATE POLICY new ON t FOR INSERT WITH CHECK (true)",
            "CREATE POLICY open ON t FOR UPDATE USING (NOT closed)",
            "CREATE ROLE reader_of_all LOGIN",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON t TO reader_of_all",
        )
    try:
        async with opened(postgres_database.replace("://headgate@", "://reader_of_all@")) as database:
            rows = [["a", 7], ["b", 7], ["c", 7], ["same", 3], *more]
            loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
            assert (loaded.inserted, loaded.updated, loaded.unchanged, loaded.skipped) == (1, 1, 1, 0)
            assert loaded.refused["row.db_policy"] == 1
            [record] = [record for record in loaded.records if record.code == "row.db_policy"]
            assert (record.row, record.cell) == (2, "A2")
    finally:
        async with opened(postgres_database) as database:
            assert await rows_of(database, "SELECT k, v FROM t ORDER BY k") == [
                ("a", 1),
                ("b", 7),
                ("c", 7),
                ("same", 3),
            ]
            await run(database, "DROP OWNED BY reader_of_all", "DROP ROLE reader_of_all")


async def test_a_row_that_another_transaction_deletes_meanwhile_is_not_kept_by_row_security(
    postgres_database: str, tmp_path: Path
) -> None:
    spec = spec_of()
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TABLE t (k text PRIMARY KEY, v int)",
            "INSERT INTO t VALUES ('a', 1), ('b', 2)",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY everything ON t USING (true)",
            "CREATE ROLE writer_of_all LOGIN",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON t TO writer_of_all",
        )
    try:
        async with (
            opened(postgres_database) as owner,
            opened(postgres_database.replace("://headgate@", "://writer_of_all@")) as database,
        ):
            async with owner.write() as other:
                await other.exec_driver_sql("DELETE FROM t WHERE k = 'b'")
                waiting = asyncio.create_task(
                    load_spooled(database, spec, spooled(tmp_path, spec, [["a", 7], ["b", 7], ["c", 7]]))
                )
                async with asyncio.timeout(30):
                    while not await waits_for_a_lock(owner):  # noqa: ASYNC110  # the server tells nobody
                        await asyncio.sleep(0.02)
            loaded = await waiting
            assert (loaded.inserted, loaded.updated, loaded.refused) == (2, 1, {})
            assert await rows_of(owner, "SELECT k, v FROM t ORDER BY k") == [("a", 7), ("b", 7), ("c", 7)]
    finally:
        async with opened(postgres_database) as database:
            await run(database, "DROP OWNED BY writer_of_all", "DROP ROLE writer_of_all")
