"""What holds of rejected rows that come back corrected, and not of the whole file that they were in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dataset import Expect

if TYPE_CHECKING:
    from .dataset import Dataset


def for_corrections(dataset: Dataset) -> Dataset:
    """Return the dataset for rejected rows that come back: they join those of their file that were loaded before.

    They replace nothing, and what must hold of a whole file, how many rows it has, what they come to and which part of
    them may be bad, need not hold of a few of them. What is handed back has only the sheets that had rejected rows.
    """
    load, whole = dataset.load, dataset.workbook
    if load.mode == "replace":
        mode = "upsert" if dataset.primary_key else "insert"
        load = load.model_copy(update={"mode": mode, "replace": None, "replace_cascades": False})
    sheets = whole.sheets.model_copy(update={"name": (), "index": "all"})
    return dataset.model_copy(
        update={
            "load": load,
            "expect": Expect.model_construct(),
            "quarantine": dataset.quarantine.model_copy(update={"max_percent": 100.0}),
            "workbook": whole.model_copy(update={"sheets": sheets}),
        }
    )
