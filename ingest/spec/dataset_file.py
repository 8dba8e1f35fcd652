"""From YAML to a dataset: owns how a specification is read and how its problems are told; a worker needs none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from .dataset import Dataset
from .yaml_document import DocumentError, Problem, parse_yaml, problems_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .yaml_document import Location

# Here, where nobody else runs yet: threads that build the model at its first use get in each other's way.
Dataset.model_rebuild()


def load_dataset(path: Path) -> Dataset:
    """Read a specification from a YAML file.

    Raises:
        DocumentError: the file cannot be read or is wrong, with every problem.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a UTF-8 text"
        problem = Problem(
            file=str(path), line=None, key="", reason=reason, remedy="name a readable YAML file with a dataset"
        )
        raise DocumentError([problem]) from error
    return parse_dataset(text, str(path))


def parse_dataset(text: str, source: str) -> Dataset:
    """Read a specification from YAML text; `source` names it in problems.

    Raises:
        DocumentError: the text is wrong, with every problem.

    """
    document = parse_yaml(text, source)
    if held := tuple(_with_nul(document.data, ())):
        reason, remedy = "U+0000 (NUL) stands in it, which no database and no file name takes", "remove it"
        raise DocumentError(document.problem(location, reason, remedy) for location in held)
    try:
        return Dataset.model_validate(document.data)
    except ValidationError as error:
        raise DocumentError(problems_of(error, document, Dataset)) from error


def _with_nul(value: object, location: Location) -> Iterator[Location]:
    """Yield the places of texts, and of keys, that have a NUL: an escape makes one."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from [(*location, key)] if "\0" in key else _with_nul(part, (*location, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _with_nul(part, (*location, number))
    elif isinstance(value, str) and "\0" in value:
        yield location
