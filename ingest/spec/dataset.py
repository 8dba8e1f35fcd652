"""Dataset specifications: owns their keys, defaults and rules; knows nothing of workbooks, Arrow or the daemon."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import Field as Key
from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from ..languages import find_language, languages
from .encoding_name import is_text_encoding
from .field import NUMERIC, Constraints, Field, FieldType, Kind, Negatives, Regex, Texts
from .load import Load
from .mapping import ColumnMapping
from .model import Model

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Constraints", "Dataset", "Field", "FieldType", "Kind", "Load"]


NAME_LENGTH: Final = 100
NAME: Final = rf"^\w[\w.-]{{0,{NAME_LENGTH - 1}}}$"
"""The form of a dataset's name."""
VERSION_MAX: Final = 2_147_483_647
"""The ledger keeps a version in 32 bits."""
MEGABYTES_MAX: Final = 1_000_000_000_000
"""2^60 bytes: as bytes they fit the 64 bits of the kernel's limits."""
SECONDS_MAX: Final = 2_000_000
"""23 days: in milliseconds they fit C's int, as which the system takes them."""
LINEAGE_JOB: Final = "headgate_job"
LINEAGE_ROW: Final = "headgate_row"
"""The columns that `load.lineage` adds to the target table."""


class Match(Model):
    """Which files of the watched folders belong to the dataset."""

    glob: Texts = ()


class Sheets(Model):
    """Which sheet holds the table; without name and index, the one visible sheet that has the header.

    `index` is a 0-based place, `all` for every sheet with the header, one below the other, or `largest_matching` for
    the one of them with the most rows.
    """

    name: Texts = ()
    index: Annotated[int, Key(ge=0)] | Literal["all", "largest_matching"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.name and isinstance(self.index, int):
            raise PydanticCustomError("sheets", "a name and a place are two ways to say the same: keep one")
        return self


class Workbook(Model):
    """Where in the workbook to look."""

    sheets: Sheets = Sheets.model_construct()
    hidden_sheets: Literal["skip", "include"] = "skip"
    hidden_rows: Literal["include"] = "include"


class Header(Model):
    """Where the titles are: found by the declared names, in sheet row `row` (1-based), or nowhere.

    A header of several rows is read as one: what stands in a column, from above, joined by `join`.
    """

    mode: Literal["detect", "row", "none"] = "detect"
    row: int | None = Key(default=None, ge=1)
    search_rows: int = Key(default=50, ge=1, le=10_000)
    rows: int = Key(default=1, ge=1, le=10)
    join: str = " / "
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
    """What ends the table: this many blank rows on end, or the last row of totals.

    A row of totals is one whose first filled cell matches a footer glob, and which leaves the required fields and the
    key empty or holds the sums of its columns. With `known_totals` it is also one below all data that begins with a
    word for totals in one of many languages, and holds the sums of its columns; one called averages, or another
    statistic, is then no data if it holds that.
    """

    blank_rows: int = Key(default=100, ge=1)
    footers: Texts = ()
    known_totals: bool = False


class Duplicates(Model):
    """What becomes of rows with the same key in one file: `exact` ones are equal in every field."""

    in_file: Literal["reject", "last_wins"] = "reject"
    exact: Literal["collapse"] = "collapse"


class Contract(Model):
    """What may change in the sheet, in dlt's words.

    Columns of titles that nobody declared: `freeze` refuses the file (and one that lacks a declared column),
    `discard_row` rejects the rows that fill them, `discard_value` leaves them out and says so; without a word they are
    left out. Values of another type than the declared: `freeze` and `discard_row` reject their row, `discard_value`
    loads null. Nothing evolves: a new column is declared, so that it gets the type that somebody meant.
    """

    columns: Literal["freeze", "discard_row", "discard_value"] | None = None
    types: Literal["freeze", "discard_row", "discard_value"] | None = None

    @field_validator("columns", "types", mode="before")
    @classmethod
    def _declared(cls, value: object) -> object:
        if value == "evolve":
            raise PydanticCustomError("evolve", "nothing evolves by itself; declare the new column as a field")
        return value


class Quarantine(Model):
    """How many bad rows a file may have; beyond, nothing of it is loaded."""

    max_rows: int = Key(default=1000, ge=0)
    max_percent: float = Key(default=5, ge=0, le=100)

    def exceeded(self, rejected: int, rows: int) -> bool:
        """Say whether `rejected` of `rows` rows that hold data are more than the file may have."""
        return rejected > self.max_rows or rejected * 100 > self.max_percent * rows

    def allowed(self, rows: int) -> int:
        """Return how many of `rows` rows that hold data may be bad."""
        return min(self.max_rows, int(self.max_percent * rows / 100))


class Merged(Model):
    """Fields whose value, written once in a merged range, counts for every row of that range."""

    fill: Texts = ()


class Constant(Model):
    """A value that stands in no cell: in the file's path, in the sheet's name, or here; `regex` cuts it out.

    The first group of `regex` is the value, the whole match if it has none.
    """

    from_: Literal["path", "sheet"] | None = Key(default=None, alias="from")
    regex: Regex | None = None
    value: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.from_ is None) == (self.value is None) or (self.value is not None and self.regex is not None):
            raise PydanticCustomError("constant", "a constant has either a value, or from with an optional regex")
        return self


