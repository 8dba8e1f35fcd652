"""Which columns of SQLite take which fields without loss: its declared types turn texts into numbers and back."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from ..messages import say
from .creation import SQLITE_EXACT_DIGITS
from .fit import Fit, UnfitError
from .sqlite_catalogue import affinity

if TYPE_CHECKING:
    from ..spec.field import Field
    from .facts import ColumnFacts

KEEPS_TEXT: Final = "headgate_keeps_text({0}, {1})"
KEEPS_NUMBER: Final = "headgate_keeps_number({0}, {1})"

_NUMBERS: Final = frozenset({"INTEGER", "REAL"})
_NUMBER_NAMES: Final = ("NUMERIC", "DECIMAL", "BOOL", "DATE", "TIME", "MONEY", "NUMBER")


def fit(field: Field, column: ColumnFacts) -> Fit:
    """Return how the field's values get into the column; `exact` compares a staged value with what became of it.

    Raises:
        UnfitError: they would be changed on the way.

    """
    kind, found = field.type.kind, affinity(column.cast)
    if kind == "string" and found not in ("TEXT", "BLOB"):
        if found in _NUMBERS or column.cast.upper().startswith(_NUMBER_NAMES):
            raise UnfitError(
                say(
                    "column {name} is {declared}, which turns texts of digits into numbers and loses their zeros: "
                    "it cannot hold values of type string without loss; declare the field as a number, or the "
                    "column as TEXT",
                    name=column.name,
                    declared=column.declared,
                )
            )
        return Fit(stage="", exact=KEEPS_TEXT)
    long = kind == "decimal" and (field.type.precision or 0) > SQLITE_EXACT_DIGITS
    if (long and found not in ("TEXT", "BLOB")) or (kind == "number" and found == "TEXT"):
        return Fit(stage="", exact=KEEPS_NUMBER)
    return Fit(stage="", exact=KEEPS_NUMBER if kind == "integer" and found == "REAL" else None)


def keeps_text(given: object, kept: object) -> bool:
    """Say whether a column keeps a text as it is."""
    return given is None or (given == kept and isinstance(kept, str)) or (isinstance(kept, int) and str(kept) == given)


def keeps_number(given: object, kept: object) -> bool:
    """Say whether a column keeps all digits of a number."""
    if given is None:
        return True
    try:
        number = Decimal(repr(given) if isinstance(given, float) else str(given))
        return number == Decimal(repr(kept) if isinstance(kept, float) else str(kept)) and not math.isinf(number)
    except InvalidOperation:
        return False
