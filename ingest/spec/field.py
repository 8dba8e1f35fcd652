"""One declared field: owns its keys, its type and the limits on its values; knows nothing of columns or Arrow."""

from __future__ import annotations

import re
from collections.abc import Callable  # named in an annotation that is read at run time
from datetime import date, datetime, time, timedelta
from decimal import MAX_PREC, Context, Decimal, InvalidOperation
from typing import Annotated, Final, Literal, Self, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, field_validator, model_validator
from pydantic import Field as Key
from pydantic_core import PydanticCustomError

from .date_form import form_problem
from .model import Model
from .reference import Lookup, Reference, References

Kind = Literal["string", "integer", "number", "decimal", "boolean", "date", "datetime", "time", "duration"]

EXCEL_SERIAL: Final = "excel_serial"
"""Among the formats of a date: a plain number counts the days since 1899-12-30, as Excel does."""

MAX_PRECISION: Final = 38
"""Digits that a decimal may have: the width of Arrow's decimal128."""

_EXACT: Final = Context(prec=MAX_PREC)
"""Of its own, so that no value depends on what others have set."""
_DECIMAL: Final = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
NUMERIC: Final = frozenset({"integer", "number", "decimal"})
_DATED: Final = frozenset({"date", "datetime", "time"})
_ORDERED: Final = NUMERIC | _DATED | {"duration"}
_FILLED: Final = NUMERIC | {"string", "boolean"}
"""Kinds of which there is a value that stands for nothing: an empty text, zero, false."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_texts(value: object) -> object:
    return [_as_text(item) for item in value] if isinstance(value, (list, tuple)) else value


def _bound(value: object) -> object:
    return None if value is None else str(value)


def _value_as_text(value: object) -> object:
    return _as_text(value) if isinstance(value, (bool, int, float)) else value


def _compiling(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise PydanticCustomError("pattern", "not a regular expression: {error}", {"error": str(error)}) from error
    return value


Negative = Literal["minus", "trailing", "parentheses"]
"""How a text says that a number is below zero: `-5`, `5-`, `(5)`."""

Negatives = Annotated[tuple[Negative, ...], BeforeValidator(_listed), Key(min_length=1)]
"""One of these forms, or a list of them."""

Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One string, or a list of them."""

Regex = Annotated[str, AfterValidator(_compiling)]
"""A regular expression of Python's `re`."""


class FieldType(Model):
    """The type of a field; `precision` and `scale` are those of `decimal(precision,scale)`."""

    kind: Kind
    precision: int | None = None
    scale: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if match := _DECIMAL.fullmatch(value.strip()):
            return {"kind": "decimal", "precision": int(match[1]), "scale": int(match[2])}
        if value.startswith("decimal(") and ")" not in value:
            # YAML within braces takes the comma for the end of the value.
            raise PydanticCustomError(
                "field_type", "{value} is cut at its comma; put the type in quotes", {"value": repr(value)}
            )
        if value == "decimal" or value not in get_args(Kind):
            raise PydanticCustomError(
                "field_type",
                "{value} is not a type; use one of {names}",
                {"value": repr(value), "names": ", ".join(get_args(Kind)).replace("decimal", "decimal(18,2)")},
            )
        return {"kind": value}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind != "decimal":
            return self
        if self.precision is None or self.scale is None:
            raise PydanticCustomError("decimal_digits", "a decimal needs its digits, as in decimal(18,2)")
        if not (1 <= self.precision <= MAX_PRECISION and self.scale <= self.precision):
            message = "decimal(precision,scale) needs 1 <= precision <= 38 and scale <= precision"
            raise PydanticCustomError("decimal_digits", message)
        return self

    def __str__(self) -> str:
        """Render as it is written in YAML."""
        return self.kind if self.precision is None else f"{self.kind}({self.precision},{self.scale})"


def bound_value(text: str, field_type: FieldType) -> object:
    """Return a bound or an allowed value as written in the specification, as a value of the field's type.

    Durations are written in seconds.

    Raises:
        ValueError: it is none.

    """
    kind = field_type.kind
    if kind == "decimal":
        try:
            value = Decimal(text)
        except InvalidOperation as error:
            raise ValueError(text) from error
        if not value.is_finite():
            raise ValueError(text)
        return value
    if kind == "boolean" and text not in ("true", "false"):
        raise ValueError(text)
    return _READERS[kind](text)


_READERS: Final[dict[str, Callable[[str], object]]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": lambda text: text == "true",
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "duration": lambda text: timedelta(seconds=float(text)),
}


class Constraints(Model):
    """The limits on the values of a field. Bounds are kept as written, and read in the field's own type."""

    required: bool = False
    unique: bool = False
    minimum: Annotated[str | None, BeforeValidator(_bound)] = None
    maximum: Annotated[str | None, BeforeValidator(_bound)] = None
    min_length: int | None = Key(default=None, ge=0, alias="minLength")
    max_length: int | None = Key(default=None, ge=0, alias="maxLength")
    pattern: Regex | None = None
    enum: Annotated[tuple[str, ...], BeforeValidator(_as_texts)] | None = None


