"""What a person has said that the columns and values of a file mean: holds for every file with the same titles."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field as Key
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from ..messages import say
from .field import Texts
from .model import Model
from .titles import normal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .field import Field


class ColumnMapping(Model):
    """A mapping of the columns and values of files whose header has exactly these titles, in any order.

    `columns` gives the field of a title, null for a column that is left out; a title that is not named stands for what
    the dataset says of it. `values` gives, for a field, texts of cells and what is read in their place.
    """

    titles: Annotated[Texts, Key(min_length=1)]
    columns: dict[str, str | None] = Key(default_factory=dict)
    values: dict[str, dict[str, str]] = Key(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if unknown := [title for title in self.columns if normal(title) not in self.key]:
            raise _problem("mapping_columns", "columns names what is none of titles: {names}", unknown)
        fields = Counter(name for name in self.columns.values() if name is not None)
        if repeated := sorted(name for name, times in fields.items() if times > 1):
            raise _problem(
                "mapping_columns", "columns gives several titles to fields that have one column: {names}", repeated
            )
        if blank := [name for name, words in self.values.items() if any(not text.strip() for text in words)]:
            raise _problem("mapping_values", "values has an empty text for fields: {names}", blank)
        return self

    @cached_property
    def key(self) -> frozenset[str]:
        """The titles as they are compared, by which a header is known."""
        return titles_key(self.titles)

    @cached_property
    def left_out(self) -> frozenset[str]:
        """The titles, as they are compared, of columns that are left out."""
        return frozenset(normal(title) for title, name in self.columns.items() if name is None)

    def complaint(self, cell_fields: Iterable[Field]) -> str | None:
        """Return what is wrong with the mapping for these fields, if anything."""
        fields = {field.name: field for field in cell_fields}
        if unknown := sorted({*self.columns.values(), *self.values} - fields.keys() - {None}, key=str):
            return say("the mapping names undeclared fields: {names}", names=", ".join(map(str, unknown)))
        for name, words in self.values.items():
            allowed = fields[name].constraints.enum
            if allowed and (strange := sorted(set(words.values()) - set(allowed))):
                return say(
                    "the mapping gives field {name} values that are not allowed: {values}",
                    name=name,
                    values=", ".join(strange),
                )
        return None

    def labels(self, field: Field) -> tuple[str, ...]:
        """Return the titles under which the column of a field stands in these files."""
        given = tuple(title for title, name in self.columns.items() if name == field.name)
        return given or tuple(label for label in field.labels if normal(label) not in self._named)

    @cached_property
    def _named(self) -> frozenset[str]:
        return titles_key(self.columns)


def titles_key(titles: Iterable[str]) -> frozenset[str]:
    """Return the titles of a header as they are compared: whatever their order, and without empty ones."""
    return frozenset(normal(title) for title in titles) - {""}


def _problem(kind: str, message: str, names: list[str]) -> PydanticCustomError:
    return PydanticCustomError(kind, message, {"names": ", ".join(names)})
