"""What is kept of a workbook for its rejected rows: names it for those who only pass it on; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..spec.dataset import Dataset

Corrections = Mapping[str, Mapping[int, Mapping[int, str]]]
"""New texts of cells: by sheet, by row of the original, by column; rows and columns from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A workbook, the dataset that it is read by, and the error records of its parse (`report.REJECTED_FILE`).

    `source` is the path under which the file was handed in.
    """

    path: Path
    dataset: Dataset
    records: Path
    source: str
