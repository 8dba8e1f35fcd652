"""Databases whose encoding lacks letters: a row that has such costs only itself, whatever the mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from goods import load_spooled, opened, rows_of, run, spooled

from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.spec.dataset import Dataset


def spec_of(mode: str, key: str = "primaryKey: [k]") -> Dataset:
    fields = "[{name: k, type: string}, {name: v, type: string}]"
    load = f"load: {{table: t, mode: {mode}}}\nquarantine: {{max_percent: 100}}"
    return parse_dataset(f"dataset: d\nfields: {fields}\n{key}\n{load}\n", "d.yml")


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
async def test_a_row_with_a_letter_that_the_encoding_lacks_is_named_and_the_others_load(
    latin_database: str, tmp_path: Path, mode: str
) -> None:
    spec = spec_of(mode)
    async with opened(latin_database) as database:
        await run(database, "CREATE TABLE t (k varchar(3) PRIMARY KEY, v text)", "INSERT INTO t VALUES ('old', 'x')")
        rows = [["a", "Zürich"], ["b", "订\\单"], ["long", "x"], ["c", "x"], ["€", None], ["d", "ç"]]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        assert loaded.inserted == 3
        assert loaded.refused == {"row.db_type": 2, "row.db_length": 1}
        assert [(record.cell, record.raw) for record in loaded.records] == [
            ("B3", "订\\单"),
            ("A4", "long"),
            ("A6", "€"),
        ]
        assert "LATIN1" in loaded.records[0].message
        assert "UTF8" in loaded.records[0].hint
        assert loaded.held_back == (mode == "replace")
        assert await rows_of(database, "SELECT k, v FROM t ORDER BY 1") == [
            ("a", "Zürich"),
            ("c", "x"),
            ("d", "ç"),
            ("old", "x"),
        ]


async def test_so_it_is_without_a_key(latin_database: str, tmp_path: Path) -> None:
    spec = spec_of("insert", key="")
    async with opened(latin_database) as database:
        await run(database, "CREATE TABLE t (k text, v text)")
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", "x"], ["a", "订"], ["b", None]]))
        assert (loaded.inserted, loaded.refused) == (2, {"row.db_type": 1})
        assert await rows_of(database, "SELECT k FROM t ORDER BY 1") == [("a",), ("b",)]
