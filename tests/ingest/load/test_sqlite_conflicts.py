"""Tables of SQLite whose constraints say what becomes of conflicts: no row goes for another one without a word."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from goods import load_spooled, opened, rows_of, run, spooled

from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.spec.dataset import Dataset

TRIGGER = "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT OR IGNORE INTO seen VALUES ('once'); END"


def spec_of(*, key: bool = True) -> Dataset:
    content = {
        "dataset": "d",
        "fields": [{"name": "k", "type": "string"}, {"name": "v", "type": "integer"}],
        **({"primaryKey": ["k"]} if key else {}),
        "quarantine": {"max_percent": 100},
        "load": {"table": "t", "mode": "upsert" if key else "insert"},
    }
    return parse_dataset(json.dumps(content), "d.yml")


@pytest.mark.parametrize(
    "columns",
    [
        "k TEXT PRIMARY KEY, v INT UNIQUE ON CONFLICT REPLACE, note TEXT",
        "k TEXT UNIQUE NOT NULL, v INT, note TEXT, UNIQUE (v)\n  on  conflict\treplace",
        "k TEXT UNIQUE NOT NULL, v INTEGER PRIMARY KEY ON CONFLICT REPLACE, note TEXT",
    ],
)
async def test_a_row_that_is_in_the_way_of_another_stays(tmp_path: Path, columns: str) -> None:
    spec = spec_of()
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, f"CREATE TABLE t ({columns})", "INSERT INTO t VALUES ('old', 1, 'x'), ('shifted', 2, 'x')")
        rows = [["new", 1], ["shifted", 3], ["next", 2], ["twice", 2]]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        assert (loaded.inserted, loaded.updated, loaded.refused) == (1, 1, {"row.db_unique": 2})
        kept = [("next", 2, None), ("old", 1, "x"), ("shifted", 3, "x")]
        assert await rows_of(database, "SELECT k, v, note FROM t ORDER BY k") == kept


@pytest.mark.parametrize(
    ("columns", "key", "rows"),
    [
        ("k TEXT PRIMARY KEY, v INT NOT NULL ON CONFLICT REPLACE DEFAULT 7", True, [("a", 7), ("b", 2), ("old", 5)]),
        ("k TEXT PRIMARY KEY ON CONFLICT REPLACE, v INT", True, [("a", None), ("b", 2), ("old", 5)]),
        ("k TEXT, v INT UNIQUE ON CONFLICT REPLACE", False, [("a", None), ("b", 2), ("b", 5)]),
    ],
)
async def test_what_else_a_clause_says_holds(
    tmp_path: Path, columns: str, rows: list[tuple[str, int | None]], *, key: bool
) -> None:
    spec = spec_of(key=key)
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, f"CREATE TABLE t ({columns})", "INSERT INTO t VALUES ('old', 5)")
        given = [["a", None], ["b", 2], *([] if key else [["b", 5]])]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, given))
        assert (loaded.inserted, loaded.refused) == (len(given), {})
        assert await rows_of(database, "SELECT k, v FROM t ORDER BY k, v") == rows


async def test_the_clauses_of_a_triggers_own_statements_hold(tmp_path: Path) -> None:
    spec = spec_of()
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database:
        await run(database, "CREATE TABLE t (k TEXT PRIMARY KEY, v INT UNIQUE ON CONFLICT REPLACE)")
        await run(database, "CREATE TABLE seen (what TEXT PRIMARY KEY)", TRIGGER)
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 1], ["b", 2]]))
        assert (loaded.inserted, loaded.refused) == (2, {})
