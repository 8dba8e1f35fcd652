"""docs/errors.md, in each language that it is in, and the catalogue of codes say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingest.errors import CATALOGUE, CODES

ROOT = Path(__file__).resolve().parents[2]
ENGLISH, CHINESE = "docs/errors.md", "docs/zh-CN/errors.md"
PAGES = (ENGLISH, CHINESE)
SEVERITIES = {
    ENGLISH: {"error": "Error. ", "warning": "Warning. ", "info": "Info. "},
    CHINESE: {"error": "错误。", "warning": "警告。", "info": "提示。"},
}
LABELS = {ENGLISH: ("Example: ", "Remedy: "), CHINESE: ("示例：", "处理：")}
SETTING = re.compile(r"--\w+|\w+\.\w+(?:: \w+)?|\w+:(?= in )|primaryKey|quarantine|transform")


def sections(page: str) -> dict[str, re.Match[str]]:
    severities = "|".join(map(re.escape, SEVERITIES[page].values()))
    example, remedy = LABELS[page]
    pattern = (
        rf"### `(?P<code>[a-z_.]+)`\n\n(?P<severity>{severities})(?P<cause>.+)\n\n"
        rf"- {example}(?P<example>.+)\n- {remedy}(?P<remedy>.+)\n"
    )
    return {found["code"]: found for found in re.finditer(pattern, (ROOT / page).read_text(encoding="utf-8"))}


SECTIONS = {page: sections(page) for page in PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_every_code_has_a_section_in_the_order_of_the_catalogue(page: str) -> None:
    assert tuple(SECTIONS[page]) == CODES


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("page", PAGES)
def test_the_severity_is_that_of_the_catalogue(page: str, code: str) -> None:
    assert SECTIONS[page][code]["severity"] == SEVERITIES[page][CATALOGUE[code].severity]


@pytest.mark.parametrize("code", CODES)
def test_the_remedy_is_that_of_the_catalogue(code: str) -> None:
    assert SECTIONS[ENGLISH][code]["remedy"] == CATALOGUE[code].hint


@pytest.mark.parametrize("code", CODES)
def test_a_translated_remedy_names_the_same_settings(code: str) -> None:
    hint = CATALOGUE[code].hint
    for setting in SETTING.findall(hint):
        assert setting in SECTIONS[CHINESE][code]["remedy"], hint


def test_remedies_that_are_the_same_are_translated_the_same() -> None:
    """And no two others: a remedy that changes in one place only has been forgotten in another."""
    remedies = {code: SECTIONS[CHINESE][code]["remedy"] for code in CODES}
    pairs = {(CATALOGUE[code].hint, remedy) for code, remedy in remedies.items()}
    assert len(pairs) == len({hint for hint, _ in pairs}) == len({remedy for _, remedy in pairs})


def test_every_code_named_in_the_code_is_in_the_catalogue() -> None:
    named = set()
    for path in [*(ROOT / "ingest").rglob("*.py"), *(ROOT / "daemon").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'"((?:file|sheet|header|table|load|row|cell)\.[a-z_]+)"', text))
    beginnings = {name for name in named if name.endswith("_")}
    assert named - beginnings <= set(CODES)
    assert all(any(code.startswith(name) for code in CODES) for name in beginnings)
    assert len(named) > 40
