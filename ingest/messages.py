"""What is said to people, in English and with what it takes to say it otherwise: knows no language but English."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, reduce
from typing import Any, Final, Self

Values = Mapping[str, Any]
Said = tuple[str, Values, str | None]
"""A template, its values, and the template for many; the value `n` decides between the two."""


class Message(str):
    """An English text that knows the template and the values it was made from; everything else takes it for a `str`.

    Values are texts and numbers, which stay as they are in every language, and other messages.
    """

    # Of its own, and not in a tuple: a file may have hundreds of thousands of faulty cells, and each object is one more
    # that the garbage collector looks at.
    __slots__ = ("_plural", "_template", "_values")
    _template: str
    _values: Values
    _plural: str | None

    def __new__(cls, text: str, template: str, values: Values, plural: str | None = None) -> Self:
        """Return the text with what it was made from."""
        message = super().__new__(cls, text)
        message._template, message._values, message._plural = template, values, plural
        return message

    @property
    def said(self) -> Said:
        """What it was made from."""
        return self._template, self._values, self._plural

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, Values, str | None]]:
        """Survive pickling: on the way out of a worker a message stays one."""
        return type(self), (str(self), *self.said)


_NUMBER: Final = "[0-9]+"
_KEPT: Final = frozenset((str, int, float, Message))
"""Types of values that are kept as they are; others are kept as the text that they are shown as."""


def say(template: str, /, **values: Any) -> Message:
    """Return a message; `{name}` in the template stands for a value. Without values the template is the text.

    Templates are literals where this is called: `make messages` finds them there.
    """
    if not values:
        return Message(template, template, values)
    for name, value in values.items():
        if type(value) not in _KEPT:
            values[name] = said_by(value) if isinstance(value, Exception) else str(value)
    return Message(template.format_map(values), template, values)


def said_by(error: BaseException) -> str:
    """Return what an error says: the message that it was raised with, if it was one."""
    said = error.args[0] if error.args else None
    return said if isinstance(said, Message) else str(error)


def say_n(singular: str, plural: str, n: int, /, **values: Any) -> Message:
    """Return a message that is another for one thing than for many; `{n}` in its templates is the number."""
    said = say(singular if n == 1 else plural, n=n, **values)
    return Message(said, singular, said.said[1], plural)


def either(texts: Iterable[str]) -> str:
    """Return texts of which one is meant: `a or b or c`."""
    return reduce(lambda one, other: say("{one} or {other}", one=one, other=other), texts)


def in_a_row(texts: Iterable[str]) -> str:
    """Return texts one after the other: `a; b; c`."""
    return reduce(lambda one, other: say("{one}; {other}", one=one, other=other), texts)


def recognised(text: str, templates: Iterable[Message], nested: Callable[[str], str] = str) -> str:
    """Return the message that a text was, if it was made by one of these templates; else the text itself.

    The first one that fits is taken. Templates are messages that were made by `say` without values, or by `say_n` with
    any. A value called `reason` is a message of its own, which `nested` makes of it.
    """
    for template in templates:
        singular, _, plural = template.said
        for form in (singular,) if plural is None else (singular, plural):
            if (match := _form(form).fullmatch(text)) is not None:
                values: dict[str, Any] = {
                    name: nested(value) if name == "reason" else value for name, value in match.groupdict().items()
                }
                return say(singular, **values) if plural is None else _recognised_n(singular, plural, values)
    return text


def _recognised_n(singular: str, plural: str, values: dict[str, Any]) -> str:
    number = values.pop("n")
    return say_n(singular, plural, int(number), **values)


@cache
def _form(template: str) -> re.Pattern[str]:
    """Return what fits the texts of a template."""
    parts = re.split(r"\{(\w+)\}", template)
    named = [
        re.escape(part) if place % 2 == 0 else rf"(?P<{part}>{_NUMBER if part == 'n' else '.+'})"
        for place, part in enumerate(parts)
    ]
    return re.compile("".join(named), re.DOTALL)


def within(message: str, length: int) -> str:
    """Return a message that is no longer than so many characters; one that had to be cut stays English."""
    return message if len(message) <= length else message[:length]


def as_json(text: str) -> list[Any] | None:
    """Return what JSON keeps of a message beside its text; None where the text says it all.

    That is so for a plain text, and for a message without values: its text is the template.
    """
    if isinstance(text, Message) and text.said[1]:
        return _as_json(text)
    return None


def _as_json(message: Message) -> list[Any]:
    template, values, plural = message.said
    kept = {name: _as_json(value) if isinstance(value, Message) else value for name, value in values.items()}
    return [template, kept] if plural is None else [template, kept, plural]


def from_json(kept: list[Any]) -> Message:
    """Return the message of which `as_json` kept this."""
    template, values, *plural = kept
    known: dict[str, Any] = {
        name: from_json(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return say_n(template, plural[0], known.pop("n"), **known) if plural else say(template, **known)
