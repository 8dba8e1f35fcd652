"""What a database says of a table, in one form for PostgreSQL and SQLite: values and names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

TableKind = Literal["table", "partitioned table", "view", "materialized view", "foreign table"]


def quoted(name: str) -> str:
    """Return a name as both databases quote it."""
    return '"' + name.replace('"', '""') + '"'


def split_name(table: str) -> tuple[str | None, str]:
    """Return the schema, if it is named, and the name of a table as it stands in a dataset."""
    schema, _, name = table.rpartition(".")
    return schema or None, name


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """One column.

    `declared` is its type as written in DDL, `base` the plain type behind domains, lower case, `cast` that without
    precision, scale and length, for which `modifier` is PostgreSQL's own number (-1 for none). `category` is
    PostgreSQL's category of types, SQLite's affinity. `has_equality` says whether two values can be compared, `loose`
    that texts which differ may be equal as values of the type, `builtin` that the type is the database's own.
    `collation` is the one of PostgreSQL by which they may. `never_written` names why no value may be given:
    `GENERATED ALWAYS` of both kinds. `has_sequence` says that it owns one, or counts by one.
    """

    name: str
    declared: str
    base: str
    cast: str
    category: str = ""
    modifier: int = -1
    required: bool = False
    fills_itself: bool = False
    has_equality: bool = True
    loose: bool = False
    collation: str | None = None
    builtin: bool = True
    never_written: str | None = None
    has_sequence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFacts:
    """A unique index, primary keys among them; a column is None where the index has an expression."""

    name: str
    columns: tuple[str | None, ...]
    predicate: str | None = None
    valid: bool = True
    definition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A foreign key, of the table or to it: quoted names of the other table, columns of both sides.

    `deferred` says that SQLite may look at it as late as at the COMMIT; of PostgreSQL a load asks that it does not.
    """

    name: str
    other: str
    columns: tuple[str, ...]
    other_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    own: bool = False
    deferred: bool = False

    @property
    def cascades(self) -> bool:
        """Whether the deletion of a row changes rows of the other table."""
        return self.on_delete in ("CASCADE", "SET NULL", "SET DEFAULT")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """A table as its database knows it.

    `constraints` has the columns of each, unique indexes and those of partitions among them; `checks` those of CHECK
    and their text; `triggers` are those that may change or skip rows. `may_keep_rows` says that a DELETE may leave rows
    where they are: by a trigger, a rule or row security; `fills_new_rows` that triggers may give new ones what a file
    lacks. `gives_way` says that SQLite takes rows away, without a word, that are in the way of another one by a unique
    constraint (ON CONFLICT REPLACE), unless a statement says ABORT. `missing_rights` are of SELECT, INSERT, UPDATE,
    DELETE, TEMPORARY (for the database) and USAGE (for the schema).
    """

    schema: str | None
    name: str
    quoted: str
    kind: TableKind
    columns: Mapping[str, ColumnFacts]
    unique: tuple[IndexFacts, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    referrers: tuple[ForeignKey, ...] = ()
    constraints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    checks: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    triggers: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    row_security: bool = False
    may_keep_rows: bool = False
    fills_new_rows: bool = False
    gives_way: bool = False
    missing_rights: tuple[str, ...] = ()
    partitions: int = 0

    @property
    def inherited(self) -> bool:
        """Whether rows of other tables are seen in this one, of which its unique indexes know nothing (INHERITS)."""
        return self.kind == "table" and self.partitions > 0
