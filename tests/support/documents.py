"""Markdown documents in sections: what each of them holds that no translation changes, and where its links lead."""

from __future__ import annotations

import os.path
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
README_OF: Final = re.compile(r"README\.([a-z]{2}(?:-[A-Z]{2})?)\.md")
FOLDER_OF: Final = re.compile(r"docs/([a-z]{2}(?:-[A-Z]{2})?)/(.+)")
FENCE: Final = re.compile(r"\s*(```|~~~)")
HEADING: Final = re.compile(r"(#+) +(.*?) *#*$")
CODE: Final = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
COMMENT: Final = re.compile(r"(^|\s)# .*", re.MULTILINE)
URL: Final = re.compile(r"[a-z]+:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, the lines below it but code blocks, and these; `level` is 0 for what stands above any heading."""

    heading: str
    level: int
    anchor: str
    text: str
    blocks: tuple[str, ...]

    @property
    def links(self) -> list[str]:
        """The targets of links and pictures, as they are written."""
        return LINK.findall(CODE.sub("", self.text))

    def facts(self, page: Path) -> frozenset[str]:
        """What a translation of the section holds, too, each as it is shown; comments in code are left out."""
        rows = len(re.findall(r"^ *\|", self.text, re.MULTILINE))
        items = len(re.findall(r"^ *(?:[-*]|\d+\.) ", self.text, re.MULTILINE))
        return frozenset(
            (
                f"a heading of level {self.level}",
                f"{rows} lines of tables",
                f"{items} items of lists",
                *(f"code block {number}:\n{COMMENT.sub('', block)}" for number, block in enumerate(self.blocks, 1)),
                *("`" + " ".join(code.split()) + "`" for _, code in CODE.findall(f"{self.heading}\n{self.text}")),
                *(f"a link to {place(page, link)}" for link in self.links),
            )
        )


@cache
def sections(page: Path) -> tuple[Section, ...]:
    """The sections of a page in order; the first is what stands above its first heading, if only nothing."""
    found: list[Section] = []
    seen: Counter[str] = Counter()
    heading, level, lines, blocks = "", 0, list[str](), list[str]()
    for line, block in _lines(page.read_text(encoding="utf-8")):
        title = HEADING.match(line)
        if block:
            blocks.append(line)
        elif title:
            found.append(_section(heading, level, lines, blocks, seen))
            heading, level, lines, blocks = title[2], len(title[1]), [], []
        else:
            lines.append(line)
    return (*found, _section(heading, level, lines, blocks, seen))


def _section(heading: str, level: int, lines: list[str], blocks: list[str], seen: Counter[str]) -> Section:
    anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
    seen[anchor] += 1
    unique = anchor if seen[anchor] == 1 else f"{anchor}-{seen[anchor] - 1}"
    return Section(heading=heading, level=level, anchor=unique, text="\n".join(lines), blocks=tuple(blocks))


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line outside of code blocks, and each code block, fences included, as one, with True."""
    block: list[str] = []
    for line in text.splitlines():
        if FENCE.match(line):
            block.append(line)
            if len(block) > 1:
                yield "\n".join(block), True
                block = []
        elif block:
            block.append(line)
        else:
            yield line, False


def language(page: Path) -> str | None:
    """The language of a translation, as its name or its folder says; none for an original."""
    name = page.relative_to(ROOT).as_posix()
    found = README_OF.fullmatch(name) or FOLDER_OF.fullmatch(name)
    return found[1] if found else None


def original(page: Path) -> Path:
    """The English page of which a page is the translation; an English page itself."""
    name = page.relative_to(ROOT).as_posix()
    return ROOT / README_OF.sub("README.md", FOLDER_OF.sub(r"docs/\2", name))


def in_language(page: Path, code: str) -> Path:
    """Where the translation of an English page is, if there is one."""
    if page.parent == ROOT:
        return page.with_suffix(f".{code}.md")
    return page.parent / code / page.name


def target(page: Path, link: str) -> tuple[Path, str]:
    """The file that a link of a page leads to, and the anchor in it."""
    path, _, anchor = link.partition("#")
    return Path(os.path.normpath(page.parent / path)) if path else page, anchor


def place(page: Path, link: str) -> str:
    """Where a link leads, the same in every language: the English file, and the anchor that its heading has there."""
    if URL.match(link):
        return link
    file, anchor = target(page, link)
    english = original(file)
    name = english.relative_to(ROOT).as_posix()
    if not anchor:
        return name
    theirs, ours = anchors(english), anchors(file)
    if anchor not in theirs and anchor in ours[: len(theirs)]:
        anchor = theirs[ours.index(anchor)]
    return f"{name}#{anchor}"


def anchors(file: Path) -> list[str]:
    """The anchors of a file's headings in order; none where there is no such page."""
    return [section.anchor for section in sections(file)] if file.is_file() else []
