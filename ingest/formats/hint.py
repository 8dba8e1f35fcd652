"""What is known of a file besides its content: its name, and what its dataset says; decides nothing by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Self

from ..spec.titles import normal

if TYPE_CHECKING:
    from ..spec.dataset import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """The name under which a file was handed in, if it has one; the encoding that its text must be in; its titles.

    Titles are in the form of `normal`: a reading of a text in which they stand is the right one.
    """

    name: str = ""
    encoding: str | None = None
    titles: frozenset[str] = frozenset()

    @classmethod
    def of(cls, dataset: Dataset, name: str) -> Self:
        """Return what a dataset says of a file that was handed in under a name or path."""
        titles = frozenset(normal(label) for field in dataset.cell_fields for label in field.labels)
        return cls(name=name, encoding=dataset.encoding, titles=titles)

    @property
    def suffix(self) -> str:
        """The extension of the name in small letters, without its dot; empty for none."""
        return PurePath(self.name).suffix.lower().removeprefix(".")


NO_HINT: Final = Hint()
"""Nothing is known but the content."""
