"""Links in documents lead somewhere, and a translated page says what its English original says, section by section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path

import click
import pytest
from documents import ROOT, URL, Section, anchors, in_language, language, original, sections, target

from daemon.cli.main import commands
from ingest.languages import catalogue

PAGES = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")])
TRANSLATIONS = [page for page in PAGES if language(page)]
ON_THE_PAGE = re.compile(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)")
"""What docs/page.md names as the page shows it: a whole message, or what stands in front of its colon."""
COMMAND = re.compile(r"(?<![=\w])headgate ([a-z]+)((?:[^`|;&)\n\\]|\\\n)*)")
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_in_documents_lead_somewhere(page: Path) -> None:
    astray = [f"{section.heading}: {link}" for section in sections(page) for link in section.links if lost(page, link)]
    assert not astray


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_documents_have_the_options_that_they_are_given(page: Path) -> None:
    unknown = [
        f"{command} {option}"
        for command, rest in COMMAND.findall(page.read_text(encoding="utf-8"))
        if command in commands.commands
        for option in OPTION.findall(rest)
        if option not in options(commands.commands[command])
    ]
    assert not unknown


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.get_params(click.Context(command)) for name in parameter.opts}


def lost(page: Path, link: str) -> bool:
    if URL.match(link):
        return False
    file, anchor = target(page, link)
    return anchor not in anchors(file) if anchor else not file.exists()


@pytest.mark.parametrize("page", TRANSLATIONS, ids=name)
def test_a_translation_and_its_original_begin_with_a_link_to_each_other(page: Path) -> None:
    for here, there in ((page, original(page)), (original(page), page)):
        top = sections(here)[0]
        assert there in [target(here, link)[0] for link in top.links], f"the first line of {name(here)}"


@pytest.mark.parametrize("page", TRANSLATIONS, ids=name)
def test_a_translation_leads_to_pages_in_its_language(page: Path) -> None:
    code = language(page)
    assert code
    abroad = [
        f"{section.heading}: {link}"
        for section in sections(page)[1:]
        for link in section.links
        if not URL.match(link) and in_language(target(page, link)[0], code).is_file()
    ]
    assert not abroad


@pytest.mark.parametrize("page", TRANSLATIONS, ids=name)
def test_a_translation_says_what_its_original_says(page: Path) -> None:
    """Headings, code blocks, links, tables, lists and whatever stands between backticks: prose is not compared."""
    assert sections(page)[1:], "no heading"
    behind = list(differences(page))
    assert not behind, f"{name(page)} is not as {name(original(page))}:\n" + "\n".join(behind)


def differences(page: Path) -> Iterator[str]:
    english, translated = sections(original(page))[1:], sections(page)[1:]
    theirs = [section.facts(original(page)) for section in english]
    ours = [section.facts(page) for section in translated]
    for kind, start, end, begin, stop in SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for left, right in zip_longest(range(start, end), range(begin, stop)):
            if right is None:
                yield f"“{titled(english[left])}” is missing"
            elif left is None:
                yield f"“{titled(translated[right])}” is in the translation alone"
            else:
                yield f"“{titled(english[left])}”, here “{titled(translated[right])}”:"
                yield from (f"  is missing: {fact}" for fact in sorted(theirs[left] - ours[right]))
                yield from (f"  is in the translation alone: {fact}" for fact in sorted(ours[right] - theirs[left]))


def titled(section: Section) -> str:
    return f"{'#' * section.level} {section.heading}"


@pytest.mark.parametrize("page", [one for one in TRANSLATIONS if one.name == "page.md"], ids=name)
def test_what_is_on_the_page_is_called_as_the_page_calls_it(page: Path) -> None:
    tag = language(page)
    assert tag
    known = catalogue(tag)
    assert known is not None
    said = {message.partition(":")[0]: forms[0].partition("：")[0] for message, forms in known.forms().items()}
    for english, translated in zip(sections(original(page)), sections(page), strict=True):
        for words in ON_THE_PAGE.findall(english.text):
            shown = " ".join(words.split())
            assert shown in said, "the page shows no such words"
            assert f"“{said[shown]}”" in translated.text, f"{translated.heading}: {shown}"
