"""Drafts for a table that is there: its types, lengths and key, matched with the titles of a sample."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter
from database_fixtures import database, database_url
from goods import opened

from daemon.errors import HeadgateError
from daemon.pipeline.table_outline import read_outline
from ingest.errors import FileRejectedError
from ingest.infer import draft_sample
from ingest.load.inspection import inspect
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database

__all__ = ["database", "database_url"]

TABLE = (
    "CREATE TABLE order_items (id {identity}, order_no varchar(12) NOT NULL, line integer NOT NULL, "
    "{q}unitPrice{q} numeric(10,2) NOT NULL, note text, shipped_on date, express boolean, "
    "created_at timestamp NOT NULL, stock integer NOT NULL DEFAULT 0, UNIQUE (order_no, line))"
)
IDENTITY = {"sqlite": "INTEGER PRIMARY KEY", "postgresql": "bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY"}
ROWS: list[list[Any]] = [
    ["Order No", "Line", "Unit price", "Note", "Shipped on", "Express", "Colour"],
    ["A-1", 1, "1.234,50", 17, "31.01.2026", "yes", "red"],
    ["A-1", 2, "5,25", "soft", "28.02.2026", "no", "blue"],
    ["A-2", 1, "12,00", None, None, "yes", "red"],
]


def sample(folder: Path, rows: list[list[Any]]) -> Path:
    path = folder / "items.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return path


async def make_table(database: Database) -> None:
    async with database.write() as connection:
        statement = TABLE.format(identity=IDENTITY[connection.dialect.name], q='"')
        await connection.exec_driver_sql(statement)


async def test_a_draft_has_the_types_lengths_and_key_of_the_table(database: Database, tmp_path: Path) -> None:
    await make_table(database)
    text = draft_sample(sample(tmp_path, ROWS), outline=await read_outline(database, "order_items")).text
    found = parse_dataset(text, "draft.yml")
    assert [(field.name, str(field.type), field.constraints.required) for field in found.fields] == [
        ("order_no", "string", True),
        ("line", "integer", True),
        ("unitPrice", "decimal(10,2)", True),
        ("note", "string", False),
        ("shipped_on", "date", False),
        ("express", "boolean", False),
    ]
    assert found.fields[0].constraints.max_length == 12
    assert (found.fields[2].decimal_char, found.fields[2].group_char) == (",", ".")
    assert found.primary_key == ("order_no", "line")
    assert (found.load.table, found.load.mode, found.load.create) == ("order_items", "upsert", False)
    assert "# no column of order_items: {name: colour" in text
    assert "# not in the sample: created_at, timestamp" in text.lower()
    assert "load.insert_only: {created_at: ...}" in text
    assert "# Mend" not in text
    whole = parse_dataset(text.replace("create: false", "create: false, insert_only: {created_at: now}"), "draft.yml")
    async with database.read() as connection:
        assert (await inspect(connection, whole, tmp_path)).problems == ()


async def test_units_below_the_titles_hide_no_column(database: Database, tmp_path: Path) -> None:
    await make_table(database)
    rows = [ROWS[0][:3], [None, None, "EUR"], ["A-1", 1, 5.25], ["A-2", 1, 12]]
    text = draft_sample(sample(tmp_path, rows), outline=await read_outline(database, "order_items")).text
    assert [field.name for field in parse_dataset(text, "draft.yml").fields] == ["order_no", "line", "unitPrice"]
    assert "header: [Unit price / EUR]" in text


async def test_what_the_table_would_not_take_is_told_in_the_draft(database: Database, tmp_path: Path) -> None:
    await make_table(database)
    rows = [*ROWS, ["A-much-too-long-number", 1, "1,00", None, None, "no", "red"]]
    text = draft_sample(sample(tmp_path, rows), outline=await read_outline(database, "order_items")).text
    assert "# Mend this first: 1 rows of the sample do not load by this draft, first row 5" in text


async def test_a_table_of_other_columns_or_of_another_name_is_refused(database: Database, tmp_path: Path) -> None:
    await make_table(database)
    outline = await read_outline(database, "order_items")
    with pytest.raises(FileRejectedError, match="no title of the sample is a column of table order_items, which has"):
        draft_sample(sample(tmp_path, [["Height", "Width"], [1, 2], [3, 4]]), outline=outline)
    with pytest.raises(HeadgateError, match=r"there is no table order_item; did you mean order_items\?"):
        await read_outline(database, "order_item")


async def test_the_command_drafts_for_a_table(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url) as database:
        await make_table(database)
    arguments = ["infer", str(sample(tmp_path, ROWS)), "--database", database_url]
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "daemon", *arguments, *more],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=environ,
        )

    done = run("--table", "order_items")
    assert done.returncode == 0, done.stderr
    assert parse_dataset(done.stdout, "draft.yml").primary_key == ("order_no", "line")
    for wrong, said in ((["--table", "order_item"], "did you mean order_items?"), ([], "name the table, too")):
        done = run(*wrong)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr


async def test_a_draft_without_a_table_has_its_own_made(tmp_path: Path) -> None:
    assert parse_dataset(draft_sample(sample(tmp_path, ROWS)).text, "draft.yml").load.create is True
