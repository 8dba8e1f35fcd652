"""docs/page.md and its translations call what is on the page as the page itself does in their language."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest
from catalogues import extracted, ids
from documents import CODE, ROOT, language

from ingest.languages import ENGLISH, catalogue

LABEL = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)|“([^”]+)”")


@pytest.mark.parametrize("page", [ROOT / "docs" / "page.md", *ROOT.glob("docs/*/page.md")], ids=language)
def test_labels_are_those_of_the_page(page: Path) -> None:
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    labels = {" ".join("".join(found).split()).casefold() for found in LABEL.findall(text)}
    said = tuple(text.casefold() for text in said_in(language(page) or ENGLISH))
    assert not [label for label in sorted(labels) if not any(text.startswith(label) for text in said)]


def said_in(tag: str) -> list[str]:
    """What the page may say in a language, and other messages."""
    known = catalogue(tag)
    if known is None:
        return [*chain.from_iterable(ids(message) for message in extracted() if message.id)]
    return [*chain.from_iterable(known.forms().values())]
