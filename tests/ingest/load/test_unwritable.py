"""Whose fault a refused statement is: the table's, whatever the rows are, or that of the row that a trigger refuses."""

from __future__ import annotations

import contextlib
import json
import resource
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from goods import load_spooled, opened, rows_of, run, spooled
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from ingest.load.inspection import inspect
from ingest.load.load import load
from ingest.load.loaded import Loaded, TargetMismatchError
from ingest.load.target import Targets
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset

FAILURES = (DBAPIError, asyncpg.PostgresError)
TABLE = "CREATE TABLE t (k text PRIMARY KEY, v int)"
TRIGGER = "CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()"


def spec_of(mode: str = "upsert", *, key: bool = True) -> Dataset:
    content: dict[str, Any] = {
        "dataset": "d",
        "fields": [{"name": "k", "type": "string"}, {"name": "v", "type": "integer"}],
        **({"primaryKey": ["k"]} if key else {}),
        "quarantine": {"max_percent": 100},
        "load": {"table": "t", "mode": mode},
    }
    return parse_dataset(json.dumps(content), "d.yml")


def function(body: str, returns: str = "trigger") -> str:
    return f"CREATE FUNCTION f() RETURNS {returns} LANGUAGE plpgsql AS $$BEGIN {body} END$$"


@pytest.mark.parametrize(
    "state",
    ["55000", "42501", "28000", "40001", "25006", "23514", "42P01", "0A000", "XX000", "SH001", "P0001"],
)
async def test_a_row_that_a_trigger_refuses_costs_only_itself_whatever_the_code(
    postgres_database: str, tmp_path: Path, state: str
) -> None:
    spec = spec_of()
    raises = f"IF NEW.v = 13 THEN RAISE 'thirteen is not sold' USING ERRCODE = '{state}'; END IF; RETURN NEW;"
    async with opened(postgres_database) as database:
        await run(database, TABLE, function(raises), TRIGGER)
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 13], ["c", 3]]))
        assert (loaded.inserted, loaded.refused) == (2, {"row.db_raised": 1})
        [record] = loaded.records
        assert (record.row, record.message) == (3, "thirteen is not sold")


@pytest.mark.parametrize("state", ["53100", "55P03"])
async def test_what_a_trigger_passes_on_of_the_databases_own_faults_may_go_away(
    postgres_database: str, tmp_path: Path, state: str
) -> None:
    spec = spec_of()
    async with opened(postgres_database) as database:
        await run(database, TABLE, function(f"RAISE 'no' USING ERRCODE = '{state}';"), TRIGGER)
        with pytest.raises(FAILURES) as failed:
            await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1]]))
        assert database.classify(failed.value) == "transient"


PUBLISHED = ["CREATE TABLE t (k text NOT NULL UNIQUE, v int)", "CREATE PUBLICATION p FOR TABLE t"]
BEHIND = "CREATE TABLE behind (k text, v int)"
DISTINCT = "CREATE VIEW t AS SELECT DISTINCT k, v FROM behind"


@pytest.mark.parametrize(
    ("statements", "spec", "said"),
    [
        (PUBLISHED, spec_of(), "does not have a replica identity and publishes updates"),
        (PUBLISHED, spec_of("replace"), "does not have a replica identity and publishes"),
        ([BEHIND, DISTINCT], spec_of("insert", key=False), "takes no rows: cannot insert into view"),
    ],
    ids=["update", "replace", "view"],
)
async def test_a_table_that_takes_no_such_statement_is_refused_before_the_first_row(
    postgres_database: str, tmp_path: Path, statements: list[str], spec: Dataset, said: str
) -> None:
    async with opened(postgres_database) as database:
        await run(database, *statements)
        with pytest.raises(TargetMismatchError, match=said):
            await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1]]))
        async with database.read() as connection:
            [problem] = (await inspect(connection, spec, tmp_path)).problems
        assert said in problem
        assert "\n" not in problem


async def test_what_waits_for_no_row_is_not_waited_for(postgres_database: str, tmp_path: Path) -> None:
    """The server says so of a sequence in the words of a database that lets nobody in."""
    spec = spec_of()
    asks = "PERFORM currval('s'); RETURN NEW;"
    async with opened(postgres_database) as database:
        await run(database, TABLE, "CREATE SEQUENCE s", function(asks), TRIGGER)
        with pytest.raises(FAILURES, match="not yet defined in this session") as failed:
            await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1]]))
        meaning = database.meaning(failed.value)
        assert (meaning.classification, meaning.counted_as, meaning.waits) == ("configuration", "statement", False)


