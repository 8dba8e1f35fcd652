"""The other table that a field refers to, and the value that it gives: as written; knows no databases."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator
from pydantic import Field as Key
from pydantic_core import PydanticCustomError

from .model import Model

TABLE_NAME: Final = r"^[^.]{1,63}(\.[^.]{1,63})?$"
"""A table, as `table` or `schema.table`."""

_QUOTES: Final = ('"', "`")

_COLUMN: Final = re.compile(r"\s*(?P<table>[^.]+(?:\.[^.]+)?)\.(?P<field>[^.]+?)\s*")
_ARROW: Final = "->"


def _without_quotes(table: str) -> str:
    """Refuse a name as SQL would write it: it is taken as it stands, and quoted wherever it goes."""
    parts = table.split(".")
    if not any(len(part) > 1 and part.startswith(_QUOTES) and part[0] == part[-1] for part in parts):
        return table
    meant = ".".join(part.strip("".join(_QUOTES)) for part in parts)
    raise PydanticCustomError("quoted_name", "names are written without quotes; write {name}", {"name": meant})


TableName = Annotated[str, Key(pattern=TABLE_NAME), AfterValidator(_without_quotes)]
"""A table as it is called, with its schema before a dot; capitals and spaces need no quotes."""


class Reference(Model):
    """A column of another table that must have the field's value; `gives` is the column that is loaded instead."""

    table: TableName
    field: str = Key(min_length=1, max_length=63)
    gives: str | None = Key(default=None, min_length=1, max_length=63)


def _column(text: str) -> dict[str, Any]:
    found = _COLUMN.fullmatch(text)
    return found.groupdict() if found else {}


def _read_reference(value: object) -> object:
    """Read `shops.code`, which is short for a table and its field."""
    if not isinstance(value, str):
        return value
    if found := _column(value):
        return found
    raise PydanticCustomError("reference", "{text} names no column of a table; write shops.code", {"text": repr(value)})


def _read_lookup(value: object) -> object:
    """Read `shops.code -> shops.id`; the second table may be left out."""
    if not isinstance(value, str):
        return value
    left, _, right = value.partition(_ARROW)
    sought, given = _column(left), right.strip()
    if sought and given:
        found = _column(given) or {"table": sought["table"], "field": given}
        if found["table"] == sought["table"] and "." not in found["field"]:
            return {**sought, "gives": found["field"]}
    raise PydanticCustomError(
        "lookup", "{text} is no lookup within one table; write shops.code -> shops.id", {"text": repr(value)}
    )


References = Annotated[Reference, BeforeValidator(_read_reference)]
"""A reference as keys, or as `shops.code`."""

Lookup = Annotated[Reference, BeforeValidator(_read_lookup)]
"""A reference that gives another column, as `shops.code -> shops.id`."""
