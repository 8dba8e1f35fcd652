"""Which columns of PostgreSQL take which fields without loss, and how: decides by types alone, sees no rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..messages import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..spec.field import Field
    from .facts import ColumnFacts

WHOLE_DIGITS: Final = {"float4": 2**24, "float8": 2**53}
"""Up to here a float holds every whole number."""

MICROSECONDS: Final = 6
_TEXTS: Final = frozenset({"text", "varchar", "bpchar", "citext"})
_INTEGERS: Final = frozenset({"int2", "int4", "int8"})
_CUTS_TEXTS: Final = frozenset({"name", "char"})
"""Types that silently cut what is too long for them."""
_OWN_FORMS: Final = frozenset(
    {*_INTEGERS, "float4", "float8", "numeric", "money", "bool", "date", "timestamp", "timestamptz", "time", "timetz"}
    | {"interval", "oid"}
)
"""Types whose values have fields of their own kind: a text may lose zeros, or mean another day."""

_ROUNDED: Final = frozenset({"numeric", "timestamp", "timestamptz", "time", "timetz", "interval"})
"""Types whose values are rounded to what a column of them declares."""
_FLOAT_RANGES: Final = {"float4": ("1.2e-38", "3.402e38"), "float8": ("2.3e-308", "1.797e308")}
"""Between which absolute values a float holds a number with all of its digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How values get into a column.

    `stage` is the type under which they are staged; `exact`, where there is one, a condition on a staged value (`{0}`)
    that holds if the column keeps all of it.
    """

    stage: str
    exact: str | None = None


class UnfitError(Exception):
    """A column cannot take the values of a field; the message says what to change."""


def fit(field: Field, column: ColumnFacts) -> Fit:
    """Return how the field's values get into the column.

    Raises:
        UnfitError: they would be changed on the way.

    """
    if column.base in _TEXTS or (field.type.kind == "string" and column.base not in _OWN_FORMS | _CUTS_TEXTS):
        found = _array(column) if column.category == "A" else Fit(stage=column.declared)
    else:
        found = _KINDS[field.type.kind](field, column)
    if found is None:
        raise UnfitError(
            say(
                "column {name} is {declared}, which cannot hold values of type {type} without loss; {remedy}",
                name=column.name,
                declared=column.declared,
                type=field.type,
                remedy=_remedy(field, column),
            )
        )
    return found


def _array(column: ColumnFacts) -> Fit | None:
    """Return how texts get into an array; where its elements would be rounded, by way of such as are not."""
    element = column.base.removeprefix("_")
    if element in _CUTS_TEXTS | {"money"}:
        return None
    if element in _FLOAT_RANGES:
        least, most = _FLOAT_RANGES[element]
        small = f"SELECT FROM unnest({{0}}) AS e WHERE e <> 0 AND abs(e) < {least}"
        # A cast of what is out of range fails its whole statement: the write finds each such row by itself.
        large = f"SELECT FROM unnest({{0}}) AS e WHERE abs(e) > {most} AND e::text !~ '[a-z]'"
        kept = f"{{0}}::{column.cast}::text[]::numeric[] = {{0}}"
        exact = f"CASE WHEN EXISTS ({small}) THEN false WHEN EXISTS ({large}) THEN true ELSE {kept} END"
        return Fit(stage="numeric[]", exact=exact)
    if element == "date":
        return Fit(stage="timestamp[]", exact="{0}::date[]::timestamp[] = {0}")
    if column.modifier < 0 or element not in _ROUNDED:
        return Fit(stage=column.declared)
    if element == "numeric":
        rounded = f"SELECT FROM unnest({{0}}) AS e WHERE round(e, {numeric_size(column.modifier)[1]}) <> e"
        return Fit(stage=column.cast, exact=f"NOT EXISTS ({rounded})")
    return Fit(stage=column.cast, exact=f"{{0}}::{column.declared}::{column.cast} = {{0}}")


def _remedy(field: Field, column: ColumnFacts) -> str:
    zoned = column.base == "timestamptz"
    if field.type.kind == "datetime" and column.base in ("timestamp", "timestamptz"):
        return (
            say("declare the timezone of the field")
            if zoned
            else say("take the timezone off the field, or change the column")
        )
    if column.base in _NATURAL:
        return say("declare the field as {type}, or change the column", type=natural_type(column))
    return say("change the column or the field's type")


def _integer(field: Field, column: ColumnFacts) -> Fit | None:
    if column.base in _INTEGERS or column.base == "money":
        return Fit(stage=column.declared)
    if column.base in WHOLE_DIGITS:
        limit = WHOLE_DIGITS[column.base]
        return Fit(stage="bigint", exact=f"{{0}} BETWEEN -{limit} AND {limit}")
    return _decimal(field, column)


def _decimal(field: Field, column: ColumnFacts) -> Fit | None:
    scale = field.type.scale or 0
    if column.base in _INTEGERS and not scale:
        return Fit(stage=column.declared)
    if column.base != "numeric" or (column.modifier >= 0 and numeric_size(column.modifier)[1] < scale):
        return None
    return Fit(stage=column.declared)


def _number(_: Field, column: ColumnFacts) -> Fit | None:
    if column.base == "float8" or (column.base == "numeric" and column.modifier < 0):
        return Fit(stage=column.declared)
    if column.base == "float4":
        # As many digits as the column shows: 0.1 is 0.1 there too, 0.123456789 is not.
        exact = "CASE WHEN {0} = 0 OR abs({0}) BETWEEN 1.2e-38 AND 3.4e38 THEN {0}::real::text::float8 = {0} END"
        return Fit(stage="double precision", exact=f"coalesce({exact}, false)")
    return None


def _boolean(_: Field, column: ColumnFacts) -> Fit | None:
    return Fit(stage=column.declared) if column.base == "bool" else None


def _date(_: Field, column: ColumnFacts) -> Fit | None:
    return Fit(stage=column.declared) if column.base in ("date", "timestamp") else None


def _datetime(field: Field, column: ColumnFacts) -> Fit | None:
    base = "timestamp" if field.timezone is None else "timestamptz"
    return _moment(base, column)


def _time(_: Field, column: ColumnFacts) -> Fit | None:
    return _moment("time", column)


def _moment(base: str, column: ColumnFacts) -> Fit | None:
    if column.base != base:
        return None
    if not 0 <= column.modifier < MICROSECONDS:
        return Fit(stage=column.declared)
    return Fit(stage=column.cast, exact=f"{{0}}::{column.declared} = {{0}}")


def _duration(_: Field, column: ColumnFacts) -> Fit | None:
    if column.base != "interval":
        return None
    if column.modifier < 0:
        return Fit(stage=column.declared)
    return Fit(stage=column.cast, exact=f"{{0}}::{column.declared} = {{0}}")


_KINDS: Final[dict[str, Callable[[Field, ColumnFacts], Fit | None]]] = {
    "string": lambda _field, _column: None,
    "integer": _integer,
    "decimal": _decimal,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "duration": _duration,
}

_NATURAL: Final = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "float4": "number",
    "float8": "number",
    "numeric": "decimal(38,10)",
    "bool": "boolean",
    "date": "date",
    "timestamp": "datetime",
    "timestamptz": "datetime",
    "time": "time",
    "interval": "duration",
}


def natural_type(column: ColumnFacts) -> str:
    """Return the type of field whose values the column holds as they are."""
    if column.base == "numeric" and column.modifier >= 0:
        precision, scale = numeric_size(column.modifier)
        return f"decimal({min(precision, 38)},{max(scale, 0)})" if scale else "integer"
    return _NATURAL.get(column.base, "string")


def numeric_size(modifier: int) -> tuple[int, int]:
    """Return precision and scale of a `numeric`, from the catalogue's one number for both (numeric.c)."""
    return (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4 & 0x7FF) ^ 1024) - 1024


def text_length(column: ColumnFacts) -> int | None:
    """Return how many characters a text column holds; None for any number."""
    return column.modifier - 4 if column.base in ("varchar", "bpchar") and column.modifier >= 0 else None
