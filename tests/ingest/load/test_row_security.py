"""Rows that row security keeps from a role, or keeps as they are: each costs only itself, and no change is lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, rows_of, run, spooled, waits_for_a_lock

from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset

ROLE = "tenant_of_rows"


def spec_of(mode: str = "upsert") -> Dataset:
    fields = "[{name: k, type: string}, {name: v, type: integer}]"
    load = f"primaryKey: [k]\nload: {{table: t, mode: {mode}}}\nquarantine: {{max_percent: 100}}"
    return parse_dataset(f"dataset: d\nfields: {fields}\n{load}\n", "d.yml")


@asynccontextmanager
async def tenant(postgres_database: str, table: str, *statements: str) -> AsyncIterator[Database]:
    """Make a secured table, and give the database as a role sees it that has all rights on it."""
    async with opened(postgres_database) as owner:
        await run(owner, f"CREATE TABLE t {table}", "ALTER TABLE t ENABLE ROW LEVEL SECURITY", *statements)
        await run(owner, f"CREATE ROLE {ROLE} LOGIN", f"GRANT ALL ON t TO {ROLE}")
        try:
            async with opened(postgres_database.replace("://headgate@", f"://{ROLE}@")) as database:
                yield database
        finally:
            await run(owner, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


async def held(postgres_database: str) -> list[tuple[Any, ...]]:
    """Return all rows of the table."""
    async with opened(postgres_database) as owner:
        return await rows_of(owner, "SELECT k, v FROM t ORDER BY k")


async def test_row_security_refuses_rows_of_others_alone(postgres_database: str, tmp_path: Path) -> None:
    spec, mine = spec_of(), "CREATE POLICY mine ON t USING (v = 1) WITH CHECK (v = 1)"
    async with tenant(postgres_database, "(k text PRIMARY KEY, v int)", mine) as database:
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 2]]))
    assert (loaded.inserted, loaded.refused) == (1, {"row.db_policy": 1})


@pytest.mark.parametrize("more", [[], [["d", -1]]], ids=["staged", "row by row"])
@pytest.mark.parametrize("mode", ["upsert", "replace"])
async def test_rows_that_row_security_keeps_as_they_are_are_refused(
    postgres_database: str, tmp_path: Path, mode: str, more: list[list[Any]]
) -> None:
    spec, table = spec_of(mode), "(k text PRIMARY KEY, v int CHECK (v > 0), closed boolean DEFAULT false)"
    async with tenant(
        postgres_database,
        table,
        "INSERT INTO t VALUES ('a', 1, true), ('b', 2, false), ('same', 3, true)",
        "CREATE POLICY read ON t FOR SELECT USING (true)",
        "CREATE POLICY new ON t FOR INSERT WITH CHECK (true)",
        "CREATE POLICY open ON t FOR UPDATE USING (NOT closed)",
    ) as database:
        rows = [["a", 7], ["b", 7], ["c", 7], ["same", 3], *more]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
    assert (loaded.inserted, loaded.updated, loaded.unchanged, loaded.skipped) == (1, 1, 1, 0)
    assert loaded.refused["row.db_policy"] == 1
    [record] = [record for record in loaded.records if record.code == "row.db_policy"]
    assert (record.row, record.cell) == (2, "A2")
    assert await held(postgres_database) == [("a", 1), ("b", 7), ("c", 7), ("same", 3)]


async def test_a_row_that_another_transaction_deletes_meanwhile_is_not_kept_by_row_security(
    postgres_database: str, tmp_path: Path
) -> None:
    spec, everything = spec_of(), "CREATE POLICY everything ON t USING (true)"
    there = "INSERT INTO t VALUES ('a', 1), ('b', 2)"
    async with (
        tenant(postgres_database, "(k text PRIMARY KEY, v int)", everything, there) as database,
        opened(postgres_database) as owner,
    ):
        rows = spooled(tmp_path, spec, [["a", 7], ["b", 7], ["c", 7]])
        async with owner.write() as other:
            await other.exec_driver_sql("DELETE FROM t WHERE k = 'b'")
            load_waiting = asyncio.create_task(load_spooled(database, spec, rows))
            async with asyncio.timeout(30):
                while not await waits_for_a_lock(owner):  # noqa: ASYNC110  # the server tells nobody
                    await asyncio.sleep(0.02)
        loaded = await load_waiting
    assert (loaded.inserted, loaded.updated, loaded.refused) == (2, 1, {})
    assert await held(postgres_database) == [("a", 7), ("b", 7), ("c", 7)]


@pytest.mark.parametrize("policy", ["v < 5", "true"])
async def test_rows_that_row_security_keeps_from_being_deleted_are_told(
    postgres_database: str, tmp_path: Path, policy: str
) -> None:
    spec = spec_of("replace")
    async with tenant(
        postgres_database,
        "(k text PRIMARY KEY, v int)",
        "INSERT INTO t VALUES ('a', 1), ('b', 9)",
        "CREATE POLICY read ON t FOR SELECT USING (true)",
        "CREATE POLICY new ON t FOR INSERT WITH CHECK (true)",
        "CREATE POLICY changed ON t FOR UPDATE USING (true)",
        f"CREATE POLICY gone ON t FOR DELETE USING ({policy})",
    ) as database:
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["c", 1]]))
    assert (loaded.inserted, loaded.stayed) == (1, policy != "true")
    assert await held(postgres_database) == ([("c", 1)] if policy == "true" else [("b", 9), ("c", 1)])
