"""docs/datasets.md: its examples load, and it names every key that a dataset has."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from ingest.spec.dataset import Dataset
from ingest.spec.dataset_file import parse_dataset

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
EXAMPLES = [textwrap.dedent(found) for found in re.findall(r"^ *```yaml\n(.*?)^ *```", TEXT, re.DOTALL | re.MULTILINE)]
README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", [*EXAMPLES, *re.findall(r"```yaml\n(# orders.*?)```", README, re.DOTALL)])
def test_examples_load(example: str) -> None:
    assert parse_dataset(example, "example.yml").fields


def test_every_key_is_named() -> None:
    missing = [key for key in keys(Dataset) if not re.search(rf"\b{key}\b", TEXT)]
    assert not missing


def keys(model: type[BaseModel]) -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        found.add(field.alias or name)
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel) and part.__name__ != "FieldType":
                found |= keys(part)
    return found
