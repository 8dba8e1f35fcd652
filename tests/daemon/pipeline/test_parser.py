"""The file of a job on its way to a worker: what the spool has of it is what was received, or it is not read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.pipeline.parser import LocalParser
from ingest.spec.dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.executors.executors import Executors
    from daemon.ledger.jobs import Job
    from daemon.pipeline.worker_failures import ReadingBounds
    from daemon.spool.spool import Spool

ROWS = b"sku,price\nA,1\nB,2\n"
STOCK = Dataset.model_validate(
    {
        "dataset": "stock",
        "match": {"glob": "*.csv"},
        "fields": [{"name": "sku", "type": "string"}, {"name": "price", "type": "integer"}],
        "load": {"table": "stock", "mode": "insert"},
    }
)


class InThisProcess:
    """Executors that run what they are given, at once."""

    busy_workers = 0

    async def submit_cpu(self, function: Callable[..., Any], *arguments: Any, **_: Any) -> Any:
        return function(*arguments)


async def parsed(tmp_path: Path, left: bytes) -> Any:
    """Return the report of a job of whose file so much is left in the spool."""
    (tmp_path / "source").write_bytes(left)
    spool = SimpleNamespace(shared=None, source=lambda _: tmp_path / "source", work_folder=lambda *_: tmp_path / "work")
    job = SimpleNamespace(id=1, file="stock.csv", fixes_job=None, dataset="stock", size_bytes=len(ROWS))
    bounds = SimpleNamespace(seconds=60.0, memory_bytes=1 << 30)
    parser = LocalParser(cast("Executors", InThisProcess()), cast("Spool", spool))
    return await parser.parse(cast("Job", job), "key", "token", STOCK, cast("ReadingBounds", bounds))


async def test_a_whole_file_is_read(tmp_path: Path) -> None:
    assert (await parsed(tmp_path, ROWS)).rows.read == 2


@pytest.mark.parametrize("left", [b"", ROWS[:14], ROWS + ROWS[10:]])
async def test_what_is_left_of_a_damaged_file_is_not_read_as_a_whole_one(tmp_path: Path, left: bytes) -> None:
    """Whole lines of it were loaded, and one of which nothing was left was called an empty file of its sender's."""
    with pytest.raises(OSError, match=f"the spool has {len(left)} of the 18 bytes"):
        await parsed(tmp_path, left)
