"""Names of tables that no database can have are told as that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, rows_of, spooled

from ingest.load.loaded import TargetMismatchError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

LONG = "数量" * 11
"""66 bytes, of which PostgreSQL takes 63."""


@pytest.mark.parametrize(
    ("table", "more", "told"),
    [
        (LONG, {}, "is longer than the 63 bytes that a name has in PostgreSQL; write a shorter one in load.table"),
        (f"{LONG}.t", {}, "is longer than the 63 bytes that a name has in PostgreSQL; write a shorter one"),
        ("t", {"references": f"{LONG}.k"}, "refers to table .+, which is not there"),
    ],
    ids=["table", "schema", "reference"],
)
async def test_one_that_is_too_long_is_told(
    postgres_database: str, tmp_path: Path, table: str, more: dict[str, Any], told: str
) -> None:
    content = {"dataset": "d", "fields": [{"name": "k", "type": "string", **more}], "load": {"table": table}}
    spec = parse_dataset(json.dumps(content), "d.yml")
    async with opened(postgres_database) as database:
        with pytest.raises(TargetMismatchError, match=told):
            await load_spooled(database, spec, spooled(tmp_path, spec, [["a"]]))


async def test_one_of_as_many_bytes_as_it_may_have_is_made_and_found_again(
    postgres_database: str, tmp_path: Path
) -> None:
    name = LONG[:21]
    content = {"dataset": "d", "fields": [{"name": "k", "type": "string"}], "load": {"table": f"{name}.{name}"}}
    spec = parse_dataset(json.dumps(content), "d.yml")
    async with opened(postgres_database) as database:
        for key in ("a", "b"):
            await load_spooled(database, spec, spooled(tmp_path, spec, [[key]]))
        assert await rows_of(database, f'SELECT * FROM "{name}"."{name}" ORDER BY 1') == [("a",), ("b",)]
