"""The target table of a dataset and how rows go there: owns the keys of `load`; knows nothing of databases."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field as Key
from pydantic import StrictBool, StrictFloat, StrictInt, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .model import Model
from .reference import TableName

GENERATED: Final = ("now", "uuid", "uuid7", "ulid", "cuid")
"""The words in `insert_only` and `set` that stand for a value made at the load."""


class Literally(Model):
    """A value that is written as it stands, even where it is one of the words in `GENERATED`."""

    value: StrictBool | StrictInt | StrictFloat | str


Given = Annotated[StrictBool | StrictInt | StrictFloat | str | Literally, Key()]
"""A value of a column that no field fills: a word of `GENERATED`, or a value."""


class Load(Model):
    """The target table, as `table` or `schema.table`, and how rows whose key is there already are treated.

    `replace` leaves only the rows of the file: by the key where there is one (`by_key`: rows of other keys are
    deleted), else by emptying the table (`all`), in the same transaction. `lineage` adds the job and the sheet row of
    each row, in the columns `headgate_job` and `headgate_row`. `empty` says what an empty cell does to a row that is
    there. `insert_only` fills columns of new rows, `set` of new and of changed ones. `key_where` names the rows among
    which the key is unique, as the predicate of a partial index does. `create` makes a missing table; without a word
    it is made unless there is one of a similar name.
    """

    table: TableName
    mode: Literal["insert", "upsert", "replace"] = "insert"
    unchanged: Literal["skip", "update"] = "skip"
    lineage: bool = False
    create: bool | None = None
    empty: Literal["null", "keep"] = "null"
    insert_only: dict[str, Given] = Key(default_factory=dict)
    set: dict[str, Given] = Key(default_factory=dict)
    key_where: str | None = Key(default=None, min_length=1)
    replace: Literal["by_key", "all"] | None = None
    replace_cascades: bool = False

    @field_validator("empty", mode="before")
    @classmethod
    def _null_is_a_word(cls, value: object) -> object:
        """Take YAML's own null, which is what the word without quotes is, for the choice of that name."""
        return "null" if value is None else value

    @model_validator(mode="after")
    def _fits_mode(self) -> Self:
        if self.mode != "replace" and (self.replace is not None or self.replace_cascades):
            raise PydanticCustomError("replace", "load.replace and load.replace_cascades need mode: replace")
        if twice := sorted(self.insert_only.keys() & self.set.keys()):
            names = ", ".join(twice)
            raise PydanticCustomError(
                "given", "load.insert_only and load.set both fill {names}; keep one", {"names": names}
            )
        return self

    @property
    def given(self) -> dict[str, Given]:
        """The columns of new rows that no field fills, and their values."""
        return {**self.insert_only, **self.set}
