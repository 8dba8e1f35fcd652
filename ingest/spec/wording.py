"""What a pydantic model expects, in a person's words: reason and remedy of an error, and the keys that are known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SHOWN_MAX: Final = 60
"""Characters of a wrong value that are repeated in a message."""

_SUBJECTS: Final = frozenset({"Input", "String", "Tuple", "List", "Value"})

_WHOLE, _NUMBER, _LIST, _KEYS = (
    "write a whole number",
    "write a number",
    "write a list, such as [a, b]",
    "write its keys and values, indented below it",
)
_TEXT, _BOOLEAN = "write a text; put it in quotes if it looks like a number", "write true or false"

_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "add it",
        "unsupported": "remove it",
        "bool_parsing": _BOOLEAN,
        "bool_type": _BOOLEAN,
        "dict_type": _KEYS,
        "finite_number": _NUMBER,
        "float_parsing": _NUMBER,
        "float_type": _NUMBER,
        "greater_than": "use a value above {gt}",
        "greater_than_equal": "use a value of {ge} or more",
        "int_from_float": _WHOLE,
        "int_parsing": _WHOLE,
        "int_type": _WHOLE,
        "less_than": "use a value below {lt}",
        "less_than_equal": "use a value of {le} or less",
        "list_type": _LIST,
        "literal_error": "use {expected}",
        "model_attributes_type": _KEYS,
        "model_type": _KEYS,
        "path_type": "write a path",
        "string_pattern_mismatch": "use a value of that form",
        "string_too_short": "use a longer text",
        "string_too_long": "use a shorter text",
        "string_type": _TEXT,
        "too_short": "add to the list",
        "tuple_type": _LIST,
    }
)


def reason_and_remedy(detail: ErrorDetails) -> tuple[str, str]:
    """Return what is wrong and what to do about it.

    An error of our own says both in its message, with `; ` between them. Only pydantic's own errors repeat the value,
    so that a validator of our own can keep a secret one to itself.
    """
    kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
    if kind == "missing":
        return "required, but missing", _REMEDIES[kind]
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return f"{_shown(detail['input'])} stands where keys with values should", _REMEDIES[kind]
    if kind == "literal_error":
        message = f"{_shown(detail['input'])} is none of the choices"
    subject, should, expected = message.partition(" should ")
    if should and subject in _SUBJECTS:
        expected = expected.partition(", unable to ")[0].partition(" after validation")[0]
        message = f"{_shown(detail['input'])} should {expected}"
    reason, separator, remedy = message.partition("; ")
    if separator:
        return reason, remedy
    template = _REMEDIES.get(kind, "correct the value")
    return reason, template.format(**{name: _plain(value) for name, value in detail.get("ctx", {}).items()})


def keys_at(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys that the model knows at a location, as they are written; none when it has no place for keys."""
    known = _model_at(model, location)
    return tuple(_written(known)) if known else ()


def sections_with(model: type[BaseModel], location: tuple[str | int, ...], key: str) -> dict[str, tuple[str, ...]]:
    """Return the keys at a location below which this one is known, and what else each must have there."""
    known = _model_at(model, location)
    within = {} if known is None else {name: _section_in(field.annotation) for name, field in _written(known).items()}
    return {
        name: tuple(needed for needed, field in _written(section).items() if field.is_required())
        for name, section in within.items()
        if section is not None and key in _written(section)
    }


def _model_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel] | None:
    known: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str) and known is not None:
            annotations = {name: field.annotation for name, field in _written(known).items()}
            known = _model_in(annotations.get(part))
    return known


def _written(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model in `Model`, `Model | None` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model in `Model` or `Model | None`, and in no list of models."""
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    if get_origin(annotation) not in (Union, UnionType):
        return None
    return next((found for part in get_args(annotation) if (found := _section_in(part))), None)


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
