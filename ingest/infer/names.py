"""Names of fields, tables and datasets from titles in any script: readable, the same each time, never twice."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from anyascii import anyascii

if TYPE_CHECKING:
    from collections.abc import Collection

_LENGTH: Final = 60
_SIGNS: Final = {"#": "no", "%": "percent", "°": "", "º": "", "&": " and ", "@": " at ", "€": " eur ", "$": " usd "}
_SYLLABLES: Final = re.compile(r"[\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]")
_SYSTEM_COLUMNS: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "rowid"})
"""Names that every table of PostgreSQL or SQLite has for itself."""


def identifier(title: str) -> str:
    """Return a title as a column name, in Latin letters (Chinese by its pinyin); nothing if it has no word."""
    text = unicodedata.normalize("NFKC", title)
    words = _words(text) or _words("".join(_SIGNS.get(character, character) for character in text))
    name = "_".join(words)[:_LENGTH].strip("_")
    if name[:1].isdigit():
        return f"n_{name}"
    return f"{name}_" if name in _SYSTEM_COLUMNS else name


def _words(text: str) -> list[str]:
    spaced = _SYLLABLES.sub(lambda match: f" {match[0]} ", text.replace("°", "").replace("º", ""))
    # Signs are left out: they would be spelled.
    latin = anyascii("".join(one for one in spaced if one.isascii() or unicodedata.category(one)[0] in "LMN"))
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", latin).lower())


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return the name, with the first number from 2 on that makes it none of those that are taken."""
    number, unique = 2, name
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


def dataset_name(stem: str) -> str:
    """Return a file's name as that of a dataset, in its own script."""
    text = unicodedata.normalize("NFKC", stem).casefold()
    legal = "".join(one if unicodedata.category(one)[0] in "LM" or one.isdecimal() else " " for one in text)
    return "_".join(legal.split())[:_LENGTH].strip("_") or "sample"


def file_glob(stem: str) -> str:
    """Return a glob for a file and those after it: its stem without a date or number behind it."""
    behind = re.search(r"[\s_.()\d-]*+$", stem)
    bare = stem[: behind.start()] if behind and re.search(r"\d", behind[0]) else stem
    kept = bare if len(re.findall(r"\w", bare)) > 1 else stem
    return re.sub(r"([*?[])", r"[\1]", kept) + "*"
