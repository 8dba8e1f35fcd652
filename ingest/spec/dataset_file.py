"""From YAML to a dataset: owns how a specification is read and how its problems are told; a worker needs none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from .dataset import Dataset
from .yaml_document import DocumentError, Problem, parse_yaml, problems_of

if TYPE_CHECKING:
    from pathlib import Path

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
    try:
        return Dataset.model_validate(document.data)
    except ValidationError as error:
        raise DocumentError(problems_of(error, document, Dataset)) from error