class Field(Model):
    """One column of the target table, and how its values are found and read in the sheet.

    `empty` is what an empty cell is loaded as, as written; None for NULL.
    """

    name: str = Key(min_length=1, max_length=63)
    type: FieldType
    header: Texts = ()
    id: bool = False
    constraints: Constraints = Constraints.model_construct()
    decimal_char: str = Key(default=".", min_length=1, max_length=1, alias="decimalChar")
    group_char: str | None = Key(default=None, min_length=1, max_length=1, alias="groupChar")
    currency: Literal["strip"] | None = None
    percent: Literal["fraction"] | None = None
    negative: Negatives = ("minus",)
    format: Texts = ()
    true_values: Texts = Key(default=("true", "1"), alias="trueValues")
    false_values: Texts = Key(default=("false", "0"), alias="falseValues")
    on_error: Literal["reject_row", "null_value"] = Key(default="reject_row", alias="onError")
    timezone: str | None = None
    empty: Annotated[str | None, BeforeValidator(_value_as_text)] = None
    references: References | None = None
    lookup: Lookup | None = None

    @field_validator("format")
    @classmethod
    def _are_forms(cls, value: Texts) -> Texts:
        for form in value:
            try:
                datetime.strptime("", form)  # noqa: DTZ007  # only the form is looked at
            except re.error:
                raise PydanticCustomError("format", "{form} has a part twice", {"form": form}) from None
            except ValueError as error:
                if form != EXCEL_SERIAL and "does not match" not in str(error):
                    raise PydanticCustomError("format", "{error}", {"error": str(error)}) from None
        return value

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise PydanticCustomError(
                "timezone", "{value} is no time zone; write one as Asia/Shanghai", {"value": value}
            )
        return value

    @property
    def parent(self) -> Reference | None:
        """The column of another table that must have the field's values, if one is declared."""
        return self.lookup or self.references

    @property
    def labels(self) -> tuple[str, ...]:
        """The titles under which the column may stand in the sheet; without any, the field's own name."""
        return self.header or (self.name,)

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        kind = self.type.kind
        limits = self.constraints
        numeric = self.decimal_char != "." or self.group_char or self.currency or self.percent
        used = bool(numeric) or self.negative != ("minus",)
        self._only(NUMERIC, "decimalChar, groupChar, currency, percent and negative", used=used)
        self._only(_DATED, "format", used=bool(self.format))
        self._only({"string", "integer"}, "id", used=self.id)
        bounded = limits.minimum is not None or limits.maximum is not None
        self._only(_ORDERED, "minimum and maximum", used=bounded)
        textual = limits.min_length is not None or limits.max_length is not None or limits.pattern is not None
        self._only({"string"}, "minLength, maxLength and pattern", used=textual)
        self._only({"date", "datetime"}, "timezone", used=self.timezone is not None)
        self._only(_FILLED, "empty", used=self.empty is not None)
        self._bounds_are_values()
        self._has_one_parent()
        self._fills_what_may_be_empty()
        if self.decimal_char == self.group_char:
            raise PydanticCustomError("characters", "decimalChar and groupChar are the same")
        if self.on_error == "null_value" and limits.required:
            raise PydanticCustomError("on_error", "onError: null_value contradicts constraints.required")
        if EXCEL_SERIAL in self.format and kind == "time":
            raise PydanticCustomError("format", "excel_serial is a format of date and datetime")
        for form in self.format:
            if form != EXCEL_SERIAL and (problem := form_problem(form, kind)):
                raise PydanticCustomError("format", problem, {"form": form})
        return self

    def _has_one_parent(self) -> None:
        if self.references is not None and self.lookup is not None:
            raise PydanticCustomError("reference", "references and lookup are both given; keep lookup, it checks too")
        if self.lookup is not None and self.lookup.gives is None:
            raise PydanticCustomError("lookup", "lookup gives no column; write shops.code -> shops.id")
        if self.references is not None and self.references.gives is not None:
            raise PydanticCustomError("reference", "references gives a column; write lookup: shops.code -> shops.id")

    def _fills_what_may_be_empty(self) -> None:
        if self.empty is not None and self.constraints.required:
            raise PydanticCustomError("empty", "empty contradicts constraints.required; keep one of them")
        if self.empty is not None and self.lookup is not None:
            raise PydanticCustomError("empty", "a field with lookup has no empty: nothing is looked up for it")

    def _bounds_are_values(self) -> None:
        limits = self.constraints
        exact = (self.empty, *(limits.enum or ()))
        for text in (limits.minimum, limits.maximum, *exact):
            if text is None:
                continue
            try:
                value = bound_value(text, self.type)
            except (ValueError, OverflowError) as error:
                raise PydanticCustomError(
                    "bound", "{text} is no {kind}", {"text": repr(text), "kind": str(self.type)}
                ) from error
            if isinstance(value, Decimal) and text in exact and not self._holds(value):
                raise PydanticCustomError("bound", "{text} does not fit the type", {"text": repr(text)})

    def _holds(self, value: Decimal) -> bool:
        precision, scale = self.type.precision or 0, self.type.scale or 0
        exponent = _EXACT.normalize(value).as_tuple().exponent
        return isinstance(exponent, int) and -exponent <= scale and value.copy_abs() < 10 ** (precision - scale)

    def _only(self, kinds: frozenset[str] | set[str], keys: str, *, used: bool) -> None:
        if used and self.type.kind not in kinds:
            raise PydanticCustomError(
                "field_keys",
                "{keys} apply to {kinds} fields, not to {kind}",
                {"keys": keys, "kinds": ", ".join(sorted(kinds)), "kind": self.type.kind},
            )
