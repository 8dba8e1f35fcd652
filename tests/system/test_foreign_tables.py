"""Tables that lie in another server, which is away: what waits for it says so, and goes on by itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from daemon.config.load import load_settings
from daemon.oneshot import Request, ingest_files
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_server import Postgres

DATASET = """
dataset: goods
fields: [{name: sku, type: string}, {name: qty, type: integer}]
load: {table: goods, mode: insert}
"""


@pytest.mark.slow
async def test_a_file_that_waits_for_another_server_is_told_of(own_postgres: Postgres, tmp_path: Path) -> None:
    own_postgres.execute(
        "CREATE EXTENSION postgres_fdw; CREATE TABLE far (sku text, qty int); "
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', "
        "dbname 'postgres'); CREATE USER MAPPING FOR headgate SERVER elsewhere OPTIONS (user 'headgate'); "
        "CREATE FOREIGN TABLE goods (sku text, qty int) SERVER elsewhere OPTIONS (table_name 'far')"
    )
    book = tmp_path / "goods.csv"
    book.write_text("sku,qty\na,1\n", encoding="utf-8")
    state = {"HEADGATE_STATE_DIR": str(tmp_path / "state"), "HEADGATE_DATABASE__URL": own_postgres.url()}
    environ = {**os.environ, **state}
    request = Request(dataset=parse_dataset(DATASET, "goods.yml"), files=[book])
    told: list[tuple[str, str]] = []
    done: list[dict[str, Any]] = []

    def waits(file: str, reason: str) -> None:
        told.append((file, reason))
        own_postgres.execute(f"ALTER SERVER elsewhere OPTIONS (SET port '{own_postgres.port}')")

    await ingest_files(load_settings(None, environ), request, environ=environ, done=done.append, waits=waits)
    [(file, reason)] = told
    assert file == str(book)
    assert "a server that the database asks" in reason
    assert '"elsewhere"' in reason
    assert [(job["state"], job["rows"]["inserted"]) for job in done] == [("loaded", 1)]
