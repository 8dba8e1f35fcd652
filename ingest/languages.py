"""The languages that there are, and messages in them: owns the catalogues beside it, one file a language.

English needs none. A catalogue is loaded when somebody asks for its language, and not before.
"""

from __future__ import annotations

import re
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENGLISH: Final = "en"
CATALOGUES: Final = Path(__file__).parent / "locale"
_PARTS: Final = 8
"""More of a tag name no language that anybody translates into: zh-Hans-CN has three."""
_LONGEST: Final = 1000
"""So much of an `Accept-Language` field is looked at: anybody may send hundreds of kB, and a browser sends 100 B."""
_LOCALE_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
_RANGE: Final = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*[qQ]\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
"""A language range with its weight (RFC 9110, 12.5.4); what is none is passed over."""


class Catalogue(GNUTranslations):
    """The messages of one language."""

    _catalog: dict[str | tuple[str, int], str]

    def forms(self) -> dict[str, tuple[str, ...]]:
        """Return the translations of each message by its English text, of one with a plural by its singular.

        Those with a plural have all their forms, in the order of the language's rule.
        """
        found: dict[str, list[str]] = {}
        for key, text in self._catalog.items():
            if key:
                found.setdefault(key if isinstance(key, str) else key[0], []).append(text)
        return {key: tuple(texts) for key, texts in found.items()}


@cache
def languages() -> tuple[str, ...]:
    """Return the tags of the languages that there are (RFC 5646), English first."""
    return ENGLISH, *sorted(path.stem.replace("_", "-") for path in CATALOGUES.glob("*.mo"))


@cache
def catalogue(language: str) -> Catalogue | None:
    """Return the catalogue of one of `languages()`, None for English."""
    if language == ENGLISH:
        return None
    with (CATALOGUES / f"{language.replace('-', '_')}.mo").open("rb") as file:
        return Catalogue(file)


def in_language(text: str, language: str) -> str:
    """Say a message in one of `languages()`; whatever the catalogue does not have stays English.

    A plain text is taken for a message without values, as it is where JSON kept it.
    """
    known = catalogue(language)
    return str(text) if known is None else _said(text, known)


def _said(text: str, known: Catalogue) -> str:
    template, values, plural = text.said if isinstance(text, Message) else (text, {}, None)
    if not template:
        return template  # a catalogue has its own header there
    said = known.gettext(template) if plural is None else known.ngettext(template, plural, values["n"])
    if not values:
        return said
    return said.format_map(
        {name: _said(value, known) if isinstance(value, Message) else value for name, value in values.items()}
    )


def find_language(tag: str) -> str | None:
    """Return the language that serves who wants `tag`, None if there is none.

    That is the one of this name, or of the longest beginning of it (RFC 4647, 3.4), or any one whose first part is the
    same: who wants `zh` or `zh-Hans` is served by `zh-CN`.
    """
    known = {language.casefold(): language for language in languages()}
    parts = tag.replace("_", "-").casefold().split("-")[:_PARTS]
    for end in range(len(parts), 0, -1):
        if (found := known.get("-".join(parts[:end]))) is not None:
            return found
    return next((language for folded, language in known.items() if folded.split("-")[0] == parts[0]), None)


def best_language(accept_language: str | None) -> str:
    """Return the language that an `Accept-Language` field asks for most, of those that there are; else English."""
    return _first(tag for tag in _wanted(accept_language or ""))


def _wanted(accept_language: str) -> list[str]:
    ranges = [match for item in accept_language[:_LONGEST].split(",") if (match := _RANGE.fullmatch(item))]
    weighed = [(float(match[2] or 1), match[1]) for match in ranges]
    return [tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight]


def locale_language(environ: Mapping[str, str]) -> str:
    """Return the language of the locale that an environment names: by LC_ALL, else LC_MESSAGES, else LANG."""
    named = next((value for name in _LOCALE_VARIABLES if (value := environ.get(name))), "")
    return _first([re.split(r"[.@]", named)[0]])


def _first(tags: Iterable[str]) -> str:
    return next((found for tag in tags if (found := find_language(tag)) is not None), ENGLISH)
