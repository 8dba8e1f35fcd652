"""The page says nothing past its catalogue: its scripts speak by `t`, `tn` and `parts`, its HTML by `t`."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from import_graph import ROOT
from script_texts import Literal, literals

STATIC = ROOT / "daemon" / "api" / "page" / "static"
SPEAKERS = {"t", "tn", "parts"}
HEARD = {"aria-label", "aria-description", "title", "alt", "placeholder", "data-label", "data-empty"}
NEVER_HEARD = {"class", "style", "sizes", "d"}
CHILD = 2
"""From this argument on, `h(tag, attributes, …)` has what is shown."""
SENTENCE = re.compile(r"[A-Za-z]{2,}[,;:.]? +[A-Za-z]|^[A-Z][a-z]+ $|[a-z]{2,} *[.:;,!…] *$|^ +[a-z]{2,}| [a-z]{2,} *$")
"""What looks like words, or a part of them, rather than like a name of the API, of an attribute or of a key."""
NAMES = re.compile(r"Headgate| · Headgate|\S+/\S*")


def past_the_catalogue(source: str) -> list[str]:
    """Return the texts of a script that a person would meet though they are not given to a speaker."""
    return [one.text for one in literals(source) if one.call not in SPEAKERS and is_said(one)]


def is_said(one: Literal) -> bool:
    if one.is_name or one.key in NEVER_HEARD or NAMES.fullmatch(one.text) or not re.search("[A-Za-z]{2}", one.text):
        return False
    shown = one.call in {"h", "announce"} and one.argument >= (CHILD if one.call == "h" else 0)
    return shown or one.key in HEARD or bool(SENTENCE.search(one.text))


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_scripts_say_nothing_past_the_catalogue(script: Path) -> None:
    assert past_the_catalogue(script.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('h("p", {}, "Columns")', ["Columns"]),
        ('h("p", { "aria-label": "Columns" }, t("Columns"))', ["Columns"]),
        ("announce(`${n} rows are there`)", [" rows are there"]),
        ("h('p', {}, found && `Job ${`number ${id}`}`)", ["Job ", "number "]),
        ('const words = found ? "it is there" : t("it is not");', ["it is there"]),
        ('const words = { "same words": t("the same words") };', []),
        ('h("p", { class: "dim wide" }, tn("{n} row", "{n} rows", n), state === "loaded" && other(value))', []),
        ("const id = /^(x)[\"']/.exec(a) / 2; ask(`api/v1/jobs/${id}/rejects?format=json`) // Nobody sees this.", []),
    ],
)
def test_what_is_said_is_told_from_names(source: str, texts: list[str]) -> None:
    assert past_the_catalogue(source) == texts


class Shown(HTMLParser):
    """What of a template is text for people."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self._note(data)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in HEARD:
                self._note(value or "")

    def _note(self, text: str) -> None:
        if re.search("[A-Za-z]{2}", text.replace("Headgate", "")):
            self.texts.append(text.strip())


@pytest.mark.parametrize("page", sorted(STATIC.glob("*.html")), ids=lambda path: path.name)
def test_templates_say_nothing_past_the_catalogue(page: Path) -> None:
    shown = Shown()
    shown.feed(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", page.read_text(encoding="utf-8")))
    assert shown.texts == []
