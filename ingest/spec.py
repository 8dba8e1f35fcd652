"""Dataset specifications: owns their keys, defaults and rules; knows nothing of workbooks, Arrow or the daemon."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, ValidationError, field_validator, model_validator
from pydantic import Field as Key
from pydantic_core import PydanticCustomError

from .document import DocumentError, Problem, parse_yaml, problems_of
from .fieldspec import Constraints, Field, FieldType, Kind, Model, Texts, Unsupported

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Constraints", "Dataset", "Field", "FieldType", "Kind", "load_dataset", "parse_dataset"]


class Match(Model):
    """Which files of the watched folders belong to the dataset."""

    glob: Texts = ()


class Sheets(Model):
    """Which sheet holds the table; without name and index, the one visible sheet that has the header."""

    name: Texts = ()
    index: int | None = Key(default=None, ge=0)

    @field_validator("index", mode="before")
    @classmethod
    def _supported(cls, value: object) -> object:
        if value in ("all", "largest_matching"):
            raise PydanticCustomError(
                "unsupported", "{value} is not supported by this version of Headgate", {"value": value}
            )
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.name and self.index is not None:
            raise PydanticCustomError("sheets", "name and index are two ways to say the same: keep one")
        return self


class Workbook(Model):
    """Where in the workbook to look."""

    sheets: Sheets = Sheets()
    hidden_sheets: Literal["skip", "include"] = "skip"
    hidden_rows: Literal["include"] = "include"


class Header(Model):
    """Where the titles are: found by the declared names, in sheet row `row` (1-based), or nowhere."""

    mode: Literal["detect", "row", "none"] = "detect"
    row: int | None = Key(default=None, ge=1)
    search_rows: int = Key(default=50, ge=1, le=10_000)
    rows: Literal[1] = 1
    join: Unsupported = None
    on_ambiguous: Literal["reject_file"] = "reject_file"

    @model_validator(mode="before")
    @classmethod
    def _forms(cls, value: object) -> object:
        """Read `{row: 3}` and `{mode: {row: 3}}` as `{mode: row, row: 3}`."""
        if not isinstance(value, dict):
            return value
        mode = value.get("mode")
        if isinstance(mode, dict) and set(mode) == {"row"}:
            return {**value, "mode": "row", "row": mode["row"]}
        return {"mode": "row", **value} if "row" in value else value

    @model_validator(mode="after")
    def _row_with_mode(self) -> Self:
        if (self.mode == "row") != (self.row is not None):
            raise PydanticCustomError("header_row", "mode: row needs a row, and only that mode has one")
        return self


class TableEnd(Model):
    """What ends the table: this many blank rows on end, or a row whose first filled cell matches a footer glob."""

    blank_rows: int = Key(default=100, ge=1)
    footers: Texts = ()


class Duplicates(Model):
    """What becomes of rows with the same key in one file: `exact` ones are equal in every field."""

    in_file: Literal["reject", "last_wins"] = "reject"
    exact: Literal["collapse"] = "collapse"


class Contract(Model):
    """What may change in the sheet; `columns: freeze` refuses a file that has columns of other titles."""

    columns: Literal["freeze"] | None = None
    types: Literal["freeze"] | None = None

    @field_validator("columns", "types", mode="before")
    @classmethod
    def _supported(cls, value: object) -> object:
        if value in ("evolve", "discard_row", "discard_value"):
            raise PydanticCustomError(
                "unsupported", "{value} is not supported by this version of Headgate", {"value": value}
            )
        return value


def _no_lineage(value: object) -> object:
    if value is True:
        raise PydanticCustomError("unsupported", "true is not supported by this version of Headgate")
    return value


class Load(Model):
    """The target table, as `table` or `schema.table`, and how rows whose key is there already are treated."""

    table: str = Key(pattern=r"^[^.]{1,63}(\.[^.]{1,63})?$")
    mode: Literal["insert", "upsert"] = "insert"
    unchanged: Literal["skip", "update"] = "skip"
    lineage: Annotated[Literal[False], BeforeValidator(_no_lineage)] = False

    @field_validator("mode", mode="before")
    @classmethod
    def _supported(cls, value: object) -> object:
        if value == "replace":
            raise PydanticCustomError("unsupported", "replace is not supported by this version of Headgate")
        return value


class Quarantine(Model):
    """How many bad rows a file may have; beyond, nothing of it is loaded."""

    max_rows: int = Key(default=1000, ge=0)
    max_percent: float = Key(default=5, ge=0, le=100)

    def exceeded(self, rejected: int, rows: int) -> bool:
        """Say whether `rejected` of `rows` rows that hold data are more than the file may have."""
        return rejected > self.max_rows or rejected * 100 > self.max_percent * rows


class Limits(Model):
    """What a file may cost: sizes in MiB, `ratio` inflated to stored bytes, `cells` a sheet's bounding box."""

    file_mb: int = Key(default=200, ge=1)
    expanded_mb: int = Key(default=1024, ge=1)
    ratio: int = Key(default=200, ge=1)
    cells: int = Key(default=50_000_000, ge=1)
    parse_seconds: float = Key(default=300, gt=0)
    worker_mb: int = Key(default=2048, ge=64)


class Dataset(Model):
    """How a workbook becomes rows of a table."""

    dataset: str = Key(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")
    version: int = Key(default=1, ge=1)
    match: Match = Match()
    workbook: Workbook = Workbook()
    header: Header = Header()
    table_end: TableEnd = TableEnd()
    fields: tuple[Field, ...] = Key(min_length=1)
    missing_values: Texts = Key(default=("",), alias="missingValues")
    error_cells: Literal["reject_row", "null"] = Key(default="reject_row", alias="errorCells")
    primary_key: Texts = Key(default=(), alias="primaryKey")
    duplicates: Duplicates = Duplicates()
    contract: Contract = Contract()
    load: Load
    quarantine: Quarantine = Quarantine()
    limits: Limits = Limits()
    merged: Unsupported = None
    constants: Unsupported = None
    expect: Unsupported = None
    transform: Unsupported = None

    @cached_property
    def digest(self) -> str:
        """The sha256 of the specification's content, whatever the order of keys, comments and written defaults."""
        content = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [field.name for field in self.fields]
        if repeated := [name for name, count in Counter(names).items() if count > 1]:
            raise _problem("fields", "field names are repeated: {names}", repeated)
        if unknown := [name for name in self.primary_key if name not in names]:
            raise _problem("primary_key", "primaryKey names undeclared fields: {names}", unknown)
        if len(set(self.primary_key)) < len(self.primary_key):
            raise PydanticCustomError("primary_key", "primaryKey repeats a field")
        if self.load.mode == "upsert" and not self.primary_key:
            raise PydanticCustomError("primary_key", "load.mode: upsert needs a primaryKey")
        return self


def _problem(kind: str, message: str, names: list[str]) -> PydanticCustomError:
    return PydanticCustomError(kind, message, {"names": ", ".join(names)})


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
        raise DocumentError(problems_of(error, document)) from error