@pytest.mark.parametrize("path", ["", "gone", "headgate"])
async def test_without_a_schema_to_look_in_it_is_said_what_to_write(
    postgres_database: str, tmp_path: Path, path: str
) -> None:
    """The table may be there, and whoever hardens a server sets roles no path."""
    unnamed = spec_of()
    named = unnamed.model_copy(update={"load": unnamed.load.model_copy(update={"table": "public.t"})})
    name = postgres_database.rpartition("/")[2]
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE SCHEMA IF NOT EXISTS headgate",
            f"ALTER ROLE CURRENT_USER IN DATABASE {name} SET search_path = '{path}'",
        )
    async with opened(postgres_database) as database:
        for _ in ("missing", "there"):
            with pytest.raises(TargetMismatchError, match=r"search_path; write load\.table .*public\.t"):
                await load_spooled(database, unnamed, spooled(tmp_path, unnamed, [["a", 1]]))
            async with database.read() as connection:
                [problem] = (await inspect(connection, unnamed, tmp_path)).problems
            assert "search_path" in problem
            await load_spooled(database, named, spooled(tmp_path, named, [["a", 1]]))
        assert await rows_of(database, "SELECT k, v FROM public.t") == [("a", 1)]


@pytest.mark.parametrize("there", [True, False], ids=["staged", "made"])
async def test_an_event_trigger_refuses_the_load_and_no_row(
    postgres_database: str, tmp_path: Path, *, there: bool
) -> None:
    spec = spec_of()
    async with opened(postgres_database) as database:
        await run(
            database,
            *([TABLE, "INSERT INTO t VALUES ('a', 0)"] if there else []),
            function("RAISE 'ask the DBA';", "event_trigger"),
            "CREATE EVENT TRIGGER e ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION f()",
        )
        with pytest.raises(TargetMismatchError, match="event trigger of the database refuses CREATE"):
            await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1]]))
        await run(database, "DROP EVENT TRIGGER e")
        if there:
            async with database.read() as connection:
                assert (await inspect(connection, spec, tmp_path)).problems == ()
            assert await rows_of(database, "SELECT v FROM t") == [(0,)]


@pytest.mark.parametrize(
    "statements",
    [
        [
            TABLE,
            "CREATE TRIGGER g BEFORE INSERT ON t WHEN NEW.v = 13 BEGIN SELECT RAISE(ROLLBACK, 'thirteen'); END",
        ],
        ["CREATE TABLE t (k text PRIMARY KEY, v int CONSTRAINT c NOT NULL ON CONFLICT ROLLBACK)"],
    ],
    ids=["trigger", "constraint"],
)
@pytest.mark.parametrize("mode", ["upsert", "replace"])
async def test_what_undoes_a_whole_transaction_is_told(tmp_path: Path, statements: list[str], mode: str) -> None:
    spec = spec_of(mode)
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, *statements, "INSERT INTO t VALUES ('z', 1)")
        rows = [["a", 1], ["b", 13], ["c", None]]
        with pytest.raises(TargetMismatchError, match="undoes the whole load"):
            await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        assert await rows_of(database, "SELECT k FROM t") == [("z",)]


@contextlib.contextmanager
def files_bounded(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size: SQLite undoes a transaction for that as for a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
async def test_a_full_disk_that_undoes_a_whole_transaction_is_no_trigger(tmp_path: Path, mode: str) -> None:
    spec = spec_of(mode)
    rows = spooled(tmp_path, spec, [[f"{number} {'x' * 100}", number] for number in range(3_000)])

    async def fill(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("PRAGMA cache_size = 10")  # what does not fit is written before the COMMIT
        with files_bounded(200_000):
            await load(connection, spec, rows, targets=Targets(), at_fault=lambda _: False)

    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, TABLE, "INSERT INTO t VALUES ('z', 1)")
        async with database.write() as connection:
            with pytest.raises(DBAPIError, match=r"disk I/O error|database or disk is full"):
                await fill(connection)
        assert await rows_of(database, "SELECT k FROM t") == [("z",)]


# -- how often it is asked -----------------------------------------------------------------------------------


@contextlib.contextmanager
def plans() -> Iterator[list[str]]:
    """Collect the statements that a database is asked to plan, whether they can be or not."""
    found: list[str] = []

    def see(*args: Any) -> None:
        if args[2].startswith("EXPLAIN"):
            found.append(args[2])

    event.listen(Engine, "before_cursor_execute", see)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", see)


async def put_by(database: Database, targets: Targets, folder: Path, spec: Dataset, key: str) -> Loaded:
    async with database.write() as connection:
        rows = spooled(folder, spec, [[key, 1]])
        return await load(connection, spec, rows, targets=targets, at_fault=lambda _: False)


async def test_what_cannot_be_merged_is_refused_however_many_files_come(postgres_database: str, tmp_path: Path) -> None:
    targets, spec = Targets(), spec_of()
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TABLE b (k text PRIMARY KEY, v int)",
            "CREATE VIEW t AS SELECT k, sum(v)::int AS v FROM b GROUP BY k",
        )
        for name in ("a", "b"):
            with pytest.raises(TargetMismatchError):
                await put_by(database, targets, tmp_path, spec, name)


