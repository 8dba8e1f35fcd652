"""Every kind of column and key, empty and filled, in every mode: loaded twice, and compared with a model in Python."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, spooled
from table_matrix import COLUMNS, KEYS, LOADS, ColumnKind, KeyKind

from ingest.load.loaded import Loaded, TargetMismatchError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset

MODES = ("insert", "upsert", "replace")
Rows = dict[str, str]


def spec_of(mode: str, key_type: str, value_type: str, **load: Any) -> Dataset:
    content = {
        "dataset": "d",
        "fields": [{"name": "k", "type": key_type}, {"name": "v", "type": value_type}],
        "primaryKey": ["k"],
        "quarantine": {"max_percent": 100},
        "load": {"table": "t", "mode": mode, **load},
    }
    return parse_dataset(json.dumps(content), "d.yml")


def model(table: Rows, rows: Rows, mode: str) -> tuple[Rows, Loaded]:
    """Return the table after a load and what the load says, by the rules of docs/datasets.md alone."""
    new = [key for key in rows if key not in table]
    differing = [key for key in rows if key in table and table[key] != rows[key]]
    same = len(rows) - len(new) - len(differing)
    if mode == "insert":
        after = {**rows, **table}
        return after, Loaded(
            inserted=len(new), unchanged=same, refused={"row.key_conflict": len(differing)} if differing else {}
        )
    after = rows if mode == "replace" else {**table, **rows}
    return dict(after), Loaded(inserted=len(new), updated=len(differing), unchanged=same)


def counts(loaded: Loaded) -> Loaded:
    return Loaded(
        inserted=loaded.inserted,
        updated=loaded.updated,
        unchanged=loaded.unchanged,
        skipped=loaded.skipped,
        refused=loaded.refused,
    )


async def run(database: Database, *statements: str) -> None:
    async with database.write() as connection:
        for statement in statements:
            for part in statement.split("; "):
                if part:
                    await connection.exec_driver_sql(part)


async def content(database: Database, shown: Callable[[Any], str]) -> Rows:
    async with database.read() as connection:
        rows = (await connection.exec_driver_sql("SELECT k, v FROM t")).mappings()
        return {str(row["k"]): shown(row["v"]) for row in rows}


def _shown_like_the_first(kind: ColumnKind) -> str:
    return "SELECT v::text FROM t" if kind.dialect == "postgresql" else "SELECT v FROM t"


@pytest.mark.parametrize(
    ("kind", "url"),
    [(kind, kind.dialect) for kind in COLUMNS],
    indirect=["url"],
    ids=[f"{kind.dialect}-{kind.column}-{kind.field}" for kind in COLUMNS],
)
async def test_columns_of_every_type_load_twice(kind: ColumnKind, url: str, tmp_path: Path) -> None:
    first, second = ({"k": letter, "v": value} for letter, value in (("1", kind.first), ("2", kind.second)))
    async with opened(url) as database:
        await run(database, kind.before)
        forms = await _forms(database, kind)
        for filled in (False, True):
            for mode in MODES:
                await run(database, "DROP TABLE IF EXISTS t", f"CREATE TABLE t (k text PRIMARY KEY, v {kind.column})")
                spec, table = spec_of(mode, "string", kind.field), Rows()
                if kind.what != LOADS:
                    with pytest.raises(TargetMismatchError, match=kind.what):
                        await load_spooled(database, spec, _spool(tmp_path, spec, {"a": kind.first}))
                    continue
                if filled:
                    await _fill(database, kind, "a")
                    table = {"a": kind.first}
                for rows in (
                    {"a": first["v"], "b": second["v"]},
                    {"a": second["v"], "b": second["v"], "c": first["v"]},
                ):
                    table, expected = model(table, rows, mode)
                    loaded = await load_spooled(database, spec, _spool(tmp_path, spec, rows))
                    assert counts(loaded) == expected, (filled, mode, loaded.records)
                    found = await _content(database, kind)
                    assert found == {key: forms[value] for key, value in table.items()}, (filled, mode)


def _spool(folder: Path, spec: Dataset, rows: Rows) -> Any:
    found = spooled(folder, spec, [[key, 0] for key in rows])
    # The values are in COPY's own form already.
    text = "".join(f"{key}\t{value}\n" for key, value in rows.items())
    found.accepted.write_text(text, encoding="utf-8")
    return found


async def _fill(database: Database, kind: ColumnKind, key: str) -> None:
    value = kind.first.replace("\\\\", "\\").replace("'", "''")
    written = str(int(value == "t")) if kind.dialect == "sqlite" and kind.field == "boolean" else value
    await run(database, f"INSERT INTO t VALUES ('{key}', '{written}')")


async def _forms(database: Database, kind: ColumnKind) -> dict[str, Any]:
    """Return what the database itself shows of both values, put there by its own INSERT."""
    if kind.what != LOADS:
        return {}
    forms = {}
    for value in (kind.first, kind.second):
        await run(database, "DROP TABLE IF EXISTS t", f"CREATE TABLE t (k text PRIMARY KEY, v {kind.column})")
        other = ColumnKind(dialect=kind.dialect, column=kind.column, field=kind.field, first=value, second=value)
        await _fill(database, other, "x")
        forms[value] = (await _content(database, kind))["x"]
    return forms


async def _content(database: Database, kind: ColumnKind) -> dict[str, Any]:
    shown = "v::text" if kind.dialect == "postgresql" else "v"
    async with database.read() as connection:
        rows = (await connection.exec_driver_sql(f"SELECT k, {shown} AS v FROM t")).mappings()
        return {row["k"]: row["v"] for row in rows}


@pytest.mark.parametrize(
    ("kind", "url"),
    [(kind, kind.dialect) for kind in KEYS],
    indirect=["url"],
    ids=[f"{kind.dialect}-{kind.name}" for kind in KEYS],
)
async def test_keys_of_every_kind_load_twice(kind: KeyKind, url: str, tmp_path: Path) -> None:
    further = json.loads("{" + kind.load.replace("key_where", '"key_where"') + "}") if kind.load else {}
    names = kind.ddl.replace("CREATE TABLE t (", "CREATE TABLE IF NOT EXISTS t (")
    async with opened(url) as database:
        for filled in (False, True):
            for mode in MODES:
                await run(
                    database, *_dropped(kind), names.replace("CREATE EXTENSION", "CREATE EXTENSION IF NOT EXISTS")
                )
                spec, table = spec_of(mode, "string", "string", **further), Rows()
                if kind.what != LOADS:
                    with pytest.raises(TargetMismatchError, match=kind.what):
                        await load_spooled(database, spec, _spool(tmp_path, spec, {"a": "x"}))
                    continue
                if filled:
                    await run(database, "INSERT INTO t (k, v) VALUES ('a', 'x')")
                    table = {"a": "x"}
                for rows in ({"a": "x", "b": "y"}, {"a": "y", "b": "y", "c": "x"}):
                    table, expected = model(table, rows, mode)
                    loaded = await load_spooled(database, spec, _spool(tmp_path, spec, rows))
                    assert counts(loaded) == expected, (filled, mode, loaded.records)
                    assert await content(database, str) == table, (filled, mode)


def _dropped(kind: KeyKind) -> tuple[str, ...]:
    if kind.name == "view":
        return ("DROP VIEW IF EXISTS t; DROP TABLE IF EXISTS b",)
    return ("DROP TABLE IF EXISTS t",)
