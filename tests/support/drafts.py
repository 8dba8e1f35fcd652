"""The dataset that is drafted for a sample, and the types of its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.infer import draft_sample
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.spec.dataset import Dataset


def draft(path: Path, sheet: str | int | None = None) -> Dataset:
    return parse_dataset(draft_sample(path, sheet).text, "draft.yml")


def types(dataset: Dataset) -> dict[str, str]:
    return {field.name: str(field.type) + (" id" if field.id else "") for field in dataset.fields}
