"""How values of one column are compared: by its type's own equality, or so that all that a person sees counts.

Builds conditions for both databases, knows no rows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .facts import ColumnFacts

_PLAIN: Final = frozenset(
    {"int2", "int4", "int8", "numeric", "float4", "float8", "money", "oid", "bool", "uuid", "bytea", "bit", "varbit"}
    | {"date", "time", "timetz", "timestamp", "timestamptz", "inet", "cidr", "macaddr", "macaddr8", "jsonb", "name"}
)
"""Types of PostgreSQL of which equal values are one value to a person: a number is the same with more zeros behind it.

An interval is not among them: a month equals 30 days.
"""
_TEXTS: Final = frozenset({"text", "varchar"})
_POLYMORPHIC: Final = frozenset("AERC")
"""Categories of types (arrays, enums, ranges, composites) whose one operator is the database's own."""
_SCHEMA: Final = re.compile(r'("(?:[^"]|"")+"|[^".]+)\.')


def equal(column: ColumnFacts, left: str, right: str, other: ColumnFacts | None = None) -> str:
    """Return the condition that two values of a column are equal by its type, as its unique index has them.

    `other` is the column whose type the right one has, where that may be another: the database finds what compares it.
    """
    if column.builtin or (other is not None and other.cast != column.cast):
        return f"{left} = {right}"
    if column.category == "E":
        # A domain over an enum has no operator, while its enum has.
        return f"{left}::{column.cast} = {right}::{column.cast}"
    # A type is written with its schema where that is not in the search path; its operators are not found either then.
    schema = None if column.category in _POLYMORPHIC else _SCHEMA.match(column.cast)
    return f"{left} = {right}" if schema is None else f"{left} OPERATOR({schema[1]}.=) {right}"


def differs(column: ColumnFacts, old: str, new: str, dialect: str) -> str:
    """Return the condition that two values of a column are not the same to a person who looks at them."""
    if dialect == "sqlite":
        # By itself it compares by the collation of the column, for which a word in another case may be the same.
        return f"{old} COLLATE BINARY IS NOT {new}"
    if column.category == "E":
        cast = "" if column.declared == column.cast else f"::{column.cast}"
        return f"{old}{cast} IS DISTINCT FROM {new}{cast}"
    if column.base in _PLAIN or (column.base in _TEXTS and not column.loose):
        return f"{old} IS DISTINCT FROM {new}"
    return f'{old}::text COLLATE "C" IS DISTINCT FROM {new}::text COLLATE "C"'