class Expect(Model):
    """What a whole file must hold: rows with data, and columns whose sum stands in the footer."""

    min_rows: int = Key(default=1, ge=1)
    reconcile: dict[str, Literal["footer"]] = Key(default_factory=dict)


class FileLimits(Model):
    """What a file may cost before it is refused."""

    file_mb: int = Key(default=200, ge=1, le=MEGABYTES_MAX, description="Size of the file, in MiB.")
    expanded_mb: int = Key(
        default=1024, ge=1, le=MEGABYTES_MAX, description="Size of one part of a zip, inflated, in MiB."
    )
    total_mb: int = Key(
        default=2048, ge=1, le=MEGABYTES_MAX, description="Size of all parts that are read, inflated, in MiB."
    )
    ratio: int = Key(default=200, ge=1, description="Inflated to stored bytes of a sheet.")
    ratio_from_mb: int = Key(
        default=1, ge=0, le=MEGABYTES_MAX, description="Up to so many MiB a sheet may inflate at any ratio."
    )
    entries: int = Key(default=100_000, ge=1, description="Parts of a zip, pictures and all.")
    cells: int = Key(default=50_000_000, ge=1, description="Cells from A1 to the last row and column of a sheet.")
    parse_seconds: float = Key(default=300, gt=0, le=SECONDS_MAX, description="Time for reading and checking the file.")
    worker_mb: int = Key(
        default=2048, ge=64, le=MEGABYTES_MAX, description="Memory of the worker that reads the file, in MiB."
    )


def _is_name(value: object, form: ValidatorFunctionWrapHandler) -> object:
    """Hold a name to `NAME`, whose form and length are looked at apart: as one it takes 30 ms to compile."""
    try:
        name = form(value)
    except ValidationError as error:
        if error.errors()[0]["type"] != "string_pattern_mismatch":
            raise
    else:
        if len(name) <= NAME_LENGTH:
            return name
    raise PydanticKnownError("string_pattern_mismatch", {"pattern": NAME})