async def test_a_table_is_tried_once_until_it_changes(database: Database, tmp_path: Path) -> None:
    targets, spec = Targets(), spec_of()
    await run(database, TABLE)
    asked = []
    for name in ("a", "b", "c"):
        with plans() as found:
            await put_by(database, targets, tmp_path, spec, name)
        asked.append(bool(found))
        if name == "b":
            await run(database, "ALTER TABLE t ADD COLUMN w int")
    assert asked == [True, False, True]


async def test_sqlite_is_asked_again_after_it_said_no(tmp_path: Path) -> None:
    targets, spec = Targets(), spec_of()
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, "CREATE TABLE t (k TEXT PRIMARY KEY, v INT REFERENCES gone)")
        for name in ("a", "b"):
            with pytest.raises(TargetMismatchError, match="which is not there"):
                await put_by(database, targets, tmp_path, spec, name)


async def test_a_view_takes_rows_without_a_temporary_table(postgres_database: str, tmp_path: Path) -> None:
    base = postgres_database.rpartition("/")[2]
    spec = spec_of("insert", key=False)
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE TABLE b (k text, v int)",
            "CREATE VIEW t AS SELECT k, v FROM b",
            function("INSERT INTO b VALUES (NEW.k, NEW.v); RETURN NEW;"),
            "CREATE TRIGGER g INSTEAD OF INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
            f"REVOKE TEMPORARY ON DATABASE {base} FROM PUBLIC",
            "CREATE ROLE clerk_of_views LOGIN",
            "GRANT SELECT, INSERT ON t TO clerk_of_views",
            "GRANT INSERT ON b TO clerk_of_views",
        )
    try:
        async with opened(postgres_database.replace("://headgate@", "://clerk_of_views@")) as database:
            await put_by(database, Targets(), tmp_path, spec, "a")
        async with opened(postgres_database) as database:
            assert await rows_of(database, "SELECT k FROM b") == [("a",)]
    finally:
        async with opened(postgres_database) as database:
            await run(database, "DROP OWNED BY clerk_of_views", "DROP ROLE clerk_of_views")


@pytest.mark.parametrize("rights", ["INSERT (k), UPDATE", "INSERT, UPDATE (k)"])
async def test_a_right_that_a_column_lacks_is_asked_for(postgres_database: str, tmp_path: Path, rights: str) -> None:
    spec = spec_of()
    async with opened(postgres_database) as database:
        await run(database, TABLE, "CREATE ROLE half_a_clerk LOGIN", f"GRANT SELECT, {rights} ON t TO half_a_clerk")
    try:
        async with opened(postgres_database.replace("://headgate@", "://half_a_clerk@")) as database:
            with pytest.raises(TargetMismatchError, match=r"lacks a right .* permission denied for table t; run GRANT"):
                await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1]]))
    finally:
        async with opened(postgres_database) as database:
            await run(database, "DROP OWNED BY half_a_clerk", "DROP ROLE half_a_clerk")


ASKS = "CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()"
SECURED = (
    "CREATE ROLE tenant_of_settings LOGIN",
    "GRANT ALL ON t TO tenant_of_settings",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON t USING (current_setting('app.tenant') = 'x')",
)


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
async def test_a_setting_that_a_trigger_asks_for_is_told_with_how_to_make_it(
    postgres_database: str, tmp_path: Path, *, filled: bool
) -> None:
    spec = spec_of()
    async with opened(postgres_database) as database:
        await run(
            database,
            *([TABLE, "INSERT INTO t VALUES ('a', 0)"] if filled else [TABLE]),
            function("PERFORM current_setting('app.tenant'); RETURN NEW;"),
            ASKS,
        )
        with pytest.raises(TargetMismatchError, match=r'"app\.tenant"; write ALTER ROLE'):
            await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 2]]))
    async with opened(f"{postgres_database}?options=-c%20app.tenant%3Dx") as database:
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 2]]))
        assert loaded.inserted + loaded.updated == 2


async def test_a_setting_that_row_security_asks_for_is_told_so_too(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of()
    async with opened(postgres_database) as owner:
        await run(owner, TABLE, *SECURED)
        try:
            async with opened(postgres_database.replace("://headgate@", "://tenant_of_settings@")) as database:
                with pytest.raises(TargetMismatchError, match=r'"app\.tenant"; write ALTER ROLE'):
                    await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1]]))
        finally:
            await run(owner, "DROP OWNED BY tenant_of_settings", "DROP ROLE tenant_of_settings")
