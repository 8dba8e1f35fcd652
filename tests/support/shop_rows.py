"""Rows that refer to a shop, and their way into a table `t`: what tests of foreign keys load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from goods import load_spooled, spooled

from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.load.loaded import Loaded
    from ingest.spec.dataset import Dataset


def spec_of(key: str | None = "k", mode: str = "upsert", percent: float = 100, **load: Any) -> Dataset:
    """Return the dataset of rows with a key, a shop and a value."""
    content: dict[str, Any] = {
        "dataset": "d",
        "fields": [
            {"name": "k", "type": "string"},
            {"name": "shop", "type": "integer"},
            {"name": "v", "type": "integer"},
        ],
        **({"primaryKey": [key]} if key else {}),
        "quarantine": {"max_percent": percent},
        "load": {"table": "t", "mode": mode, **load},
    }
    return parse_dataset(json.dumps(content), "d.yml")


async def put(database: Database, spec: Dataset, folder: Path, rows: list[list[Any]]) -> Loaded:
    """Load rows of the dataset."""
    return await load_spooled(database, spec, spooled(folder, spec, rows))


def sqlite_in(folder: Path) -> str:
    """Return the address of a new SQLite database there."""
    return f"sqlite+aiosqlite:///{folder / 'd.db'}"
