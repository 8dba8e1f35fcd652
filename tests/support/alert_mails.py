"""The mails of alerts in other languages: owns how their templates are made from the English one and the catalogues.

An alert is told in English, by Prometheus too; a mail says it otherwise. What a rule says, with any value in it, is
known by a pattern, and the template of a language replaces it by what its catalogue has. Words that an operator has
changed match none and stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import yaml

from ingest.languages import ENGLISH as TAG
from ingest.languages import catalogue, languages

ALERTS: Final = Path(__file__).resolve().parents[2] / "alerts"
ENGLISH: Final = ALERTS / "templates" / "headgate.tmpl"
SAID: Final = ("summary", "description", "action")
FACTS: Final = ("target", "last_success", "last_attempt")
_WORD: Final = re.compile(r'(?<=\{\{ )((?:printf "%-\d+s" )?)"([^"]+)"(?= \}\})')
"""A word of the template; those of the text are followed by blanks up to the same place."""
_CONTROL: Final = re.compile(r"\{\{ (?:with|else|end)\b.*?\}\}")
_VALUE: Final = re.compile(r"\{\{ .*?(?:[lL]abels\.)?(\w+)[^\w{}]* ?\}\}")
_PLACEHOLDER: Final = re.compile(r"\{\w+\}")
_SPECIAL: Final = re.compile(r"[.\\+*?()|\[\]{}^$]")

Found = Iterator[tuple[int, str, str, list[str]]]
"""What an extractor of Babel yields: line, function, message, comments."""


def words(file: IO[bytes], *_: object, **__: object) -> Found:
    """Yield the words of the English template, as an extractor of Babel."""
    for _, word in _WORD.findall(file.read().decode()):
        if word != TAG:
            yield 1, "", word, []


def rules(file: IO[bytes], *_: object, **__: object) -> Found:
    """Yield what the rules of a file say, `{name}` for each value, as an extractor of Babel."""
    for kind in (SAID, FACTS):
        for text in _texts(file.read(), kind):
            yield 1, "", text, []
        file.seek(0)


def _texts(content: bytes, kinds: tuple[str, ...]) -> list[str]:
    found: dict[str, None] = {}
    groups: list[dict[str, Any]] = yaml.safe_load(content)["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        for part in (part for kind in kinds for part in _CONTROL.split(rule.get("annotations", {}).get(kind, ""))):
            text = _VALUE.sub(lambda match: f"{{{_name(match)}}}", part)
            if re.search("[a-z]", _PLACEHOLDER.sub("", text)):
                found[text] = None
    return [*found]


def _name(value: re.Match[str]) -> str:
    label = re.search(r"[lL]abels\.(\w+)", value[0])
    return label[1] if label else "value"


def made() -> dict[Path, str]:
    """Return the template of each language but English, by the path of its file."""
    return {
        ENGLISH.with_name(f"headgate.{language.replace('-', '_')}.tmpl"): _in_language(language)
        for language in languages()[1:]
    }


def _in_language(language: str) -> str:
    known = catalogue(language)
    assert known is not None
    name, say = f"headgate.{language.replace('-', '_')}", known.gettext
    width = 1 + max(len(say(word)) for printed, word in _WORD.findall(_english()) if printed)

    def word(found: re.Match[str]) -> str:
        printed = f'printf "%-{width}s" ' if found[1] else ""
        return f'{printed}"{language if found[2] == TAG else say(found[2])}"'

    text = _WORD.sub(word, _english())
    for kind, texts in (("said", SAID), ("fact", FACTS)):
        whole = kind == "said"
        lines = [f"  | {_replacement(text, say(text), whole=whole)}\n" for text in _all_texts(texts)]
        plain = f'{{{{ define "headgate.{kind}" }}}}{{{{ . }}}}{{{{ end }}}}'
        assert plain in text
        text = text.replace(plain, f'{{{{ define "headgate.{kind}" }}}}{{{{ .\n{"".join(lines)}}}}}{{{{ end }}}}')
    return "{{/* Made by `make messages`: change headgate.tmpl and the catalogue. */}}\n\n" + text.replace(
        '"headgate.', f'"{name}.'
    )


def _english() -> str:
    return re.sub(r"\A\{\{/\*.*?\*/\}\}\n+", "", ENGLISH.read_text(encoding="utf-8"), flags=re.DOTALL)


def _all_texts(kinds: tuple[str, ...]) -> list[str]:
    contents = [path.read_bytes() for path in sorted((ALERTS / "rules").glob("*.yml"))]
    return [*dict.fromkeys(text for content in contents for text in _texts(content, kinds))]


def _replacement(english: str, said: str, *, whole: bool) -> str:
    names = [name[1:-1] for name in _PLACEHOLDER.findall(english)]
    pattern = "(.+)".join(_SPECIAL.sub(r"\\\g<0>", part) for part in _PLACEHOLDER.split(english))
    text = said.replace("$", "$$")
    for number, name in enumerate(names, start=1):
        text = text.replace(f"{{{name}}}", f"${{{number}}}")
    return f"reReplaceAll {_quoted(f'^{pattern}$' if whole else pattern)} {_quoted(text)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def write() -> None:
    """Write the templates anew."""
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")
