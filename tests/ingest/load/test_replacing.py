"""What a replacement may delete: the rows that its dataset's key is unique among, and no others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from goods import loaded, rows_of, run

from ingest.load.loaded import TargetMismatchError
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
