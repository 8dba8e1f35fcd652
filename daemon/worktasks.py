"""What the daemon asks of its worker processes, by name only: importing this module imports no parsing library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.report import Report
    from ingest.spec import Dataset


def parse_workbook(path: Path, dataset: Dataset, out_dir: Path) -> Report:
    """Run `ingest.parse.parse`; the import happens in the worker, where it was preloaded."""
    from ingest.parse import parse  # noqa: PLC0415

    return parse(path, dataset, out_dir)
