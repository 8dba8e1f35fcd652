"""The text of a dataset that comes over HTTP: how long it may be, and which code it may name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.messages import say
from ingest.spec.dataset_file import parse_dataset

from .problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.spec.dataset import Dataset

TEXT_BYTES: Final = 1 << 18
"""A dataset of a thousand columns, and their comments."""
SOURCE: Final = "the dataset"
"""What the text is called in problems: it has no file yet."""


def dataset_of(text: str, known: Mapping[str, Dataset]) -> Dataset:
    """Return the dataset that a text declares. Takes seconds if it is long: `known`, those in force, are a copy then.

    One that names code is refused unless it names the same in force: whoever may write files decides what runs.

    Raises:
        DocumentError: the text is wrong, with every problem.
        ProblemError: 422.

    """
    dataset = parse_dataset(text, SOURCE)
    before = known.get(dataset.dataset)
    if dataset.transform is not None and dataset.transform != (before and before.transform):
        hint = say("take the key `transform` away, or write the file on the machine")
        raise ProblemError(422, say("a dataset that names code of its own is not taken over HTTP"), hint=hint)
    return dataset