class Dataset(Model):
    """How a workbook becomes rows of a table."""

    dataset: Annotated[str, Key(pattern=r"^\w[\w.-]*$"), WrapValidator(_is_name)]
    version: int = Key(default=1, ge=1, le=VERSION_MAX)
    match: Match = Match.model_construct()
    workbook: Workbook = Workbook.model_construct()
    header: Header = Header.model_construct()
    table_end: TableEnd = TableEnd.model_construct()
    skip_rows: Texts = ()
    encoding: str | None = None
    fields: tuple[Field, ...] = Key(min_length=1)
    missing_values: Texts = Key(default=("",), alias="missingValues")
    negative: Negatives = ("minus",)
    error_cells: Literal["reject_row", "null"] = Key(default="reject_row", alias="errorCells")
    primary_key: Texts = Key(default=(), alias="primaryKey")
    duplicates: Duplicates = Duplicates.model_construct()
    contract: Contract = Contract.model_construct()
    load: Load
    quarantine: Quarantine = Quarantine.model_construct()
    limits: FileLimits = FileLimits.model_construct()
    merged: Merged = Merged.model_construct()
    constants: dict[str, Constant] = Key(default_factory=dict)
    expect: Expect = Expect.model_construct()
    mappings: tuple[ColumnMapping, ...] = ()
    transform: str | None = Key(default=None, pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    freshness_seconds: Annotated[float, Key(gt=0, allow_inf_nan=False)] | None = None
    language: str | None = None

    @cached_property
    def digest(self) -> str:
        """The sha256 of the specification's content, whatever the order of keys, comments and written defaults.

        How often workbooks should come changes nothing in what becomes of their rows, nor does the language of those
        that are handed back. Mappings change nothing in the table, and some are kept elsewhere.
        """
        other = {"freshness_seconds", "language", "mappings"}
        content = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=other)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if value is not None and not is_text_encoding(value):
            raise PydanticCustomError("encoding", "no encoding of texts has this name; try utf-8, cp1252, gb18030")
        return value

    @field_validator("language")
    @classmethod
    def _is_spoken(cls, value: str | None) -> str | None:
        """Take the tag of a language for the one that serves it: `zh` for `zh-CN`."""
        if value is None:
            return None
        if (found := find_language(value)) is None:
            known = ", ".join(languages())
            raise PydanticCustomError(
                "language", "it is none of the languages that there are: {known}", {"known": known}
            )
        return found

    @field_validator("error_cells", mode="before")
    @classmethod
    def _null_is_a_word(cls, value: object) -> object:
        """Take YAML's own null, which is what the word without quotes is, for the choice of that name."""
        return "null" if value is None else value

    @model_validator(mode="before")
    @classmethod
    def _constants_are_fields(cls, value: object) -> object:
        """Declare constants that are no fields yet as fields of type string."""
        if not isinstance(value, dict):
            return value
        fields, constants = value.get("fields"), value.get("constants")
        if not isinstance(fields, (list, tuple)) or not isinstance(constants, dict):
            return value
        known = {field.get("name") for field in fields if isinstance(field, dict)}
        extra = [{"name": name, "type": "string"} for name in constants if name not in known]
        return {**value, "fields": [*fields, *extra]}

    @model_validator(mode="before")
    @classmethod
    def _negative_is_for_fields(cls, value: object) -> object:
        """Give fields of numbers the dataset's own forms of negative ones, unless they name theirs."""
        if not isinstance(value, dict) or "negative" not in value or not isinstance(value.get("fields"), (list, tuple)):
            return value
        given = {"negative": value["negative"]}
        fields = [
            {**given, **field}
            if isinstance(field, dict) and str(field.get("type")).partition("(")[0] in NUMERIC
            else field
            for field in value["fields"]
        ]
        return {**value, "fields": fields}

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
        self._check_rules(names)
        self._check_load(names)
        self._check_mappings()
        return self

    def _check_rules(self, names: list[str]) -> None:
        if unknown := [name for name in self.merged.fill if name not in names]:
            raise _problem("merged", "merged.fill names undeclared fields: {names}", unknown)
        sums = {field.name for field in self.fields if field.type.kind in ("integer", "decimal")}
        if unknown := [name for name in self.expect.reconcile if name not in sums]:
            raise _problem("expect", "expect.reconcile names what is no integer or decimal field: {names}", unknown)
        if self.expect.reconcile and not self.table_end.footers:
            raise PydanticCustomError("expect", "expect.reconcile needs table_end.footers to know the footer by")

    def _check_load(self, names: list[str]) -> None:
        if self.load.lineage and (taken := sorted({LINEAGE_JOB, LINEAGE_ROW} & set(names))):
            raise _problem("lineage", "load.lineage fills columns that are declared as fields: {names}", taken)
        if taken := sorted(self.load.given.keys() & set(names)):
            raise _problem("given", "load.insert_only and load.set fill what is declared as fields: {names}", taken)
        if taken := [field.name for field in self.fields if field.empty is not None and field.name in self.primary_key]:
            raise _problem("empty", "a key has no empty cells: {names}; take empty off", taken)
        if not self.primary_key and (self.load.key_where is not None or self.load.replace == "by_key"):
            raise PydanticCustomError("key_where", "load.key_where and replace: by_key need a primaryKey")

    def _check_mappings(self) -> None:
        for mapping in self.mappings:
            if (complaint := mapping.complaint(self.cell_fields)) is not None:
                raise PydanticCustomError("mapping", "{complaint}", {"complaint": complaint})

    def with_mappings(self, mappings: Iterable[ColumnMapping]) -> Self:
        """Return the dataset with more mappings, which come before its own; those that do not fit it are left out."""
        fitting = tuple(mapping for mapping in mappings if mapping.complaint(self.cell_fields) is None)
        return self.model_copy(update={"mappings": (*fitting, *self.mappings)}) if fitting else self

    @property
    def cell_fields(self) -> tuple[Field, ...]:
        """The fields whose values stand in cells: all but the constants."""
        return tuple(field for field in self.fields if field.name not in self.constants)

    def is_needed(self, field: Field) -> bool:
        """Say whether every row must have a value of the field."""
        return field.constraints.required or field.name in self.primary_key

    def is_null_value(self, field: Field) -> bool:
        """Say whether a bad cell of the field is loaded as null instead of rejecting its row."""
        if self.is_needed(field):
            return False
        return field.on_error == "null_value" or self.contract.types == "discard_value"


def _problem(kind: str, message: str, names: list[str]) -> PydanticCustomError:
    return PydanticCustomError(kind, message, {"names": ", ".join(names)})
