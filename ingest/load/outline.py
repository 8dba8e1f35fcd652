"""An existing table as a dataset would declare it, from what its database says of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..spec.field import MAX_PRECISION, FieldType
from ..spec.outline import ColumnOutline, TableOutline
from .fit import natural_type, text_length

if TYPE_CHECKING:
    from .facts import ColumnFacts, TableFacts

_SIZE: Final = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_SQLITE_NAMES: Final = (
    ("BOOL", "boolean"),
    ("DATETIME", "datetime"),
    ("TIMESTAMP", "datetime"),
    ("DATE", "date"),
    ("TIME", "time"),
)
"""What declared types mean to those who wrote them; SQLite itself knows only affinities."""
_SQLITE_AFFINITIES: Final = {"INTEGER": "integer", "REAL": "number"}
_SQLITE_NUMBERS: Final = ("DECIMAL", "NUMERIC", "NUMBER")


def outline(table: str, facts: TableFacts, dialect: str) -> TableOutline:
    """Return the outline of a table; columns that take no values are left out."""
    columns = tuple(_column(column, dialect) for column in facts.columns.values() if column.never_written is None)
    known = {column.name for column in columns}
    keys = (
        tuple(name for name in index.columns if name is not None)
        for index in facts.unique
        if index.valid and index.predicate is None and None not in index.columns
    )
    return TableOutline(table=table, columns=columns, keys=tuple(key for key in keys if set(key) <= known))


def _column(column: ColumnFacts, dialect: str) -> ColumnOutline:
    sqlite = dialect == "sqlite"
    kind = _sqlite_type(column) if sqlite else natural_type(column)
    found = FieldType.model_validate(kind)
    size = _SIZE.search(column.declared)
    length = int(size[1]) if sqlite and size and found.kind == "string" else text_length(column)
    return ColumnOutline(
        name=column.name,
        declared=column.declared,
        type=found,
        open=found.kind == "decimal" and (size is None if sqlite else column.modifier < 0),
        required=column.required,
        demanded=column.required and not column.fills_itself,
        zoned=column.base == "timestamptz",
        length=length,
    )


def _sqlite_type(column: ColumnFacts) -> str:
    declared = column.cast.upper()
    for beginning, kind in _SQLITE_NAMES:
        if declared.startswith(beginning):
            return kind
    if declared.startswith(_SQLITE_NUMBERS):
        size = _SIZE.search(declared)
        precision, scale = (int(size[1]), int(size[2] or 0)) if size else (MAX_PRECISION, 10)
        return f"decimal({min(precision, MAX_PRECISION)},{min(scale, precision)})"
    return _SQLITE_AFFINITIES.get(column.category, "string")
