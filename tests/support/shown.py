"""What a reader makes of a file: the cells of a sheet, as texts or as values, or the code of its refusal."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from ingest.errors import FileRejectedError
from ingest.output.grid import read_grid, read_sheets

if TYPE_CHECKING:
    from pathlib import Path


def grid(path: Path, sheet: str | int | None = None) -> list[list[str]]:
    out = io.StringIO(newline="")
    read_grid(path, sheet, out, "csv")
    return list(csv.reader(io.StringIO(out.getvalue(), newline="")))


def rows(path: Path, sheet: str | int | None = None) -> list[list[Any]]:
    out = io.StringIO()
    read_grid(path, sheet, out, "json")
    return [json.loads(line) for line in out.getvalue().splitlines()]


def code(path: Path) -> str:
    with pytest.raises(FileRejectedError) as caught:
        read_sheets(path)
    assert caught.value.record.hint
    return caught.value.record.code
