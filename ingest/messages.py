"""What is said to people, in English and with what it takes to say it otherwise: knows no language but English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

Values = Mapping[str, Any]
Said = tuple[str, Values, str | None]
"""A template, its values, and the template for many; the value `n` decides between the two."""


class Message(str):
    """An English text that knows the template and the values it was made from; everything else takes it for a `str`.

    Values are texts and numbers, which stay as they are in every language, and other messages.
    """

    __slots__ = ("said",)
    said: Said

    def __new__(cls, text: str, said: Said) -> Self:
        """Return the text with what it was made from."""
        message = super().__new__(cls, text)
        message.said = said
        return message

    def __reduce__(self) -> tuple[type[Self], tuple[str, Said]]:
        """Survive pickling: on the way out of a worker a message stays one."""
        return type(self), (str(self), self.said)


def say(template: str, /, **values: Any) -> Message:
    """Return a message; `{name}` in the template stands for a value. Without values the template is the text.

    Templates are literals where this is called: `make messages` finds them there.
    """
    return Message(template.format_map(values) if values else template, (template, values, None))


def say_n(singular: str, plural: str, n: int, /, **values: Any) -> Message:
    """Return a message that is another for one thing than for many; `{n}` in its templates is the number."""
    values["n"] = n
    return Message((singular if n == 1 else plural).format_map(values), (singular, values, plural))


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
